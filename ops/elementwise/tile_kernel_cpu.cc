#include "ops/elementwise/tile_kernel_cpu.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/workspace.h"
#include "ops/elementwise/strided_reader_cpu.h"
#include "ops/elementwise/tile_order_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

constexpr int64_t kLongestTile = 1024;
constexpr int64_t kShortestTile = 64;
// Of a chain that goes from memory to memory; rows of it are no shorter than kShortestTile.
constexpr int64_t kLongestChain = 4096;
constexpr int64_t kMostRows = kLongestChain / kShortestTile;
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

class TileKernel final : public GroupKernel {
 public:
  TileKernel(std::span<const OperandLayout> inputs, const Dims& shape, std::vector<DType> dtypes,
             std::span<const TileStep> steps, bool any_ranges)
      : count_(element_count(shape)),
        input_count_(static_cast<int>(inputs.size())),
        dtypes_(std::move(dtypes)),
        any_ranges_(any_ranges),
        row_operands_(inputs, shape),
        instructions_(plan_tiles(steps, input_count_, row_operands_)),
        places_(dtypes_.size()) {
    for (const OperandLayout& input : inputs) readers_.emplace_back(input, shape);
    if (row_operands_.row_length() > 0) rows_ = Divisor(row_operands_.row_length());
    for (DType dtype : dtypes_) widest_ = std::max(widest_, size_of(dtype));
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].output < 0) continue;
      outputs_.resize(std::max(outputs_.size(), static_cast<size_t>(steps[i].output) + 1));
      outputs_[static_cast<size_t>(steps[i].output)] = input_count_ + static_cast<int>(i);
    }
    flops_ = static_cast<double>(count_) * static_cast<double>(steps.size());
    for (const TileStep& step : steps) {
      if (step.compute_as == step.in) continue;
      converts_ = true;
      widest_ = std::max(widest_, sizeof(float));
    }
    plan_order();
    place_values();
    size_slots();
    plan_gathers();
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
    operands.flops = flops_;
    return operands;
  }

  bool may_overwrite(size_t output, size_t input) const override {
    if (places_[input].kind != Place::kDirect) return false;
    const auto read = static_cast<int>(input);
    bool written = false;
    for (const TileInstruction& instruction : instructions_) {
      if (!instruction.is_chain()) {
        if (written && std::ranges::count(instruction.step.operands, read) != 0) return false;
        written = written || instruction.result == outputs_[output];
        continue;
      }
      if (written && instruction.source == read) return false;
      for (const TileInstruction::Link& link : instruction.links) {
        if (link.kind == StepKind::kStore) {
          written = written || link.value == outputs_[output];
        } else if (written && link.value == read) {
          return false;
        }
      }
    }
    return size_of(dtypes_[input]) == size_of(dtypes_[outputs_[output]]);
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
    const int64_t most = most_tile();
    const int64_t row = row_operands_.row_length();
    order_.emplace(strided, count_, most, row <= most ? std::max<int64_t>(row, 1) : 1);
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

  // Whether the elements of a value are read one by one.
  bool is_read(int value) const {
    return std::ranges::any_of(instructions_, [&](const TileInstruction& instruction) {
      return std::ranges::count(instruction.reads(row_operands_, input_count_), value) != 0;
    });
  }

  // Gives values their slots of scratch, which are reused after a value's last reader.
  void place_values() {
    slot_count_ = 0;
    std::vector<int> last_reader(dtypes_.size(), -1);
    for (size_t i = 0; i < instructions_.size(); ++i) {
      for (const int value : instructions_[i].reads(row_operands_, input_count_)) {
        last_reader[value] = static_cast<int>(i);
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
    for (size_t i = 0; i < instructions_.size(); ++i) {
      const std::vector<int> reads = instructions_[i].reads(row_operands_, input_count_);
      for (const int value : reads) {
        if (places_[value].kind == Place::kGather && places_[value].slot < 0) {
          places_[value].slot = take_slot();
        }
      }
      // Taken before the operands' slots are free, so that no instruction reads what it writes.
      for (const int value : instructions_[i].writes()) {
        const auto output = std::ranges::find(outputs_, value);
        places_[value] = output != outputs_.end()
                             ? Place{Place::kOutput, static_cast<int>(output - outputs_.begin())}
                             : Place{Place::kScratch, take_slot()};
      }
      for (const int value : reads) {
        if (last_reader[value] != static_cast<int>(i)) continue;
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
    if (slots == 0 && instructions_.size() == 1) {
      return instructions_[0].is_chain() ? whole_rows(kLongestChain) : kTileGrain;
    }
    const size_t fitting = kCacheBytes / (static_cast<size_t>(std::max(slots, 1)) * widest_);
    return whole_rows(std::clamp(static_cast<int64_t>(fitting) / kShortestTile * kShortestTile,
                                 kShortestTile, kLongestTile));
  }

  int64_t whole_rows(int64_t elements) const {
    const int64_t row = row_operands_.row_length();
    return row == 0 || row > elements ? elements : elements / row * row;
  }

  void size_slots() {
    tile_ = order_->tile();
    slot_bytes_ = cpu::aligned_bytes(static_cast<size_t>(tile_) * widest_);
    const auto slots = static_cast<size_t>(slot_count_ + (converts_ ? 4 : 0));
    if (slots * slot_bytes_ > kScratchBytes || dtypes_.size() > kMaxValues) {
      throw CompileError("an elementwise group needs more scratch than there is");
    }
  }

  void plan_gathers() {
    std::vector<bool> known(static_cast<size_t>(input_count_));
    for (const TileInstruction& instruction : instructions_) {
      std::vector<int>& gathers = gathers_.emplace_back();
      for (const int v : instruction.reads(row_operands_, input_count_)) {
        if (places_[v].kind != Place::kGather || known[v]) continue;
        known[v] = true;
        gathers.push_back(v);
      }
    }
  }

  // Lines [first, last) of a value's next tile, fetched before a step.
  struct Fetch {
    int value;
    int64_t first, last;
    bool to_write;
  };

  // What lies in memory tile after tile is fetched ahead, by a chain while it runs. A function that
  // walks through its operands in order waits for memory at any rate.
  void plan_fetches() {
    fetches_.resize(instructions_.size());
    double bytes = 0;
    std::vector<int> far;
    for (size_t v = 0; v < places_.size(); ++v) {
      // Where ranges are asked for, their results are in cache.
      const bool is_far_output = places_[v].kind == Place::kOutput && !any_ranges_;
      if (places_[v].kind != Place::kDirect && !is_far_output) continue;
      far.push_back(static_cast<int>(v));
      bytes += static_cast<double>(count_) * static_cast<double>(size_of(dtypes_[v]));
    }
    if (bytes <= kFarBytes) return;
    if (instructions_.size() == 1 && order_->is_sequential()) {
      fetches_in_chain_ = instructions_[0].is_chain();
      if (fetches_in_chain_) {
        for (const int v : far) fetches_[0].push_back({v, 0, 0, places_[v].kind == Place::kOutput});
      }
      return;
    }
    const auto steps = static_cast<int64_t>(instructions_.size());
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
    for (size_t i = 0; i < instructions_.size(); ++i) {
      const TileInstruction& instruction = instructions_[i];
      if (ahead > 0 && !fetches_in_chain_) fetch_ahead(i, ahead, values);
      gather(frame, gathers_[i], first, count, values);
      if (instruction.is_chain()) {
        run_chain(instruction, frame, {first, count, ahead}, values);
      } else {
        run_function(instruction, count, values, scratch);
      }
    }
  }

  void gather(const KernelFrame& frame, std::span<const int> inputs, int64_t first, int64_t count,
              void** values) const {
    for (const int v : inputs) readers_[v].read(frame.inputs[v], first, count, values[v]);
  }

  void run_function(const TileInstruction& instruction, int64_t count, void** values,
                    std::byte* scratch) const {
    const TileStep& step = instruction.step;
    const void* operands[3] = {};
    for (int k = 0; k < step.arity; ++k) {
      if (step.operands[k] >= 0) operands[k] = values[step.operands[k]];
    }
    void* const out = values[instruction.result];
    if (step.compute_as == step.in) {
      step.function(count, out, operands);
    } else {
      run_converted(step, count, out, operands, scratch);
    }
  }

  // Elements of the group, and how many further those of the next tile are (0: there is none).
  struct Range {
    int64_t first, count, ahead;
  };

  // Parts of rows at both ends, and whole rows between them.
  void run_chain(const TileInstruction& chain, const KernelFrame& frame, const Range& tile,
                 void** values) const {
    if (!chain.has_rows) return run_rows(chain, frame, tile, {0, 1, tile.count}, values);
    const int64_t length = row_operands_.row_length();
    const int64_t column = rows_.divide(tile.first).remainder;
    int64_t done = 0;
    if (column > 0) {
      done = std::min(tile.count, length - column);
      run_rows(chain, frame, tile, {0, 1, done}, values);
    }
    const int64_t rows = (tile.count - done) / length;
    if (rows > 0) run_rows(chain, frame, tile, {done, rows, length}, values);
    done += rows * length;
    if (done < tile.count) run_rows(chain, frame, tile, {done, 1, tile.count - done}, values);
  }

  // Rows within a tile, from element `begin` of it on.
  struct Rows {
    int64_t begin, count, length;
  };

  void run_rows(const TileInstruction& chain, const KernelFrame& frame, const Range& tile,
                const Rows& rows, void** values) const {
    alignas(64) double numbers[cpu::row_chain::kMostSteps][kMostRows];
    const DType dtype = dtypes_[chain.source];
    const Divisor::Result at = rows_.divide(tile.first + rows.begin);
    cpu::row_chain::Step steps[cpu::row_chain::kMostSteps];
    size_t count = 0;
    for (const TileInstruction::Link& link : chain.links) {
      cpu::row_chain::Step& step = steps[count++];
      step.kind = link.kind;
      if (link.value < 0) continue;
      switch (link.value < input_count_ ? row_operands_.form(link.value)
                                        : RowOperands::Form::kElements) {
        case RowOperands::Form::kElements:
          step.place = element(values[link.value], rows.begin, dtype);
          step.row_stride = rows.length;
          break;
        case RowOperands::Form::kUniform:
          step.place = frame.inputs[link.value];
          step.is_number = true;
          break;
        case RowOperands::Form::kNumbers:
          step.place = numbers[count - 1];
          step.is_number = true;
          step.row_stride = 1;
          row_operands_.read_numbers(link.value, frame.inputs[link.value], at.quotient, rows.count,
                                     step.place);
          break;
        case RowOperands::Form::kRow:
          step.place = element(frame.inputs[link.value], at.remainder, dtype);
          break;
      }
    }
    cpu::row_chain::Fetch fetches[cpu::row_chain::kMostFetches];
    size_t fetch_count = 0;
    if (fetches_in_chain_ && tile.ahead > 0) {
      for (const Fetch& fetch : fetches_[0]) {
        if (fetch_count == cpu::row_chain::kMostFetches) break;
        fetches[fetch_count++] = {static_cast<const std::byte*>(
                                      element(values[fetch.value], rows.begin + tile.ahead, dtype)),
                                  fetch.to_write};
      }
    }
    cpu::row_chain::run({.source = element(values[chain.source], rows.begin, dtype),
                         .source_stride = rows.length,
                         .steps = {steps, count},
                         .fold = std::nullopt,
                         .rows = rows.count,
                         .length = rows.length,
                         .fetches = {fetches, fetch_count}},
                        dtype == DType::kFloat64);
  }

  static void* element(void* first, int64_t index, DType dtype) {
    return static_cast<std::byte*>(first) + index * static_cast<int64_t>(size_of(dtype));
  }

  // Widens two-byte floats to float32 around a step, and rounds its result.
  void run_converted(const TileStep& step, int64_t count, void* out, const void** operands,
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
  bool any_ranges_;
  RowOperands row_operands_;
  std::vector<TileInstruction> instructions_;
  std::vector<int> outputs_;   // values
  std::vector<Place> places_;  // of values
  std::vector<StridedReader> readers_;
  Divisor rows_;  // elements of a row, if operands have rows
  std::optional<const TileOrder> order_;
  std::vector<std::vector<Fetch>> fetches_;  // by instruction
  std::vector<std::vector<int>> gathers_;    // by instruction: inputs that it is the first to read
  bool fetches_in_chain_ = false;
  double flops_ = 0;
  int64_t groups_per_block_ = 1;
  size_t widest_ = 1;  // of the elements of all values
  int slot_count_ = 0;
  size_t grouped_bytes_ = 0;
  bool converts_ = false;
  int64_t tile_ = 0;
  size_t slot_bytes_ = 0;
};

}  // namespace

std::unique_ptr<const GroupKernel> make_tile_kernel(std::span<const OperandLayout> inputs,
                                                    const Dims& shape, std::vector<DType> dtypes,
                                                    std::span<const TileStep> steps,
                                                    bool any_ranges) {
  return std::make_unique<TileKernel>(inputs, shape, std::move(dtypes), steps, any_ranges);
}

}  // namespace bitale
