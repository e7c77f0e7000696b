#include "ops/elementwise/tile_kernel_cpu.h"

#include <algorithm>
#include <array>

#include "core/runtime/thread_pool.h"
#include "ops/elementwise/tile_chain_cpu.h"
#include "ops/elementwise/tile_fetches_cpu.h"
#include "ops/elementwise/tile_places_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

class TileKernel final : public GroupKernel {
 public:
  TileKernel(std::span<const OperandLayout> inputs, const Dims& shape, std::vector<DType> dtypes,
             std::span<const TileStep> steps, bool any_ranges)
      : group_(inputs, shape, std::move(dtypes), steps, any_ranges),
        places_(group_),
        fetches_(group_, places_),
        chains_(group_, fetches_),
        groups_per_block_(std::max<int64_t>(
            1, kTileGrain / std::max<int64_t>(1, places_.order().group_elements()))),
        flops_(static_cast<double>(group_.count) * static_cast<double>(steps.size())) {}
  TileKernel(const TileKernel&) = delete;

  void run(const KernelFrame& frame) const override {
    parallel_ranges(places_.order().groups(), groups_per_block_, [&](int64_t begin, int64_t end) {
      alignas(64) std::byte scratch[TilePlaces::kScratchBytes + TilePlaces::kGroupedBytes];
      run_block(frame, begin, end, scratch);
    });
  }

  void run_range(const KernelFrame& frame, int64_t begin, int64_t end,
                 int64_t first_of_outputs) const override {
    alignas(64) std::byte scratch[TilePlaces::kScratchBytes];
    std::array<void*, TilePlaces::kMostValues> values;
    const int64_t tile = places_.tile();
    places_.start(frame, std::min(tile, end - begin), scratch, values.data());
    for (int64_t first = begin; first < end; first += tile) {
      const TileOrder::Group piece{first, 1, std::min(tile, end - first), 0};
      places_.place_tile(frame, piece, 0, values.data(), nullptr, first_of_outputs);
      const int64_t ahead = first + 2 * tile <= end ? tile : 0;
      run_tile(frame, {first, piece.columns, ahead}, values.data(), scratch);
    }
  }

  // A step counts as one operation on each element, whichever function it is.
  KernelCost cost(KernelCost operands) const override {
    operands.flops = flops_;
    return operands;
  }

  bool may_overwrite(size_t output, size_t input) const override {
    if (places_[input].kind != TilePlaces::Place::kDirect) return false;
    const auto read = static_cast<int>(input);
    bool written = false;
    for (const TileInstruction& instruction : group_.instructions) {
      if (!instruction.is_chain()) {
        if (written && std::ranges::count(instruction.step.operands, read) != 0) return false;
        written = written || instruction.result == group_.outputs[output];
        continue;
      }
      if (written && instruction.source == read) return false;
      for (const TileInstruction::Link& link : instruction.links) {
        if (link.kind == StepKind::kStore) {
          written = written || link.value == group_.outputs[output];
        } else if (written && link.value == read) {
          return false;
        }
      }
    }
    return size_of(group_.dtypes[input]) == size_of(group_.dtypes[group_.outputs[output]]);
  }

 private:
  // Groups [begin, end) of the order.
  void run_block(const KernelFrame& frame, int64_t begin, int64_t end, std::byte* scratch) const {
    const TileOrder& order = places_.order();
    std::byte* const grouped = scratch + TilePlaces::kScratchBytes;
    std::array<void*, TilePlaces::kMostValues> values;
    places_.start(frame, places_.tile(), scratch, values.data());
    for (int64_t index = begin; index < end; ++index) {
      const TileOrder::Group group = order.group(index);
      places_.read_group(frame, group, grouped);
      for (int64_t row = 0; row < group.rows; row += order.tile_rows()) {
        places_.place_tile(frame, group, row, values.data(), grouped);
        const int64_t rows = std::min(order.tile_rows(), group.rows - row);
        int64_t ahead = 0;
        if (!order.is_sequential()) {
          if (row + rows < group.rows) ahead = rows * group.distance;
        } else if (index + 1 < end) {
          ahead = places_.tile();
        }
        run_tile(frame, {group.first + row * group.distance, rows * group.columns, ahead},
                 values.data(), scratch);
      }
    }
  }

  void run_tile(const KernelFrame& frame, const TileRange& tile, void** values,
                std::byte* scratch) const {
    for (size_t i = 0; i < group_.instructions.size(); ++i) {
      const TileInstruction& instruction = group_.instructions[i];
      fetches_.before(i, tile.ahead, values);
      places_.gather(frame, i, tile.first, tile.count, values);
      if (instruction.is_chain()) {
        chains_.run(instruction, frame, tile, values);
      } else {
        run_function(instruction, tile.count, values, scratch);
      }
    }
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

  // Widens two-byte floats to float32 around a step, and rounds its result.
  void run_converted(const TileStep& step, int64_t count, void* out, const void** operands,
                     std::byte* scratch) const {
    std::byte* const wide = scratch + places_.bytes_of_slots();
    for (int k = 0; k < step.arity; ++k) {
      const void* narrow = operands[k];
      operands[k] = wide + k * places_.slot_bytes();
      cast_tile(step.in, step.compute_as)(count, wide + k * places_.slot_bytes(), &narrow);
    }
    if (step.out != step.in) return step.function(count, out, operands);
    void* const result = wide + 3 * places_.slot_bytes();
    step.function(count, result, operands);
    const void* const computed = result;
    cast_tile(step.compute_as, step.out)(count, out, &computed);
  }

  TileGroup group_;
  TilePlaces places_;
  TileFetches fetches_;
  TileChains chains_;
  int64_t groups_per_block_;
  double flops_;
};

}  // namespace

std::unique_ptr<const GroupKernel> make_tile_kernel(std::span<const OperandLayout> inputs,
                                                    const Dims& shape, std::vector<DType> dtypes,
                                                    std::span<const TileStep> steps,
                                                    bool any_ranges) {
  return std::make_unique<TileKernel>(inputs, shape, std::move(dtypes), steps, any_ranges);
}

}  // namespace bitale
