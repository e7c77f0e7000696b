// conv2d with windows of one element, and its gradient for the input: filters (filters, channels)
// times the image (channels, positions), or turned filters times the output gradient. A panel of
// neighbouring columns is multiplied by all filters where it lies, or from a copy if it is of
// several images.

#include "ops/conv/conv2d_pointwise_cpu.h"

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// What a block of columns has at most: part of the second cache.
constexpr int64_t kBlockBytes = 96 << 10;
constexpr int64_t kBlockPanels = 8;
// So that many threads can divide the work evenly.
constexpr int64_t kBlocksAtLeast = 16;
// Where columns make fewer blocks, so many rows are worth that columns are copied again.
constexpr int64_t kRowsOfPart = 64;
// Rows so far apart, or a multiple of it, compete for the same places in the first cache, which
// matters where many panels of filters read them again.
constexpr int64_t kCompetingBytes = 1024;
constexpr int64_t kFewRowPanels = 2;

// Products of a matrix for each group with `depth` rows of each image, giving `rows` rows.
struct PointwiseProblem {
  int64_t batch, groups;
  int64_t rows, depth;  // of a group
  int64_t positions;
  int64_t row_stride, depth_stride;  // of the filters; group after group
};

PointwiseProblem forward_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .rows = l.group_filters,
          .depth = l.filter_channels,
          .positions = l.positions(),
          .row_stride = l.filter_channels,
          .depth_stride = 1};
}

PointwiseProblem grad_inputs_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .rows = l.filter_channels,
          .depth = l.group_filters,
          .positions = l.positions(),
          .row_stride = 1,
          .depth_stride = l.filter_channels};
}

