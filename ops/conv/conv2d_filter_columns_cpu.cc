#include "ops/conv/conv2d_filter_columns_cpu.h"

#include <algorithm>

#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {
namespace {

// Parameters: groups, and whether filters are turned.
FilterColumns of_shape(const Dims& shape, const PackingParameters& parameters) {
  return {parameters[0], shape[0] / parameters[0], shape[1], shape[2] * shape[3],
          parameters[1] != 0};
}

template <typename T>
void pack_all(const Tensor& strided, const Tensor& packed, const PackingParameters& parameters) {
  const FilterColumns columns = of_shape(strided.shape(), parameters);
  for (int64_t panel = 0; panel < columns.panels<T>(); ++panel) {
    columns.pack(panel, strided.data<T>(), packed.data<T>() + panel * columns.panel_elements<T>());
  }
}

const Packing kFilterColumns = {
    "filter_columns",
    [](DType dtype, const Dims& shape, const PackingParameters& parameters) {
      const FilterColumns columns = of_shape(shape, parameters);
      return dtype == DType::kFloat32 ? columns.panels<float>() * columns.panel_elements<float>()
                                      : columns.panels<double>() * columns.panel_elements<double>();
    },
    [](const Tensor& strided, const Tensor& packed, const PackingParameters& parameters) {
      if (strided.dtype() == DType::kFloat32) {
        pack_all<float>(strided, packed, parameters);
      } else {
        pack_all<double>(strided, packed, parameters);
      }
    },
    nullptr};

}  // namespace

template <typename T>
void FilterColumns::pack(int64_t panel, const T* filters, T* to) const {
  const int64_t width = cpu::gemm_tile<T>().columns;
  const int64_t first = panel % group_panels<T>() * width;
  const int64_t columns = std::min(width, group_filters - first);
  if (columns < width) std::fill_n(to, panel_elements<T>(), T{0});
  int64_t begins[cpu::kMostTileColumns];
  for (int64_t f = 0; f < columns; ++f) {
    begins[f] = (panel / group_panels<T>() * group_filters + first + f) * depth();
  }
  if (!flip) return cpu::runs<T>().gather_columns(columns, begins, depth(), filters, to, width);
  for (int64_t c = 0; c < channels; ++c) {
    cpu::runs<T>().gather_columns(columns, begins, taps, filters + c * taps,
                                  to + ((c + 1) * taps - 1) * width, -width);
  }
}

FilterColumns filter_columns(const Lengths& l) {
  return {l.groups, l.group_filters, l.filter_channels, l.taps(), l.flip};
}

Layout packed_filter_columns(const KernelCall& call, size_t input) {
  if (input != 1 || call.inputs[1].size() == 0) return {};
  const Lengths lengths = forward_lengths(call);
  return {&kFilterColumns, {lengths.groups, lengths.flip}};
}

template void FilterColumns::pack<float>(int64_t, const float*, float*) const;
template void FilterColumns::pack<double>(int64_t, const double*, double*) const;

}  // namespace bitale::conv2d_cpu
