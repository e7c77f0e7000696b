// What the CPU kernels of the three convolutions share: concrete lengths, and how windows become
// the columns of a matrix.

#ifndef BITALE_OPS_CONV_CONV2D_CPU_H_
#define BITALE_OPS_CONV_CONV2D_CPU_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_geometry_internal.h"
#include "ops/cpu/gemm.h"

namespace bitale::conv2d_cpu {

// Element k of a filter of so many taps where each plane is turned.
inline int64_t turned_element(int64_t k, int64_t taps) {
  const int64_t tap = k % taps;
  return k - tap + taps - 1 - tap;
}

// Concrete lengths of one convolution, whichever of its three tensors is the result.
struct Lengths {
  // Of the shapes of images and filters; the output's follow.
  Lengths(const Conv2dOptions& options, const Dims& image, const Dims& filters);

  int64_t batch, channels, height, width;
  int64_t filters, filter_channels;
  int64_t output_height, output_width;
  int64_t groups, group_filters;
  Conv2dAxis rows, columns;
  bool flip;

  int64_t taps() const { return rows.taps() * columns.taps(); }
  // Length of the inner axis of the matrix product: one group's channels times taps.
  int64_t depth() const { return filter_channels * taps(); }
  // The element of a filter that meets element k of a window: the same one, unless filters flip.
  int64_t filter_element(int64_t k) const { return flip ? turned_element(k, taps()) : k; }
  int64_t positions() const { return output_height * output_width; }
  int64_t padded_height() const { return rows.padded(height); }
  int64_t padded_width() const { return columns.padded(width); }
  int64_t padded_plane() const { return padded_height() * padded_width(); }
  // Of a kernel for any of the three: dense, borders included.
  KernelCost cost(KernelCost operands) const {
    operands.flops = 2.0 * static_cast<double>(batch * positions()) * static_cast<double>(filters) *
                     static_cast<double>(depth());
    return operands;
  }

  // Where windows lie some columns apart, the columns of a padded image are dealt out to as many
  // parts, one after the other: neighbouring windows start at neighbouring elements of a part.
  bool is_dealt() const { return has_padding() || columns.stride() > 1; }
  int64_t part_width() const { return (padded_width() + columns.stride() - 1) / columns.stride(); }
  int64_t part_plane() const { return padded_height() * part_width(); }
  int64_t part_size() const { return channels * part_plane(); }
  int64_t dealt_size() const { return columns.stride() * part_size(); }
  // Where a column of the first row is dealt to.
  int64_t dealt_column(int64_t column) const {
    return column % columns.stride() * part_size() + column / columns.stride();
  }
  bool has_padding() const { return padded_height() != height || padded_width() != width; }
};

// For a call of each op.
Lengths forward_lengths(const KernelCall& call);
Lengths grad_inputs_lengths(const KernelCall& call);
Lengths grad_weights_lengths(const KernelCall& call);

// A run of neighbouring output positions: part of one output row of one image.
struct Run {
  int64_t column;  // its first column in the panel
  int64_t length;
  int64_t image;
  int64_t position;  // its first position in the image
  int64_t offset;    // of its first window's first element in the batch of dealt images
};

// The runs that make up `count` columns from column `begin` of the matrix whose columns are all
// output positions of images [0, batch), image after image. Returns how many; `runs` has room for
// `count`.
int64_t find_runs(const Lengths& lengths, int64_t begin, int64_t count, Run* runs);

// Offsets of a window's elements, of one group's channels, from the window's first element, by
// (channel, row, column).
std::vector<int64_t> window_offsets(const Lengths& lengths);

// The same in images whose columns are not dealt out, but padded where they are, with so many
// elements from plane to plane.
std::vector<int64_t> offsets_in_padded(const Lengths& lengths, int64_t plane);

// 0, step, 2 step, ...
std::vector<int64_t> multiples(int64_t count, int64_t step);

// Copies `count` filters to (count, depth) in the order of window_offsets(), turned if they flip.
// Its own inverse.
template <typename T>
void order_filters(const Lengths& lengths, int64_t count, const T* filters, T* to);

// Pads images with zeros and deals out their columns.
template <typename T>
void deal_images(const Lengths& lengths, int64_t images, const T* from, T* to);
// The inverse, which drops the padding.
template <typename T>
void collect_images(const Lengths& lengths, int64_t images, const T* from, T* to);

// Multiplications that a thread takes at once, of `all` in a kernel: a share that many threads can
// divide evenly, but worth the way to another thread.
double multiplications_of_block(double all);

// The depth is walked in blocks of about equal length, whatever the other lengths are and whichever
// kernel sums: rows of a gathered panel, which with a tile's columns fills most of L1.
inline constexpr int64_t kMostDepthAtOnce = 320;
int64_t depth_blocks(int64_t depth);
int64_t depth_block_begin(int64_t depth, int64_t block);

// An epilogue takes as long to begin as to run on some hundred elements. Where a kernel's results
// become final in shorter parts than this, they are told of together.
inline constexpr int64_t kLeastPart = 256;
// Whether blocks of so many columns, which are `positions` of one image after the other, finish
// mostly such parts: blocks of several images finish whole ones.
inline bool tells_short_parts(int64_t columns, int64_t positions) {
  return columns < 2 * positions && std::min(columns, positions) < kLeastPart;
}
// Tells of all elements of a result, `count`, on all threads.
void tell_all(int64_t count, PartDone done);

// How many rows of `depth` elements a thread arranges at once, of filters or of their gradients.
int64_t rows_of_block(int64_t depth);

// Calls body(group, row, rows) for all panels of up to most_rows of each group's `rows` rows of
// `depth` elements, on all threads: what arranges filters.
template <typename Body>
void for_each_row_panel(int64_t groups, int64_t rows, int64_t most_rows, int64_t depth,
                        Body&& body) {
  const int64_t panels = cpu::panel_count(rows, most_rows);
  const int64_t at_once = cpu::panel_count(rows_of_block(depth), most_rows);
  parallel_ranges(groups * panels, at_once, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t row = cpu::panel_begin(rows, panels, panel % panels);
      body(panel / panels, row, cpu::panel_begin(rows, panels, panel % panels + 1) - row);
    }
  });
}

// Sums over images, in blocks of images: each block adds up sums of its own, `size` of them.
// Lengths alone decide on the blocks.
int64_t blocks_of_images(const Lengths& lengths, double multiplications, int64_t size);
// sums[e] += sums[size + e] + ... for `count` elements of `blocks` blocks of `size`.
template <typename T>
void add_blocks(int64_t blocks, int64_t size, int64_t count, T* sums);

// Adds up the sums of all blocks, (filters, depth) in each, and calls finish(begin, end) for ranges
// of filters whose sums are complete, on all threads.
template <typename T, typename Finish>
void finish_filters(const Lengths& lengths, int64_t blocks, int64_t size, T* sums,
                    Finish&& finish) {
  parallel_ranges(lengths.filters, rows_of_block(lengths.depth()), [&](int64_t begin, int64_t end) {
    add_blocks(blocks, size, (end - begin) * lengths.depth(), sums + begin * lengths.depth());
    finish(begin, end);
  });
}

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_CPU_H_
