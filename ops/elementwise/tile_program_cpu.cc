#include "ops/elementwise/tile_program_cpu.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/workspace.h"
#include "ops/elementwise/strided_reader_cpu.h"
#include "ops/elementwise/tile_order_cpu.h"

namespace bitale {

constexpr int64_t kLongestTile = 1024;
constexpr int64_t kShortestTile = 64;
// Tiles between steps lie on the stack of the thread that runs a block. They should stay in its
// first cache, and must fit in the larger size.
constexpr size_t kCacheBytes = 24 * 1024;
constexpr size_t kScratchBytes = 96 * 1024;
// And beside them the operands that are read for several tiles at once.
constexpr size_t kGroupedBytes = 64 * 1024;
constexpr int kMaxValues = 192;
// Operands of more bytes than this come from beyond the second cache. A step reads a tile faster
// than they arrive, and what the hardware fetches ahead ends with each page; so a tile's lines are
// asked for one tile early, some before each step.
constexpr double kFarBytes = 256 * 1024;
constexpr int64_t kLineBytes = 64;

namespace {

bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

DType computing_dtype(const ElementwiseOp& op, std::span<const DType> operands) {
  switch (op.scalar().rule) {
    case DTypeRule::kWhere:
    case DTypeRule::kSecond:
      return operands[1];
    default:
      return operands[0];
  }
}

struct Tile {
  TileFunction function;
  DType compute_as;
};

Tile find_tile(const ElementwiseOp& op, std::span<const DType> operands, DType out) {
  const DType dtype = computing_dtype(op, operands);
  if (op.scalar().rule == DTypeRule::kCast) return {cast_tile(dtype, out), dtype};
  const TileRegistrar* registrar = TileRegistrar::find(op.name());
  if (registrar == nullptr) return {nullptr, dtype};
  const TileTable table = registrar->table();
  if (table[dtype] == nullptr && is_half(dtype)) return {table[DType::kFloat32], DType::kFloat32};
  return {table[dtype], dtype};
}

}  // namespace

class TileKernel final : public GroupKernel {
 public:
  using Step = TileProgramBuilder::Step;

  TileKernel(std::span<const OperandLayout> inputs, const Dims& shape, std::vector<DType> dtypes,
             std::vector<Step> steps, bool any_ranges)
      : count_(element_count(shape)),
        input_count_(static_cast<int>(inputs.size())),
        dtypes_(std::move(dtypes)),
        steps_(std::move(steps)),
        any_ranges_(any_ranges),
        places_(dtypes_.size()) {
    for (const OperandLayout& input : inputs) readers_.emplace_back(input, shape);
    for (DType dtype : dtypes_) widest_ = std::max(widest_, size_of(dtype));
    for (const Step& step : steps_) {
      if (step.compute_as == step.in) continue;
      converts_ = true;
      widest_ = std::max(widest_, sizeof(float));
    }
    plan_order();
    place_values();
    size_slots();
    plan_fetches();
  }

  void run(const KernelFrame& frame) const override {
    parallel_ranges(order_->groups(), groups_per_block_, [&](int64_t begin, int64_t end) {
      alignas(64) std::byte scratch[kScratchBytes + kGroupedBytes];
      run_block(frame, begin, end, scratch);
    });
  }

  void run_range(const KernelFrame& frame, int64_t begin, int64_t end,
                 int64_t first_of_outputs) const override {
    alignas(64) std::byte scratch[kScratchBytes];
    std::array<void*, kMaxValues> values;
    fill_values(frame, std::min(tile_, end - begin), scratch, values.data());
    for (int64_t first = begin; first < end; first += tile_) {
      const TileOrder::Group piece{first, 1, std::min(tile_, end - first), 0};
      place_tile(frame, piece, 0, values.data(), nullptr, first_of_outputs);
      run_tile(frame, first, piece.columns, first + 2 * tile_ <= end ? tile_ : 0, values.data(),
               scratch);
    }
  }

  // A step counts as one operation on each element, whichever function it is.
  KernelCost cost(KernelCost operands) const override {
    operands.flops = static_cast<double>(count_) * static_cast<double>(steps_.size());
    return operands;
  }