template <typename T>
class PointwiseProduct {
 public:
  // `is_packed`: filters come as packed_filters() arranges them.
  PointwiseProduct(const PointwiseProblem& problem, bool is_packed)
      : p_(problem), is_packed_(is_packed), tile_(cpu::gemm_tile<T>()) {
    row_panels_ = cpu::panel_count(p_.rows, tile_.rows);
    const int64_t panels = cpu::panel_count(p_.batch * p_.positions, tile_.columns);
    most_depth_ = 0;
    for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
      most_depth_ = std::max(most_depth_,
                             depth_block_begin(p_.depth, b + 1) - depth_block_begin(p_.depth, b));
    }
    const int64_t bytes = panel_elements() * static_cast<int64_t>(sizeof(T));
    block_panels_ = std::clamp<int64_t>(kBlockBytes / std::max<int64_t>(bytes, 1), 1, kBlockPanels);
    block_panels_ = std::clamp<int64_t>(panels / kBlocksAtLeast, 1, block_panels_);
    blocks_ = cpu::panel_count(panels, block_panels_);
    const int64_t most_parts = std::max<int64_t>(1, p_.rows / kRowsOfPart);
    parts_ = std::clamp<int64_t>(kBlocksAtLeast / std::max<int64_t>(1, blocks_ * p_.groups), 1,
                                 most_parts);
    slots_ = cpu::SlotPool::enough_for(blocks_ * p_.groups * parts_);
    const int64_t plane_bytes = p_.positions * static_cast<int64_t>(sizeof(T));
    reads_in_place_ = plane_bytes % kCompetingBytes != 0 ||
                      cpu::panel_count(row_panels_, parts_) <= kFewRowPanels;
    tells_all_ = tells_short_parts(block_panels_ * tile_.columns, p_.positions);
  }

  struct Parts {
    T* filters;
    T* scratch;
  };
  Parts take_parts(cpu::WorkspaceLayout& layout) const {
    Parts parts;
    parts.filters = layout.take<T>(is_packed_ ? 0 : p_.groups * p_.rows * p_.depth);
    parts.scratch = layout.take<T>(slots_ * scratch_elements());
    return parts;
  }

  void run(const T* image, const T* filters, T* out, const Parts& parts, PartDone done = {}) const {
    if (!is_packed_) {
      pack_filters(filters, parts.filters);
      filters = parts.filters;
    }
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * p_.groups * parts_, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      const int64_t group = share / blocks_ / parts_;
      const int64_t part = share / blocks_ % parts_;
      multiply(image, filters, group, part, share % blocks_,
               parts.scratch + loan.slot() * scratch_elements(), out);
      if (done && !tells_all_) tell(group, part, share % blocks_, done);
    });
    if (tells_all_) tell_all(p_.batch * p_.groups * p_.rows * p_.positions, done);
  }

 private:
  int64_t panel_elements() const { return most_depth_ * tile_.columns; }
  // A panel, and results that do not lie in one image.
  int64_t scratch_elements() const {
    return cpu::whole_lines(panel_elements() + tile_.rows * tile_.columns);
  }
  int64_t row_begin(int64_t panel) const { return cpu::panel_begin(p_.rows, row_panels_, panel); }

  // As packed_filters() arranges them.
  void pack_filters(const T* filters, T* to) const {
    const auto pack_panel = [&](int64_t group, int64_t i, int64_t rows) {
      const int64_t first = group * p_.rows * p_.depth;
      for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
        const int64_t k = depth_block_begin(p_.depth, b);
        const int64_t depth = depth_block_begin(p_.depth, b + 1) - k;
        const T* from = filters + first + i * p_.row_stride + k * p_.depth_stride;
        cpu::pack_left(rows, depth, cpu::MatrixView<T>{from, p_.row_stride, p_.depth_stride},
                       to + first + k * p_.rows + i * depth);
      }
    };
    for_each_row_panel(p_.groups, p_.rows, tile_.rows, p_.depth, pack_panel);
  }

  // Columns of the whole batch, side by side, that lie in one image.
  struct Span {
    int64_t column;  // of the first one in the block
    int64_t length;
    int64_t image, position;
  };
  template <typename Body>
  void for_each_span(int64_t begin, int64_t end, Body&& body) const {
    for (int64_t at = begin; at < end;) {
      const int64_t position = at % p_.positions;
      const int64_t length = std::min(end - at, p_.positions - position);
      body(Span{at - begin, length, at / p_.positions, position});
      at += length;
    }
  }

  // The k-th channel at a column.
  const T* channel(const T* image, int64_t group, int64_t k, int64_t column) const {
    const int64_t plane = (column / p_.positions * p_.groups + group) * p_.depth + k;
    return image + plane * p_.positions + column % p_.positions;
  }

  void copy_columns(const T* image, int64_t group, int64_t k, int64_t depth, int64_t begin,
                    int64_t end, T* panel) const {
    for_each_span(begin, end, [&](const Span& span) {
      const T* from = channel(image, group, k, begin + span.column);
      if (span.length == tile_.columns) {
        tile_.pack(depth, 1, from, p_.positions, panel, 0);
        return;
      }
      T* to = panel + span.column;
      for (int64_t d = 0; d < depth; ++d, from += p_.positions, to += tile_.columns) {
        std::copy_n(from, span.length, to);
      }
    });
  }

  // The panel that is read next: rows are a plane apart, which the hardware does not foresee.
  cpu::RowsAhead<T> rows_ahead(const T* image, int64_t group, int64_t k, int64_t depth,
                               int64_t column) const {
    if (column >= p_.batch * p_.positions) return {};
    return {channel(image, group, k, column), depth, p_.positions};
  }

  void multiply(const T* image, const T* filters, int64_t group, int64_t part, int64_t block,
                T* scratch, T* out) const {
    const int64_t width = tile_.columns;
    const int64_t begin = block * block_panels_ * width;
    const int64_t end = std::min(p_.batch * p_.positions, begin + block_panels_ * width);
    const int64_t first = cpu::panel_begin(row_panels_, parts_, part);
    const int64_t last = cpu::panel_begin(row_panels_, parts_, part + 1);
    T* results = scratch + panel_elements();
    T* group_out = out + group * p_.rows * p_.positions;
    for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
      const int64_t k = depth_block_begin(p_.depth, b);
      const int64_t depth = depth_block_begin(p_.depth, b + 1) - k;
      const T* left = filters + (group * p_.depth + k) * p_.rows;
      for (int64_t at = begin; at < end; at += width) {
        Panel panel{at, std::min(width, end - at), scratch, width};
        if (reads_in_place_ && at % p_.positions + width <= p_.positions) {
          panel.elements = channel(image, group, k, at);
          panel.stride = p_.positions;
        } else {
          copy_columns(image, group, k, depth, at, at + panel.columns, scratch);
        }
        const cpu::RowsAhead<T> ahead = rows_ahead(image, group, k, depth, at + width);
        for (int64_t p = first; p < last; ++p) {
          multiply_panel(p, left, depth, panel, b > 0, ahead.part(p - first, last - first), results,
                         group_out);
        }
      }
    }
  }

  // Rows of a part are final in the columns of a block.
  void tell(int64_t group, int64_t part, int64_t block, PartDone done) const {
    const int64_t size = block_panels_ * tile_.columns;
    const int64_t begin = block * size;
    const int64_t first = row_begin(cpu::panel_begin(row_panels_, parts_, part));
    const int64_t last = row_begin(cpu::panel_begin(row_panels_, parts_, part + 1));
    for_each_span(begin, std::min(p_.batch * p_.positions, begin + size), [&](const Span& span) {
      const int64_t plane = (span.image * p_.groups + group) * p_.rows * p_.positions;
      if (span.length == p_.positions) {
        return done(plane + first * p_.positions, (last - first) * p_.positions);
      }
      for (int64_t row = first; row < last; ++row) {
        done(plane + row * p_.positions + span.position, span.length);
      }
    });
  }

  // Columns [first, first + columns) of the whole batch, with rows `stride` apart.
  struct Panel {
    int64_t first, columns;
    const T* elements;
    int64_t stride;
  };

  void multiply_panel(int64_t p, const T* left, int64_t depth, const Panel& panel, bool adds,
                      const cpu::RowsAhead<T>& ahead, T* results, T* group_out) const {
    const int64_t width = tile_.columns;
    const int64_t i = row_begin(p);
    const int64_t rows = row_begin(p + 1) - i;
    const auto place = [&](const Span& span) {
      return group_out + (span.image * p_.groups * p_.rows + i) * p_.positions + span.position;
    };
    const int64_t position = panel.first % p_.positions;
    if (position + panel.columns <= p_.positions) {
      T* to = place({0, panel.columns, panel.first / p_.positions, position});
      tile_.run(rows, panel.columns, depth, left + i * depth, panel.elements, panel.stride, to,
                p_.positions, T{1}, adds ? T{1} : T{0}, ahead);
      return;
    }
    tile_.run(rows, width, depth, left + i * depth, panel.elements, panel.stride, results, width,
              T{1}, T{0}, ahead);
    for_each_span(panel.first, panel.first + panel.columns, [&](const Span& span) {
      T* to = place(span);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < span.length; ++c) {
          const T sum = results[r * width + span.column + c];
          to[r * p_.positions + c] = adds ? to[r * p_.positions + c] + sum : sum;
        }
      }
    });
  }

  PointwiseProblem p_;
  bool is_packed_;
  const cpu::GemmTile<T>& tile_;
  int64_t row_panels_;
  int64_t most_depth_;
  int64_t block_panels_;
  int64_t blocks_;
  int64_t parts_;
  int64_t slots_;
  bool tells_all_;
  bool reads_in_place_;
};

