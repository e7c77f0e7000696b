#include <algorithm>

#include "ops/conv/conv2d_cpu.h"

namespace bitale::conv2d_cpu {
namespace {

const Conv2dOptions& options_of(const KernelCall& call) {
  return call.op_as<Conv2dBaseOp>().options();
}

// Calls body(columns, first, laid) for each set of a row's columns that are laid side by side:
// their number, and the offsets of the first of them in the planes and in the laid ones. Padding is
// left out.
template <typename Body>
void for_each_laid_row(const Lengths& l, int64_t planes, Body&& body) {
  const int64_t step = l.columns.stride();
  for (int64_t first = 0; first < std::min(step, l.width); ++first) {
    const int64_t count = (l.width - first + step - 1) / step;
    const int64_t laid =
        l.rows.before() * l.laid_width() + l.laid_column(first + l.columns.before());
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t y = 0; y < l.height; ++y) {
        body(count, (plane * l.height + y) * l.width + first,
             plane * l.laid_plane() + y * l.laid_width() + laid);
      }
    }
  }
}

}  // namespace

Lengths::Lengths(const Conv2dOptions& options, const Dims& image, const Dims& filters_shape)
    : batch(image[0]),
      channels(image[1]),
      height(image[2]),
      width(image[3]),
      filters(filters_shape[0]),
      filter_channels(filters_shape[1]),
      groups(options.num_groups),
      group_filters(filters_shape[0] / options.num_groups),
      rows(options, 0, filters_shape[2]),
      columns(options, 1, filters_shape[3]),
      flip(options.filter_flip) {
  output_height = rows.output(height);
  output_width = columns.output(width);
}

Lengths forward_lengths(const KernelCall& call) {
  return {options_of(call), call.inputs[0].shape, call.inputs[1].shape};
}
Lengths grad_inputs_lengths(const KernelCall& call) {
  return {options_of(call), call.outputs[0].shape, call.inputs[1].shape};
}
Lengths grad_weights_lengths(const KernelCall& call) {
  return {options_of(call), call.inputs[0].shape, call.outputs[0].shape};
}

int64_t find_runs(const Lengths& l, int64_t begin, int64_t count, Run* runs) {
  int64_t found = 0;
  int64_t image = begin / l.positions();
  int64_t position = begin % l.positions();
  int64_t row = position / l.output_width;
  int64_t column = position % l.output_width;
  for (int64_t done = 0; done < count;) {
    const int64_t length = std::min(l.output_width - column, count - done);
    const int64_t offset =
        image * l.channels * l.laid_plane() + row * l.rows.stride() * l.laid_width() + column;
    runs[found++] = {done, length, image, position, offset};
    done += length;
    position += length;
    column = 0;
    if (++row == l.output_height) {
      row = 0;
      position = 0;
      ++image;
    }
  }
  return found;
}

std::vector<int64_t> window_offsets(const Lengths& l) {
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<size_t>(l.depth()));
  for (int64_t c = 0; c < l.filter_channels; ++c) {
    for (int64_t y = 0; y < l.rows.taps(); ++y) {
      for (int64_t x = 0; x < l.columns.taps(); ++x) {
        offsets.push_back(c * l.laid_plane() + y * l.rows.dilation() * l.laid_width() +
                          l.laid_column(x * l.columns.dilation()));
      }
    }
  }
  return offsets;
}

template <typename T>
void order_filters(const Lengths& l, const T* filters, T* to) {
  const int64_t taps = l.taps();
  for (int64_t plane = 0; plane < l.filters * l.filter_channels; ++plane) {
    if (l.flip) {
      std::reverse_copy(filters, filters + taps, to);
    } else {
      std::copy_n(filters, taps, to);
    }
    filters += taps;
    to += taps;
  }
}

// Turning twice changes nothing.
template <typename T>
void restore_filters(const Lengths& l, const T* from, T* filters) {
  order_filters(l, from, filters);
}

template <typename T>
void lay_planes(const Lengths& l, int64_t planes, const T* from, T* to) {
  const int64_t step = l.columns.stride();
  std::fill_n(to, planes * l.laid_plane(), T{0});
  for_each_laid_row(l, planes, [&](int64_t count, int64_t first, int64_t laid) {
    if (step == 1) {
      std::copy_n(from + first, count, to + laid);
    } else {
      for (int64_t i = 0; i < count; ++i) to[laid + i] = from[first + i * step];
    }
  });
}

template <typename T>
void take_planes(const Lengths& l, int64_t planes, const T* from, T* to) {
  const int64_t step = l.columns.stride();
  for_each_laid_row(l, planes, [&](int64_t count, int64_t first, int64_t laid) {
    if (step == 1) {
      std::copy_n(from + laid, count, to + first);
    } else {
      for (int64_t i = 0; i < count; ++i) to[first + i * step] = from[laid + i];
    }
  });
}

#define BITALE_INSTANTIATE(T)                                         \
  template void order_filters<T>(const Lengths&, const T*, T*);       \
  template void restore_filters<T>(const Lengths&, const T*, T*);     \
  template void lay_planes<T>(const Lengths&, int64_t, const T*, T*); \
  template void take_planes<T>(const Lengths&, int64_t, const T*, T*)
BITALE_INSTANTIATE(float);
BITALE_INSTANTIATE(double);
#undef BITALE_INSTANTIATE

}  // namespace bitale::conv2d_cpu