  bool may_overwrite(size_t output, size_t input) const override {
    if (places_[input].kind != Place::kDirect) return false;
    bool written = false;
    for (const Step& step : steps_) {
      const std::span operands(step.operands, static_cast<size_t>(step.arity));
      if (written && std::ranges::count(operands, static_cast<int>(input)) != 0) return false;
      written = written || step.output == static_cast<int>(output);
    }
    return size_of(dtypes_[input]) == size_of(output_dtype(output));
  }

 private:
  // Where a value's tile is found.
  struct Place {
    enum Kind : uint8_t {
      kUnread,    // only its dims count
      kDirect,    // in the input's memory
      kInPlace,   // the same, tile by tile where the tile's elements lie
      kUniform,   // one element, repeated in scratch once per block
      kRepeated,  // the elements of every tile, copied to scratch once per block
      kGrouped,   // strided elements, copied to scratch for all tiles of a group
      kGather,    // strided elements, copied to scratch before the first step that reads them
      kOutput,    // in the output's memory
      kScratch,   // between steps
    };
    Kind kind = kUnread;
    int slot = -1;
    bool fills_slot() const {
      return kind == kUniform || kind == kRepeated || kind == kGather || kind == kScratch;
    }
  };

  DType output_dtype(size_t output) const {
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].output == static_cast<int>(output)) return dtypes_[input_count_ + i];
    }
    return DType::kBool;
  }

  // Decides in which tiles the group runs, and how each input comes into them. The tiles must fit
  // in the cache whatever that is.
  void plan_order() {
    std::vector<const StridedReader*> strided;
    for (int i = 0; i < input_count_; ++i) {
      if (!is_read(i)) continue;
      const StridedReader& reader = readers_[i];
      places_[i].kind = reader.is_contiguous() ? Place::kDirect
                        : reader.is_uniform()  ? Place::kUniform
                                               : Place::kRepeated;
      if (places_[i].kind == Place::kRepeated && !any_ranges_) strided.push_back(&reader);
    }
    std::vector<Place> places = places_;
    place_values();
    order_.emplace(strided, count_, most_tile());
    places_ = std::move(places);
    const auto group_elements = static_cast<size_t>(order_->group_elements());
    for (int i = 0; i < input_count_; ++i) {
      if (places_[i].kind != Place::kRepeated) continue;
      // A range may begin anywhere in a row.
      TileOrder::Reading reading =
          any_ranges_ ? TileOrder::Reading::kCopied : order_->reading(readers_[i]);
      const size_t bytes = group_elements * size_of(dtypes_[i]);
      if (reading == TileOrder::Reading::kGrouped && grouped_bytes_ + bytes > kGroupedBytes) {
        reading = TileOrder::Reading::kCopied;
      }
      switch (reading) {
        case TileOrder::Reading::kCopied:
          places_[i].kind = Place::kGather;
          break;
        case TileOrder::Reading::kInPlace:
          places_[i].kind = Place::kInPlace;
          break;
        case TileOrder::Reading::kRepeated:
          places_[i].kind = Place::kRepeated;
          break;
        case TileOrder::Reading::kGrouped:
          places_[i] = {Place::kGrouped, static_cast<int>(grouped_bytes_)};
          grouped_bytes_ += bytes;
          break;
      }
    }
    groups_per_block_ =
        std::max<int64_t>(1, kTileGrain / std::max<int64_t>(1, order_->group_elements()));
  }

  bool is_read(int value) const {
    return std::ranges::any_of(
        steps_, [&](const Step& step) { return std::ranges::count(step.operands, value) != 0; });
  }

  // Gives values their slots of scratch, which are reused after a value's last reader.
  void place_values() {
    slot_count_ = 0;
    std::vector<int> last_reader(dtypes_.size(), -1);
    for (size_t i = 0; i < steps_.size(); ++i) {
      for (int k = 0; k < steps_[i].arity; ++k) {
        if (steps_[i].operands[k] >= 0) last_reader[steps_[i].operands[k]] = static_cast<int>(i);
      }
    }
    std::vector<int> free_slots;
    const auto take_slot = [&] {
      if (free_slots.empty()) return slot_count_++;
      const int slot = free_slots.back();
      free_slots.pop_back();
      return slot;
    };
    for (Place& place : places_) {
      if (place.kind == Place::kUniform || place.kind == Place::kRepeated) place.slot = take_slot();
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const auto operands = std::span(step.operands, static_cast<size_t>(step.arity));
      for (int value : operands) {
        if (value >= 0 && places_[value].kind == Place::kGather && places_[value].slot < 0) {
          places_[value].slot = take_slot();
        }
      }
      const size_t result = input_count_ + i;
      // Taken before the operands' slots are free, so that no step reads what it writes.
      if (step.output >= 0) {
        places_[result] = {Place::kOutput, step.output};
      } else {
        places_[result] = {Place::kScratch, take_slot()};
      }
      for (int value : operands) {
        if (value < 0 || last_reader[value] != static_cast<int>(i)) continue;
        const Place& place = places_[value];
        if (place.kind != Place::kGather && place.kind != Place::kScratch) continue;
        last_reader[value] = -1;  // an operand that is read twice frees its slot once
        free_slots.push_back(place.slot);
      }
    }
  }

  // The most elements of a tile, which what lies in scratch should fit in the cache with.
  int64_t most_tile() const {
    const int slots = slot_count_ + (converts_ ? 4 : 0);
    // A value between steps may lie in an output.
    if (slots == 0 && steps_.size() == 1) return kTileGrain;
    const size_t fitting = kCacheBytes / (static_cast<size_t>(std::max(slots, 1)) * widest_);
    return std::clamp(static_cast<int64_t>(fitting) / kShortestTile * kShortestTile, kShortestTile,
                      kLongestTile);
  }

  void size_slots() {
    tile_ = order_->tile();
    slot_bytes_ = cpu::aligned_bytes(static_cast<size_t>(tile_) * widest_);
    const auto slots = static_cast<size_t>(slot_count_ + (converts_ ? 4 : 0));
    if (slots * slot_bytes_ > kScratchBytes || dtypes_.size() > kMaxValues) {
      throw CompileError("an elementwise group needs more scratch than there is");
    }
  }

  // Lines [first, last) of a value's next tile, fetched before a step.
  struct Fetch {
    int value;
    int64_t first, last;
    bool to_write;
  };

  // What lies in memory tile after tile is fetched ahead. A group of one step that walks through
  // its operands in order waits for memory at any rate.
  void plan_fetches() {
    fetches_.resize(steps_.size());
    double bytes = 0;
    std::vector<int> far;
    for (size_t v = 0; v < places_.size(); ++v) {
      if (places_[v].kind != Place::kDirect && places_[v].kind != Place::kOutput) continue;
      far.push_back(static_cast<int>(v));
      bytes += static_cast<double>(count_) * static_cast<double>(size_of(dtypes_[v]));
    }
    if (bytes <= kFarBytes || (steps_.size() < 2 && order_->is_sequential())) return;
    const auto steps = static_cast<int64_t>(steps_.size());
    for (const int v : far) {
      const int64_t lines = tile_ * static_cast<int64_t>(size_of(dtypes_[v])) / kLineBytes;
      for (int64_t step = 0; step < steps; ++step) {
        const Fetch fetch{v, lines * step / steps, lines * (step + 1) / steps,
                          places_[v].kind == Place::kOutput};
        if (fetch.first < fetch.last) fetches_[static_cast<size_t>(step)].push_back(fetch);
      }
    }
  }

  // `ahead`: elements from this tile to the next one.
  void fetch_ahead(size_t step, int64_t ahead, void* const* values) const {
    for (const Fetch& fetch : fetches_[step]) {
      const auto* const next = static_cast<const std::byte*>(values[fetch.value]) +
                               ahead * static_cast<int64_t>(size_of(dtypes_[fetch.value]));
      for (int64_t i = fetch.first; i < fetch.last; ++i) {
        if (fetch.to_write) {
          __builtin_prefetch(next + i * kLineBytes, 1);
        } else {
          __builtin_prefetch(next + i * kLineBytes, 0);
        }
      }
    }
  }

  // What is the same in all tiles, the first `count` elements of it, and where the rest has its
  // slots.
  void fill_values(const KernelFrame& frame, int64_t count, std::byte* scratch,
                   void** values) const {
    for (size_t v = 0; v < places_.size(); ++v) {
      const Place& place = places_[v];
      if (place.fills_slot()) values[v] = scratch + place.slot * slot_bytes_;
      if (place.kind == Place::kUniform) {
        fill_elements(frame.inputs[v], size_of(dtypes_[v]), count, values[v]);
      } else if (place.kind == Place::kRepeated) {
        readers_[v].read(frame.inputs[v], 0, count, values[v]);
      }
    }
  }

  // Groups [begin, end) of the order.
  void run_block(const KernelFrame& frame, int64_t begin, int64_t end, std::byte* scratch) const {
    std::array<void*, kMaxValues> values;
    fill_values(frame, tile_, scratch, values.data());
    for (int64_t index = begin; index < end; ++index) {
      const TileOrder::Group group = order_->group(index);
      if (grouped_bytes_ > 0) read_group(frame, group, scratch + kScratchBytes);
      for (int64_t row = 0; row < group.rows; row += order_->tile_rows()) {
        place_tile(frame, group, row, values.data(), scratch + kScratchBytes);
        const int64_t rows = std::min(order_->tile_rows(), group.rows - row);
        int64_t ahead = 0;
        if (!order_->is_sequential()) {
          if (row + rows < group.rows) ahead = rows * group.distance;
        } else if (index + 1 < end) {
          ahead = tile_;
        }
        run_tile(frame, group.first + row * group.distance, rows * group.columns, ahead,
                 values.data(), scratch);
      }
    }
  }

  void read_group(const KernelFrame& frame, const TileOrder::Group& group, std::byte* to) const {
    for (int v = 0; v < input_count_; ++v) {
      if (places_[v].kind != Place::kGrouped) continue;
      readers_[v].read_beside(frame.inputs[v], group.first, group.rows, group.columns,
                              to + places_[v].slot);
    }
  }

  // Where the values of the tile that begins with a row of the group lie in memory.
  void place_tile(const KernelFrame& frame, const TileOrder::Group& group, int64_t row,
                  void** values, std::byte* grouped, int64_t first_of_outputs = 0) const {
    const int64_t first = group.first + row * group.distance;
    for (size_t v = 0; v < places_.size(); ++v) {
      const auto size = static_cast<int64_t>(size_of(dtypes_[v]));
      switch (places_[v].kind) {
        case Place::kDirect:
          values[v] = static_cast<std::byte*>(frame.inputs[v]) + first * size;
          break;
        case Place::kInPlace:
          values[v] = static_cast<std::byte*>(frame.inputs[v]) + readers_[v].offset(first) * size;
          break;
        case Place::kGrouped:
          values[v] = grouped + places_[v].slot + row * group.columns * size;
          break;
        case Place::kOutput:
          values[v] = static_cast<std::byte*>(frame.outputs[places_[v].slot]) +
                      (first - first_of_outputs) * size;
          break;
        default:
          break;
      }
    }
  }

  // `ahead`: elements from this tile to the one that is to be fetched meanwhile; 0: none is.
  void run_tile(const KernelFrame& frame, int64_t first, int64_t count, int64_t ahead,
                void** values, std::byte* scratch) const {
    std::array<bool, kMaxValues> gathered;
    std::fill_n(gathered.begin(), input_count_, false);
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (ahead > 0) fetch_ahead(i, ahead, values);
      const void* operands[3] = {};
      for (int k = 0; k < step.arity; ++k) {
        const int v = step.operands[k];
        if (v < 0) continue;
        operands[k] = values[v];
        if (places_[v].kind != Place::kGather || gathered[v]) continue;
        readers_[v].read(frame.inputs[v], first, count, values[v]);
        gathered[v] = true;
      }
      void* out = values[input_count_ + i];
      if (step.compute_as == step.in) {
        step.function(count, out, operands);
      } else {
        run_converted(step, count, out, operands, scratch);
      }
    }
  }

  // Widens two-byte floats to float32 around a step, and rounds its result.
  void run_converted(const Step& step, int64_t count, void* out, const void** operands,
                     std::byte* scratch) const {
    std::byte* const wide = scratch + slot_count_ * slot_bytes_;
    for (int k = 0; k < step.arity; ++k) {
      const void* narrow = operands[k];
      operands[k] = wide + k * slot_bytes_;
      cast_tile(step.in, step.compute_as)(count, wide + k * slot_bytes_, &narrow);
    }
    if (step.out != step.in) return step.function(count, out, operands);
    void* const result = wide + 3 * slot_bytes_;
    step.function(count, result, operands);
    const void* const computed = result;
    cast_tile(step.compute_as, step.out)(count, out, &computed);
  }

  int64_t count_;
  int input_count_;
  std::vector<DType> dtypes_;  // of values
  std::vector<Step> steps_;
  bool any_ranges_;
  std::vector<Place> places_;  // of values
  std::vector<StridedReader> readers_;
  std::optional<const TileOrder> order_;
  std::vector<std::vector<Fetch>> fetches_;  // by step
  int64_t groups_per_block_ = 1;
  size_t widest_ = 1;  // of the elements of all values
  int slot_count_ = 0;
  size_t grouped_bytes_ = 0;
  bool converts_ = false;
  int64_t tile_ = 0;
  size_t slot_bytes_ = 0;
};

