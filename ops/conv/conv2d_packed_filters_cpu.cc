// Filters arranged once for many calls, as PanelProduct::pack_filters() would at each.

#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/cpu/gemm.h"

namespace bitale::conv2d_cpu {
namespace {

// Parameters: groups, and whether filters are turned.
template <typename T>
void pack(const Tensor& strided, const Tensor& packed, const PackingParameters& parameters) {
  const Dims& shape = strided.shape();
  const int64_t group_filters = shape[0] / parameters[0];
  const int64_t taps = shape[2] * shape[3];
  const int64_t depth = shape[1] * taps;
  const int64_t row_panels = cpu::panel_count(group_filters, cpu::gemm_tile<T>().rows);
  T* to = packed.data<T>();
  for (int64_t g = 0; g < parameters[0]; ++g) {
    const T* const group = strided.data<T>() + g * group_filters * depth;
    for (int64_t b = 0; b < depth_blocks(depth); ++b) {
      for (int64_t p = 0; p < row_panels; ++p) {
        const int64_t first = cpu::panel_begin(group_filters, row_panels, p);
        const int64_t last = cpu::panel_begin(group_filters, row_panels, p + 1);
        for (int64_t k = depth_block_begin(depth, b); k < depth_block_begin(depth, b + 1); ++k) {
          const int64_t at = parameters[1] != 0 ? turned_element(k, taps) : k;
          for (int64_t f = first; f < last; ++f) *to++ = group[f * depth + at];
        }
      }
    }
  }
}

const Packing kFilterPanels = {
    "filter_panels",
    [](DType, const Dims& shape, const PackingParameters&) { return element_count(shape); },
    [](const Tensor& strided, const Tensor& packed, const PackingParameters& parameters) {
      if (strided.dtype() == DType::kFloat32) {
        pack<float>(strided, packed, parameters);
      } else {
        pack<double>(strided, packed, parameters);
      }
    },
    nullptr};

}  // namespace

Layout packed_filters(const KernelCall& call, size_t input) {
  if (input != 1 || call.inputs[1].size() == 0) return {};
  const Lengths lengths = forward_lengths(call);
  return {&kFilterPanels, {lengths.groups, lengths.flip}};
}

}  // namespace bitale::conv2d_cpu
