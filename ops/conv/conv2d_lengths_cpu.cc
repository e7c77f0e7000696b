#include <algorithm>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {
namespace {

const Conv2dOptions& options_of(const KernelCall& call) {
  return call.op_as<Conv2dBaseOp>().options();
}

// Calls body(length, undealt, dealt) for each run of an image's elements that are dealt out from
// the first part on: its length, and where it starts in either.
template <typename Body>
void for_each_deal(const Lengths& l, Body&& body) {
  const int64_t step = l.columns.stride();
  if (!l.has_padding() && l.width % step == 0) {
    body(l.channels * l.height * l.width, 0, 0);
    return;
  }
  // Columns before the first one that goes to the first part are runs of their own.
  const int64_t before = l.columns.before();
  const int64_t first = std::min((step - before % step) % step, l.width);
  for (int64_t row = 0; row < l.channels * l.height; ++row) {
    const int64_t from = row * l.width;
    const int64_t padded_row = row / l.height * l.padded_height() + row % l.height;
    const int64_t to = (padded_row + l.rows.before()) * l.part_width();
    for (int64_t x = 0; x < first; ++x) body(1, from + x, to + l.dealt_column(before + x));
    body(l.width - first, from + first, to + l.dealt_column(before + first));
  }
}

template <typename Place>
std::vector<int64_t> offsets_of_window(const Lengths& l, int64_t plane, int64_t row,
                                       Place&& place_of_column) {
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<size_t>(l.depth()));
  for (int64_t c = 0; c < l.filter_channels; ++c) {
    for (int64_t y = 0; y < l.rows.taps(); ++y) {
      for (int64_t x = 0; x < l.columns.taps(); ++x) {
        offsets.push_back(c * plane + y * l.rows.dilation() * row +
                          place_of_column(x * l.columns.dilation()));
      }
    }
  }
  return offsets;
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
    const int64_t offset = image * l.dealt_size() + row * l.rows.stride() * l.part_width() + column;
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
  return offsets_of_window(l, l.part_plane(), l.part_width(),
                           [&](int64_t column) { return l.dealt_column(column); });
}

std::vector<int64_t> offsets_in_padded(const Lengths& l, int64_t plane) {
  return offsets_of_window(l, plane, l.padded_width(), [](int64_t column) { return column; });
}

std::vector<int64_t> multiples(int64_t count, int64_t step) {
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < count; ++i) offsets.push_back(i * step);
  return offsets;
}

template <typename T>
void order_filters(const Lengths& l, int64_t count, const T* filters, T* to) {
  const int64_t taps = l.taps();
  for (int64_t plane = 0; plane < count * l.filter_channels; ++plane) {
    if (l.flip) {
      std::reverse_copy(filters, filters + taps, to);
    } else {
      std::copy_n(filters, taps, to);
    }
    filters += taps;
    to += taps;
  }
}

template <typename T>
void deal_images(const Lengths& l, int64_t images, const T* from, T* to) {
  const bool has_gaps = l.channels * l.height * l.width != l.dealt_size();
  for (int64_t n = 0; n < images; ++n) {
    if (has_gaps) std::fill_n(to, l.dealt_size(), T{0});
    for_each_deal(l, [&](int64_t length, int64_t undealt, int64_t dealt) {
      cpu::runs<T>().deal(length, l.columns.stride(), from + undealt, to + dealt, l.part_size());
    });
    from += l.channels * l.height * l.width;
    to += l.dealt_size();
  }
}

template <typename T>
void collect_images(const Lengths& l, int64_t images, const T* from, T* to) {
  for (int64_t n = 0; n < images; ++n) {
    for_each_deal(l, [&](int64_t length, int64_t undealt, int64_t dealt) {
      cpu::runs<T>().collect(length, l.columns.stride(), from + dealt, l.part_size(), to + undealt);
    });
    from += l.dealt_size();
    to += l.channels * l.height * l.width;
  }
}

#define BITALE_INSTANTIATE(T)                                            \
  template void order_filters<T>(const Lengths&, int64_t, const T*, T*); \
  template void deal_images<T>(const Lengths&, int64_t, const T*, T*);   \
  template void collect_images<T>(const Lengths&, int64_t, const T*, T*)
BITALE_INSTANTIATE(float);
BITALE_INSTANTIATE(double);
#undef BITALE_INSTANTIATE

}  // namespace bitale::conv2d_cpu