TileProgramBuilder::TileProgramBuilder(std::span<const OperandLayout> inputs, const Dims& shape)
    : inputs_(inputs), shape_(shape) {
  for (const OperandLayout& input : inputs) dtypes_.push_back(input.dtype);
}

int TileProgramBuilder::add_step(const ElementwiseOp& op, std::span<const int> operands,
                                 DType out) {
  Step step;
  step.arity = static_cast<int>(operands.size());
  std::vector<DType> dtypes;
  for (int k = 0; k < step.arity; ++k) {
    dtypes.push_back(dtypes_[operands[k]]);
    if (op.needs_elements(k)) step.operands[k] = operands[k];
  }
  const Tile tile = find_tile(op, dtypes, out);
  step.function = tile.function;
  step.in = computing_dtype(op, dtypes);
  step.compute_as = tile.compute_as;
  step.out = out;
  steps_.push_back(step);
  dtypes_.push_back(out);
  return static_cast<int>(dtypes_.size()) - 1;
}

int TileProgramBuilder::add_copy(int value) {
  const DType dtype = dtypes_[value];
  steps_.push_back({.function = cast_tile(dtype, dtype),
                    .arity = 1,
                    .operands = {value, -1, -1},
                    .compute_as = dtype,
                    .in = dtype,
                    .out = dtype});
  dtypes_.push_back(dtype);
  return static_cast<int>(dtypes_.size()) - 1;
}

void TileProgramBuilder::set_output(int value, int output) {
  steps_[value - static_cast<int>(inputs_.size())].output = output;
}

std::unique_ptr<const GroupKernel> TileProgramBuilder::build(bool any_ranges) {
  return std::make_unique<TileKernel>(inputs_, shape_, std::move(dtypes_), std::move(steps_),
                                      any_ranges);
}

TileFunction tile_function(const ElementwiseOp& op, std::span<const DType> operands, DType out) {
  const Tile tile = find_tile(op, operands, out);
  return tile.compute_as == computing_dtype(op, operands) ? tile.function : nullptr;
}

const char* tile_refusal(const ElementwiseOp& op, std::span<const DType> operands) {
  if (op.scalar().rule == DTypeRule::kCast) return nullptr;
  const bool known = find_tile(op, operands, DType::kBool).function != nullptr;
  return known ? nullptr : "no tile function for this dtype";
}

}  // namespace bitale
