// The loops of CPU reductions: how an operand of any strides is walked, split over threads and
// summed.
//
// An operand's axes fall into kept ones (the output's) and reduced ones. The axis whose elements
// lie closest becomes the inner loop:
//
//   rows      it is reduced: each output folds its rows into one accumulator.
//   nested    so too, but the outermost reduced axis lies further out than the kept ones, as in (0,
//   2, 3)
//             of NCHW: a strip of accumulators takes one row each, in the order of memory.
//   columns   it is kept: a strip of accumulators takes one row of elements after another.
//
// Every split and every order of combining follows from shapes and strides alone, so results are
// the same bits for any number of threads. Sums are blocked: no accumulator takes more than kBlock
// values in sequence before it is added to one of the next level, which bounds the error like
// pairwise summation.

#ifndef BITALE_OPS_REDUCTION_REDUCTION_CPU_H_
#define BITALE_OPS_REDUCTION_REDUCTION_CPU_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/dim.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/reduction/vector_fold_cpu.h"

namespace bitale::reduction {

// One loop. `out` is the output's stride, 0 for reduced axes.
struct Loop {
  int64_t length = 1;
  int64_t in = 0;
  int64_t out = 0;
};
using Loops = absl::InlinedVector<Loop, 4>;

int64_t loop_count(const Loops& loops);

enum class Walk : uint8_t { kRows, kNested, kColumns };

// How an operand is walked. Axes of length 1 are gone, neighbours that form one run are joined.
struct Geometry {
  Walk walk = Walk::kRows;
  Loops kept;     // without `inner`, in the output's row-major order
  Loops reduced;  // without `inner`, in row-major order
  Loop inner;
  int64_t outputs = 1;  // elements of the output
  int64_t extent = 1;   // elements reduced into each
  int64_t slices = 1;   // parts into which each extent is cut, for want of outputs to spread
  int64_t slice_of_inner =
      0;  // > 0: slices cut the inner loop, this many each; else the outer ones
};

// `in_order`: reduced axes are walked in row-major order, and not sliced, for kernels that count
// them.
Geometry make_geometry(const OperandLayout& input, std::span<const int64_t> axes,
                       bool in_order = false);

// Walks loops in row-major order from any starting point.
class Odometer {
 public:
  Odometer(const Loops& loops, int64_t start) : loops_(loops) {
    for (size_t i = loops.size(); i-- > 0;) {
      index_[i] = start % loops[i].length;
      start /= loops[i].length;
      in_ += index_[i] * loops[i].in;
      out_ += index_[i] * loops[i].out;
    }
  }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  void advance() {
    for (size_t i = loops_.size(); i-- > 0;) {
      in_ += loops_[i].in;
      out_ += loops_[i].out;
      if (++index_[i] < loops_[i].length) return;
      in_ -= loops_[i].in * loops_[i].length;
      out_ -= loops_[i].out * loops_[i].length;
      index_[i] = 0;
    }
  }

 private:
  const Loops& loops_;
  int64_t index_[16] = {};  // loops are fewer than axes; ranks stay below 16 (checked in make())
  int64_t in_ = 0;
  int64_t out_ = 0;
};
inline constexpr int64_t kMostLoops = 16;

inline constexpr int64_t kLanes = 32;    // accumulators side by side in a contiguous row
inline constexpr int64_t kBlock = 32;    // values in sequence per accumulator and level
inline constexpr int64_t kStrip = 1024;  // accumulators of a strip of columns
inline constexpr int64_t kLevels = 4;
inline constexpr int64_t kGrain = 32768;  // elements that are worth handing to a thread

// `count` things in `parts` runs of equal length; the last ones may be shorter, or empty.
class Split {
 public:
  Split(int64_t count, int64_t parts) : count_(count), most_((count + parts - 1) / parts) {}
  int64_t most() const { return most_; }
  int64_t begin(int64_t part) const { return std::min(count_, part * most_); }
  int64_t end(int64_t part) const { return begin(part + 1); }

 private:
  int64_t count_;
  int64_t most_;
};

// An accumulator of several levels: each takes kBlock values, then passes its own upwards.
template <typename F>
class Cascade {
 public:
  using Acc = typename F::Acc;
  void add(Acc value) {
    level_[0] = F::combine(level_[0], value);
    if (++count_ % kBlock != 0) return;
    int64_t full = count_ / kBlock;
    for (int64_t i = 0; i + 1 < kLevels; ++i, full /= kBlock) {
      level_[i + 1] = F::combine(level_[i + 1], level_[i]);
      level_[i] = F::identity();
      if (full % kBlock != 0) break;
    }
  }
  Acc result() const {
    Acc total = level_[kLevels - 1];
    for (int64_t i = kLevels - 1; i-- > 0;) total = F::combine(total, level_[i]);
    return total;
  }

