// How reductions on a CPU walk an operand of any strides, and how the work is split over threads.
//
// An operand's axes fall into kept ones (the output's) and reduced ones. The axis whose elements
// lie closest becomes the inner loop:
//
//   rows      it is reduced: rows of elements are folded each into one number. Where rows are
//             short, many of them are folded at once, so that vectors are full: those of
//             neighbouring outputs, or of one output.
//   columns   it is kept: a strip of accumulators takes one row of elements after another.
//
// Every split and every order of combining follows from shapes and strides alone, so results are
// the same bits for any number of threads.

#ifndef BITALE_OPS_REDUCTION_REDUCTION_CPU_H_
#define BITALE_OPS_REDUCTION_REDUCTION_CPU_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"
#include "core/compile/kernel_registry.h"

namespace bitale::reduction {

// One loop. `out` is the output's stride, 0 for reduced axes.
struct Loop {
  int64_t length = 1;
  int64_t in = 0;
  int64_t out = 0;
};
using Loops = absl::InlinedVector<Loop, 4>;

int64_t loop_count(const Loops& loops);

enum class Walk : uint8_t { kRows, kColumns };

// How an operand is walked. Axes of length 1 are gone, neighbours that form one run are joined.
struct Geometry {
  Walk walk = Walk::kRows;
  Loops kept;     // without `inner` and `group`
  Loops reduced;  // without `inner`
  Loop inner;
  // Rows that lie within each other, as those along the middle axis of three: a kept loop that is
  // walked with each row.
  Loop group;
  // Where the loops start: those that run backwards in memory are turned round.
  int64_t first_in = 0;
  int64_t first_out = 0;
  int64_t outputs = 1;  // elements of the output
  int64_t extent = 1;   // elements reduced into each
  int64_t slices = 1;   // parts into which each extent is cut, for want of outputs to spread
  int64_t slice_of_inner =
      0;  // > 0: slices cut the inner loop, this many each; else the outer ones
  int64_t strip = 1;  // outputs, or columns, that are walked at once
  // Rows are folded for runs of reduced loops, not of kept ones.
  bool along_reduced = false;
  // Columns: so many rows without gaps between them count as one wide one, a power of two.
  int64_t rows_at_once = 1;
};

Geometry make_geometry(const OperandLayout& input, std::span<const int64_t> axes);

// Reduced axes are walked in row-major order, and not sliced, for kernels that count them; kept
// ones may be walked in any order.
Geometry make_geometry_in_order(const OperandLayout& input, std::span<const int64_t> axes);

inline constexpr int64_t kMostLoops = 16;
inline constexpr int64_t kStrip = 1024;   // accumulators of a strip
inline constexpr int64_t kGrain = 32768;  // elements that are worth handing to a thread

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
  // By several steps only within the last loop, or to its end.
  void advance(int64_t steps = 1) {
    for (size_t i = loops_.size(); i-- > 0; steps = 1) {
      in_ += loops_[i].in * steps;
      out_ += loops_[i].out * steps;
      index_[i] += steps;
      if (index_[i] < loops_[i].length) return;
      in_ -= loops_[i].in * loops_[i].length;
      out_ -= loops_[i].out * loops_[i].length;
      index_[i] = 0;
    }
  }

 private:
  const Loops& loops_;
  int64_t index_[kMostLoops] = {};
  int64_t in_ = 0;
  int64_t out_ = 0;
};

// Calls body(done, length, in, out) for runs of the last loop that make up `count` steps from
// `begin`: `done` steps come before the run, whose first one is at `in` and `out`.
template <typename Body>
void for_each_run(const Loops& loops, int64_t begin, int64_t count, const Body& body) {
  const int64_t length = loops.empty() ? 1 : loops.back().length;
  int64_t left = length - begin % length;
  Odometer at(loops, begin);
  for (int64_t done = 0; done < count;) {
    const int64_t run = std::min(count - done, left);
    body(done, run, at.in(), at.out());
    done += run;
    left = length;
    at.advance(run);
  }
}

// The loop that for_each_run() leaves to its body.
inline Loop last_loop(const Loops& loops) { return loops.empty() ? Loop() : loops.back(); }

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

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_REDUCTION_CPU_H_