template <typename T>
class Conv2dPointwise final : public PartwiseKernel {
 public:
  Conv2dPointwise(const KernelCall& call, bool is_packed)
      : l_(forward_lengths(call)), product_(forward_problem(l_), is_packed) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const Parts parts(*this, frame.workspace);
    const T* image = frame.input<T>(0);
    if (skips_elements(l_)) {
      thin_images(l_, image, parts.image);
      image = parts.image;
    }
    product_.run(image, frame.input<T>(1), frame.output<T>(0), parts.product, done);
  }

 private:
  struct Parts {
    Parts(const Conv2dPointwise& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      image = layout.template take<T>(skips_elements(l) ? l.batch * l.channels * l.positions() : 0);
      product = kernel.product_.take_parts(layout);
      bytes = layout.bytes();
    }
    T* image;
    typename PointwiseProduct<T>::Parts product;
    size_t bytes;
  };

  Lengths l_;
  PointwiseProduct<T> product_;
};

template <typename T>
class GradInputsPointwise final : public Kernel {
 public:
  explicit GradInputsPointwise(const KernelCall& call)
      : l_(grad_inputs_lengths(call)), product_(grad_inputs_problem(l_), false) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    T* image = skips_elements(l_) ? parts.image : frame.output<T>(0);
    product_.run(frame.input<T>(0), frame.input<T>(1), image, parts.product);
    if (skips_elements(l_)) spread_images(l_, image, frame.output<T>(0));
  }

 private:
  struct Parts {
    Parts(const GradInputsPointwise& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      image = layout.template take<T>(skips_elements(l) ? l.batch * l.channels * l.positions() : 0);
      product = kernel.product_.take_parts(layout);
      bytes = layout.bytes();
    }
    T* image;
    typename PointwiseProduct<T>::Parts product;
    size_t bytes;
  };

  Lengths l_;
  PointwiseProduct<T> product_;
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_pointwise",
                               .kind = KernelKind::kTuned,
                               .rank = 25,
                               .supports =
                                   [](const KernelCall& call) {
                                     return supports_pointwise(call, forward_lengths(call));
                                   },
                               .packed_input = packed_filters,
                               .partwise = true,
                               .make = cpu::make_for_floats<Conv2dPointwise, 1>});

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_pointwise",
                                   .kind = KernelKind::kTuned,
                                   .rank = 25,
                                   .supports =
                                       [](const KernelCall& call) {
                                         return supports_pointwise(call, grad_inputs_lengths(call));
                                       },
                                   .make = cpu::make_for_floats<GradInputsPointwise>});

}  // namespace
}  // namespace bitale::conv2d_cpu