 private:
  Acc level_[kLevels] = {F::identity(), F::identity(), F::identity(), F::identity()};
  int64_t count_ = 0;
};

// At most kLanes * kBlock neighbouring elements, and at least one.
template <typename F, typename T>
typename F::Acc fold_block(const T* p, int64_t n) {
  if constexpr (F::vector_op().has_value()) {
    return fold_vector(*F::vector_op(), p, n);
  } else {
    auto total = F::load(p[0]);
    for (int64_t i = 1; i < n; ++i) total = F::combine(total, F::load(p[i]));
    return total;
  }
}

// n elements, `stride` apart.
template <typename F, typename T>
typename F::Acc fold_row(const T* p, int64_t n, int64_t stride) {
  if (stride == 1) {
    constexpr int64_t kMost = kLanes * kBlock;
    if (n <= kMost) return fold_block<F>(p, n);
    Cascade<F> total;
    for (int64_t i = 0; i < n; i += kMost) total.add(fold_block<F>(p + i, std::min(kMost, n - i)));
    return total.result();
  }
  Cascade<F> total;
  for (int64_t i = 0; i < n; ++i) total.add(F::load(p[i * stride]));
  return total.result();
}

// Slice `slice` of the extent that starts at `p`, the inner loop being reduced.
template <typename F, typename T>
typename F::Acc fold_slice(const Geometry& g, const T* p, int64_t slice) {
  if (g.slice_of_inner > 0) {
    const int64_t begin = slice * g.slice_of_inner;
    const int64_t n = std::min(g.slice_of_inner, g.inner.length - begin);
    return fold_row<F>(p + begin * g.inner.in, n, g.inner.in);
  }
  const int64_t rows = loop_count(g.reduced);
  if (rows == 1) return fold_row<F>(p, g.inner.length, g.inner.in);
  const Split split(rows, g.slices);
  Cascade<F> total;
  Odometer row(g.reduced, split.begin(slice));
  for (int64_t r = split.begin(slice); r < split.end(slice); ++r, row.advance()) {
    total.add(fold_row<F>(p + row.in(), g.inner.length, g.inner.in));
  }
  return total.result();
}

// A strip of accumulators of several levels.
template <typename F>
class Strip {
 public:
  using Acc = typename F::Acc;

  void start(int64_t width) {
    width_ = width;
    count_ = 0;
    for (int64_t i = 0; i < kLevels; ++i) std::fill_n(level_[i], width, F::identity());
  }
  // Where the next rows are combined into: at most room() of them, followed by advance().
  Acc* accumulators() { return level_[0]; }
  int64_t room() const { return kBlock - count_ % kBlock; }
  void advance(int64_t rows) {
    count_ += rows;
    int64_t full = count_;
    for (int64_t i = 0; i + 1 < kLevels && full % kBlock == 0; ++i, full /= kBlock) {
      add_level(i, i + 1);
      std::fill_n(level_[i], width_, F::identity());
    }
  }
  const Acc* finish() {
    for (int64_t i = kLevels - 1; i-- > 0;) add_level(i, kLevels - 1);
    return level_[kLevels - 1];
  }

 private:
  void add_level(int64_t from, int64_t to) {
    for (int64_t j = 0; j < width_; ++j) level_[to][j] = F::combine(level_[to][j], level_[from][j]);
  }

  Acc level_[kLevels][kStrip];
  int64_t width_ = 0;
  int64_t count_ = 0;
};

// acc[j] takes p[r * stride + j * step] for each row r in turn.
template <typename F, typename T>
void take_rows(typename F::Acc* acc, const T* p, int64_t stride, int64_t rows, int64_t step,
               int64_t width) {
  if constexpr (F::vector_op().has_value()) {
    if (step == 1) {
      fold_rows(*F::vector_op(), acc, p, stride, rows, width);
      return;
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = p + r * stride;
    for (int64_t j = 0; j < width; ++j) acc[j] = F::combine(acc[j], F::load(from[j * step]));
  }
}

// Rows [begin, end) of the reduced loops, `width` columns from `p`.
template <typename F, typename T>
void fold_columns(const Geometry& g, const T* p, int64_t width, int64_t begin, int64_t end,
                  Strip<F>& strip) {
  strip.start(width);
  if (g.reduced.size() == 1) {
    const int64_t stride = g.reduced[0].in;
    for (int64_t r = begin; r < end;) {
      const int64_t rows = std::min(strip.room(), end - r);
      take_rows<F>(strip.accumulators(), p + r * stride, stride, rows, g.inner.in, width);
      strip.advance(rows);
      r += rows;
    }
    return;
  }
  Odometer row(g.reduced, begin);
  for (int64_t r = begin; r < end; ++r, row.advance()) {
    take_rows<F>(strip.accumulators(), p + row.in(), 0, 1, g.inner.in, width);
    strip.advance(1);
  }
}

// Rows [begin, end) of the reduced loops for the outputs [first, first + width).
template <typename F, typename T>
void fold_nested(const Geometry& g, const T* p, int64_t first, int64_t width, int64_t begin,
                 int64_t end, Strip<F>& strip) {
  strip.start(width);
  Odometer row(g.reduced, begin);
  for (int64_t r = begin; r < end; ++r, row.advance()) {
    auto* acc = strip.accumulators();
    Odometer at(g.kept, first);
    for (int64_t j = 0; j < width; ++j, at.advance()) {
      const auto value = fold_row<F>(p + row.in() + at.in(), g.inner.length, g.inner.in);
      acc[j] = F::combine(acc[j], value);
    }
    strip.advance(1);
  }
}

// F: Acc, identity(), load(element) -> Acc, combine(Acc, Acc), store(Acc) -> Out, and vector_op()
// where fold_vector() and fold_rows() do the same.
template <typename F, typename T, typename Out>
class FoldKernel final : public Kernel {
 public:
  using Acc = typename F::Acc;
  explicit FoldKernel(Geometry geometry) : g_(std::move(geometry)) {}

  size_t workspace_bytes() const override {
    return g_.slices == 1 ? 0 : static_cast<size_t>(g_.outputs * g_.slices) * sizeof(Acc);
  }

  KernelCost cost(KernelCost operands) const override {
    operands.flops = static_cast<double>(g_.outputs) * static_cast<double>(g_.extent);
    return operands;
  }

  void run(const KernelFrame& frame) const override {
    const T* in = frame.input<T>(0);
    Out* out = frame.output<Out>(0);
    if (g_.extent == 0) {
      std::fill_n(out, g_.outputs, F::store(F::identity()));
      return;
    }
    if (g_.outputs == 0) return;
    Acc* partial = g_.slices == 1 ? nullptr : static_cast<Acc*>(frame.workspace);
    walk(in, Sink{out, partial, g_.outputs});
    if (partial == nullptr) return;
    parallel_ranges(g_.outputs, kStrip, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        Cascade<F> total;
        for (int64_t s = 0; s < g_.slices; ++s) total.add(partial[s * g_.outputs + at]);
        out[at] = F::store(total.result());
      }
    });
  }

