#include "ops/conv/conv2d_of_unpooled_cpu.h"

#include <algorithm>

#include "ops/cpu/floats.h"

namespace bitale::conv2d_cpu {

WindowBlocks::WindowBlocks(const Lengths& l) {
  // Without gaps between taps, a row of the window is whole, and the rows are one block.
  const bool whole = l.columns.dilation() == 1;
  const int64_t stride = l.rows.dilation() * l.padded_width() * l.filter_channels;
  block.length = l.filter_channels * (whole ? l.columns.taps() : 1);
  block.count = whole ? l.rows.taps() : 1;
  block.stride = stride;
  block.sums_stride = block.length;
  for (int64_t y = 0; y < (whole ? 1 : l.rows.taps()); ++y) {
    for (int64_t x = 0; x < (whole ? 1 : l.columns.taps()); ++x) {
      offsets.push_back(y * stride + x * l.columns.dilation() * l.filter_channels);
    }
  }
  for (int64_t tap = 0; tap < l.taps(); ++tap) {
    for (int64_t c = 0; c < l.filter_channels; ++c) {
      filter_elements.push_back(l.filter_element(c * l.taps() + tap));
    }
  }
}

std::vector<int32_t> window_starts(const Lengths& l) {
  std::vector<int32_t> starts;
  for (int64_t y = 0; y < l.output_height; ++y) {
    for (int64_t x = 0; x < l.output_width; ++x) {
      starts.push_back(static_cast<int32_t>(
          (y * l.rows.stride() * l.padded_width() + x * l.columns.stride()) * l.filter_channels));
    }
  }
  return starts;
}

const char* refuse_operands(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  if (call.inputs[kPositions].dtype != DType::kInt32) return "only int32 positions";
  for (const OperandLayout& operand : call.inputs) {
    if (operand.size() == 0) return "an operand has no elements";
  }
  return nullptr;
}

const char* refuse_lengths(const Lengths& l) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // A filter's row may be arranged with as many elements as a vector has. (Several rows together
  // are where all filters' take up some kilobytes.)
  const bool fits = l.channels * l.padded_plane() <= kMost && l.positions() * l.depth() <= kMost &&
                    l.filters * std::max(l.depth(), cpu::kMostLanes) <= kMost;
  return fits ? nullptr : "an image's windows, or the filters, have more than 2^30 elements";
}

int64_t values_per_plane(const KernelCall& call) {
  const Dims& values = call.inputs[kValues].shape;
  return values[2] * values[3];
}

KernelCost cost_of_values(const Lengths& l, int64_t plane_values, KernelCost operands) {
  operands.flops = 2.0 * static_cast<double>(l.batch * l.filters * plane_values) *
                   static_cast<double>(l.depth());
  return operands;
}

}  // namespace bitale::conv2d_cpu
