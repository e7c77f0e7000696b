#include "ops/elementwise/tile_places_cpu.h"

#include <algorithm>

#include "core/base/error.h"
#include "ops/cpu/workspace.h"
#include "ops/elementwise/tile_program_cpu.h"

namespace bitale {
namespace {

constexpr int64_t kLongestTile = 1024;
constexpr int64_t kShortestTile = 64;
// Of a chain that goes from memory to memory.
constexpr int64_t kLongestChain = kMostTileRows * kShortestTile;
// What lies in scratch should stay in the first cache.
constexpr size_t kCacheBytes = 24 * 1024;

}  // namespace

TilePlaces::TilePlaces(const TileGroup& group) : group_(group), places_(group.dtypes.size()) {
  plan_order();
  place_values();
  size_slots();
  plan_gathers();
}

// Decides in which tiles the group runs, and how each input comes into them. The tiles must fit
// in the cache whatever that is.
void TilePlaces::plan_order() {
  std::vector<const StridedReader*> strided;
  for (int i = 0; i < group_.input_count; ++i) {
    if (!group_.is_read(i)) continue;
    const StridedReader& reader = group_.readers[i];
    places_[i].kind = reader.is_contiguous() ? Place::kDirect
                      : reader.is_uniform()  ? Place::kUniform
                                             : Place::kRepeated;
    if (places_[i].kind == Place::kRepeated && !group_.any_ranges) strided.push_back(&reader);
  }
  std::vector<Place> places = places_;
  place_values();
  const int64_t most = most_tile();
  const int64_t row = group_.rows.row_length();
  order_.emplace(strided, group_.count, most, row <= most ? std::max<int64_t>(row, 1) : 1);
  places_ = std::move(places);
  const auto group_elements = static_cast<size_t>(order_->group_elements());
  for (int i = 0; i < group_.input_count; ++i) {
    if (places_[i].kind != Place::kRepeated) continue;
    // A range may begin anywhere in a row.
    TileOrder::Reading reading =
        group_.any_ranges ? TileOrder::Reading::kCopied : order_->reading(group_.readers[i]);
    const size_t bytes = group_elements * size_of(group_.dtypes[i]);
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
}

// Gives values their slots of scratch, which are reused after a value's last reader.
void TilePlaces::place_values() {
  slot_count_ = 0;
  std::vector<int> last_reader(group_.dtypes.size(), -1);
  for (size_t i = 0; i < group_.instructions.size(); ++i) {
    for (const int value : group_.reads(group_.instructions[i])) {
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
  for (size_t i = 0; i < group_.instructions.size(); ++i) {
    const std::vector<int> reads = group_.reads(group_.instructions[i]);
    for (const int value : reads) {
      if (places_[value].kind == Place::kGather && places_[value].slot < 0) {
        places_[value].slot = take_slot();
      }
    }
    // Taken before the operands' slots are free, so that no instruction writes where its operands
    // lie.
    for (const int value : group_.instructions[i].writes()) {
      const auto output = std::ranges::find(group_.outputs, value);
      places_[value] =
          output != group_.outputs.end()
              ? Place{Place::kOutput, static_cast<int>(output - group_.outputs.begin())}
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
int64_t TilePlaces::most_tile() const {
  const int slots = slot_count_ + (group_.converts ? 4 : 0);
  // A value between steps may lie in an output.
  if (slots == 0 && group_.instructions.size() == 1) {
    return group_.instructions[0].is_chain() ? whole_rows(kLongestChain) : kTileGrain;
  }
  const size_t fitting = kCacheBytes / (static_cast<size_t>(std::max(slots, 1)) * group_.widest);
  return whole_rows(std::clamp(static_cast<int64_t>(fitting) / kShortestTile * kShortestTile,
                               kShortestTile, kLongestTile));
}

int64_t TilePlaces::whole_rows(int64_t elements) const {
  const int64_t row = group_.rows.row_length();
  return row == 0 || row > elements ? elements : elements / row * row;
}

void TilePlaces::size_slots() {
  slot_bytes_ = cpu::aligned_bytes(static_cast<size_t>(tile()) * group_.widest);
  const auto slots = static_cast<size_t>(slot_count_ + (group_.converts ? 4 : 0));
  if (slots * slot_bytes_ > kScratchBytes || group_.dtypes.size() > kMostValues) {
    throw CompileError("an elementwise group needs more scratch than there is");
  }
}

void TilePlaces::plan_gathers() {
  std::vector<bool> known(static_cast<size_t>(group_.input_count));
  for (const TileInstruction& instruction : group_.instructions) {
    std::vector<int>& gathers = gathers_.emplace_back();
    for (const int v : group_.reads(instruction)) {
      if (places_[v].kind != Place::kGather || known[v]) continue;
      known[v] = true;
      gathers.push_back(v);
    }
  }
}

void TilePlaces::start(const KernelFrame& frame, int64_t count, std::byte* scratch,
                       void** values) const {
  for (size_t v = 0; v < places_.size(); ++v) {
    const Place& place = places_[v];
    if (place.fills_slot()) values[v] = scratch + place.slot * slot_bytes_;
    if (place.kind == Place::kUniform) {
      fill_elements(frame.inputs[v], size_of(group_.dtypes[v]), count, values[v]);
    } else if (place.kind == Place::kRepeated) {
      group_.readers[v].read(frame.inputs[v], 0, count, values[v]);
    }
  }
}

void TilePlaces::read_group(const KernelFrame& frame, const TileOrder::Group& group,
                            std::byte* to) const {
  if (grouped_bytes_ == 0) return;
  for (int v = 0; v < group_.input_count; ++v) {
    if (places_[v].kind != Place::kGrouped) continue;
    group_.readers[v].read_beside(frame.inputs[v], group.first, group.rows, group.columns,
                                  to + places_[v].slot);
  }
}

void TilePlaces::place_tile(const KernelFrame& frame, const TileOrder::Group& group, int64_t row,
                            void** values, std::byte* grouped, int64_t first_of_outputs) const {
  const int64_t first = group.first + row * group.distance;
  for (size_t v = 0; v < places_.size(); ++v) {
    const auto size = static_cast<int64_t>(size_of(group_.dtypes[v]));
    switch (places_[v].kind) {
      case Place::kDirect:
        values[v] = static_cast<std::byte*>(frame.inputs[v]) + first * size;
        break;
      case Place::kInPlace:
        values[v] =
            static_cast<std::byte*>(frame.inputs[v]) + group_.readers[v].offset(first) * size;
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

void TilePlaces::gather(const KernelFrame& frame, size_t instruction, int64_t first, int64_t count,
                        void** values) const {
  for (const int v : gathers_[instruction]) {
    group_.readers[v].read(frame.inputs[v], first, count, values[v]);
  }
}

}  // namespace bitale