 private:
  // Takes the result of one slice of one output: the whole, or kept until all slices are done.
  struct Sink {
    Out* out;
    Acc* partial;
    int64_t outputs;

    void operator()(int64_t at, int64_t slice, Acc value) const {
      if (partial == nullptr) {
        out[at] = F::store(value);
      } else {
        partial[slice * outputs + at] = value;
      }
    }
  };

  void walk(const T* in, const Sink& store) const {
    switch (g_.walk) {
      case Walk::kRows:
        walk_rows(in, store);
        break;
      case Walk::kNested:
        walk_nested(in, store);
        break;
      case Walk::kColumns:
        walk_columns(in, store);
        break;
    }
  }

  void walk_rows(const T* in, const Sink& store) const {
    const int64_t grain = g_.slices == 1 ? std::max<int64_t>(1, kGrain / g_.extent) : 1;
    parallel_ranges(g_.outputs * g_.slices, grain, [&](int64_t begin, int64_t end) {
      const int64_t slice = begin / g_.outputs;
      Odometer at(g_.kept, begin % g_.outputs);
      for (int64_t i = begin; i < end; ++i, at.advance()) {
        store(at.out(), slice, fold_slice<F>(g_, in + at.in(), slice));
      }
    });
  }

  void walk_nested(const T* in, const Sink& store) const {
    const int64_t strips = (g_.outputs + kStrip - 1) / kStrip;
    const Split rows(loop_count(g_.reduced), g_.slices);
    parallel_for(strips * g_.slices, [&](int64_t task) {
      Strip<F> strip;
      const int64_t slice = task / strips;
      const int64_t first = task % strips * kStrip;
      const int64_t width = std::min(kStrip, g_.outputs - first);
      fold_nested<F>(g_, in, first, width, rows.begin(slice), rows.end(slice), strip);
      const Acc* result = strip.finish();
      Odometer at(g_.kept, first);
      for (int64_t j = 0; j < width; ++j, at.advance()) store(at.out(), slice, result[j]);
    });
  }

  void walk_columns(const T* in, const Sink& store) const {
    const int64_t strips = (g_.inner.length + kStrip - 1) / kStrip;
    const int64_t outer = loop_count(g_.kept);
    const Split rows(g_.extent, g_.slices);
    const int64_t work = rows.most() * std::min(kStrip, g_.inner.length);
    const int64_t grain = std::max<int64_t>(1, kGrain / work);
    parallel_ranges(outer * strips * g_.slices, grain, [&](int64_t begin, int64_t end) {
      Strip<F> strip;
      for (int64_t task = begin; task < end; ++task) {
        const int64_t slice = task / (outer * strips);
        const Odometer at(g_.kept, task / strips % outer);
        const int64_t column = task % strips * kStrip;
        const int64_t width = std::min(kStrip, g_.inner.length - column);
        fold_columns<F>(g_, in + at.in() + column * g_.inner.in, width, rows.begin(slice),
                        rows.end(slice), strip);
        const Acc* result = strip.finish();
        for (int64_t j = 0; j < width; ++j) {
          store(at.out() + (column + j) * g_.inner.out, slice, result[j]);
        }
      }
    });
  }

  Geometry g_;
};

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_REDUCTION_CPU_H_
