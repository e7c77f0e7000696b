#include "ops/reduction/fold_kernel_cpu.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/runtime/thread_pool.h"
#include "ops/reduction/fold_strip_cpu.h"

namespace bitale::reduction {
namespace {

class FoldKernel final : public Kernel {
 public:
  FoldKernel(Geometry geometry, const FoldTable& table) : g_(std::move(geometry)), table_(table) {}

  size_t workspace_bytes() const override {
    return g_.slices == 1 ? 0 : accumulator_bytes(g_.outputs * g_.slices);
  }

  KernelCost cost(KernelCost operands) const override {
    operands.flops = static_cast<double>(g_.outputs) * static_cast<double>(g_.extent);
    return operands;
  }

  void run(const KernelFrame& frame) const override {
    if (g_.outputs == 0) return;
    if (g_.extent == 0) return store_identities(frame.outputs[0]);
    const std::byte* in = element(static_cast<const std::byte*>(frame.inputs[0]), g_.first_in);
    const Results results{frame.outputs[0],
                          g_.slices == 1 ? nullptr : static_cast<std::byte*>(frame.workspace)};
    if (g_.walk == Walk::kRows) {
      walk_rows(in, results);
    } else {
      walk_columns(in, results);
    }
  }

 private:
  // The output, and what slices leave until all of them are done: slice by slice, in the order in
  // which kept loops are walked.
  struct Results {
    void* out;
    std::byte* partial;
  };

  const std::byte* element(const std::byte* p, int64_t index) const {
    return p + index * static_cast<int64_t>(table_.element_bytes);
  }
  std::byte* accumulator(std::byte* acc, int64_t index) const {
    return acc + index * static_cast<int64_t>(table_.accumulator_bytes);
  }
  size_t accumulator_bytes(int64_t count) const {
    return static_cast<size_t>(count) * table_.accumulator_bytes;
  }

  void store_identities(void* out) const {
    AccumulatorBuffer acc;
    for (int64_t i = 0; i < g_.outputs; i += kStrip) {
      const int64_t count = std::min(kStrip, g_.outputs - i);
      table_.clear(acc.bytes, count);
      table_.store(acc.bytes, count, out, 1, i);
    }
  }

  void walk_rows(const std::byte* in, const Results& results) const {
    const int64_t runs = g_.outputs / g_.group.length;
    const int64_t strips = (runs + g_.strip - 1) / g_.strip;
    const int64_t work = g_.strip * g_.group.length * g_.extent / g_.slices;
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work));
    parallel_ranges(strips * g_.slices, grain, [&](int64_t begin, int64_t end) {
      AccumulatorStrip strip(table_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t first = task % strips * g_.strip;
        fold_strip_of_rows(in, first, std::min(g_.strip, runs - first), task / strips, strip,
                           results);
      }
    });
    if (results.partial == nullptr) return;
    parallel_ranges(g_.outputs, kStrip, [&](int64_t begin, int64_t end) {
      std::byte* total = sum_of_slices(results.partial, begin, end - begin);
      store_rows(total, begin, end - begin, results.out);
    });
  }

  // Outputs [first, first + width) of one slice.
  void fold_strip_of_rows(const std::byte* in, int64_t first, int64_t width, int64_t slice,
                          AccumulatorStrip& strip, const Results& results) const {
    if (g_.reduced.empty() && g_.slices == 1) {
      // Rows of a group lie apart, so that a run is stored at once.
      for_each_run(g_.kept, first, width, [&](int64_t, int64_t count, int64_t at, int64_t out) {
        RowsOfElements rows = rows_at(element(in, at), last_loop(g_.kept), count);
        rows.group = g_.group.length;
        table_.fold_rows(rows, strip.accumulators());
        for (int64_t q = 0; q < rows.group; ++q) {
          table_.store(accumulator(strip.accumulators(), q * count), count, results.out,
                       last_loop(g_.kept).out, g_.first_out + out + q * g_.group.out);
        }
      });
      return;
    }
    const std::byte* acc;
    if (g_.slice_of_inner > 0) {
      const int64_t begin = slice * g_.slice_of_inner;
      fold_kept(element(in, begin * g_.inner.in), first, width,
                std::min(g_.slice_of_inner, g_.inner.length - begin), strip.accumulators());
      acc = strip.accumulators();
    } else {
      const Split rows(loop_count(g_.reduced), g_.slices);
      acc = fold_loops(in, first, width, rows.begin(slice), rows.end(slice), strip);
    }
    if (results.partial == nullptr) return store_rows(acc, first, width, results.out);
    std::memcpy(accumulator(results.partial, slice * g_.outputs + first), acc,
                accumulator_bytes(width));
  }

  RowsOfElements rows_at(const std::byte* p, const Loop& along, int64_t count) const {
    return {p, along.in, count, g_.inner.length, g_.inner.in, 1};
  }

  // One row for each of the outputs [first, first + width).
  void fold_kept(const std::byte* p, int64_t first, int64_t width, int64_t length,
                 std::byte* acc) const {
    for_each_run(g_.kept, first, width, [&](int64_t done, int64_t count, int64_t at, int64_t) {
      RowsOfElements rows = rows_at(element(p, at), last_loop(g_.kept), count);
      rows.length = length;
      table_.fold_rows(rows, accumulator(acc, done));
    });
  }

  // Rows [begin, end) of the reduced loops.
  const std::byte* fold_loops(const std::byte* in, int64_t first, int64_t width, int64_t begin,
                              int64_t end, AccumulatorStrip& strip) const {
    strip.start(width, end - begin);
    AccumulatorBuffer values;
    if (!g_.along_reduced) {
      Odometer row(g_.reduced, begin);
      for (int64_t r = begin; r < end; ++r, row.advance()) {
        fold_kept(element(in, row.in()), first, width, g_.inner.length, values.bytes);
        table_.combine(strip.accumulators(), values.bytes, width);
        strip.advance(1);
      }
      return strip.finish();
    }
    AccumulatorBuffer folded;
    for_each_run(g_.reduced, begin, end - begin, [&](int64_t, int64_t run, int64_t at, int64_t) {
      const Loop along = last_loop(g_.reduced);
      for (int64_t done = 0; done < run; done += kStrip) {
        const int64_t count = std::min(kStrip, run - done);
        Odometer output(g_.kept, first);
        for (int64_t j = 0; j < width; ++j, output.advance()) {
          const std::byte* p = element(in, output.in() + at + done * along.in);
          table_.fold_rows(rows_at(p, along, count), values.bytes);
          table_.fold_accumulators(values.bytes, count, accumulator(folded.bytes, j));
        }
        table_.combine(strip.accumulators(), folded.bytes, width);
        strip.advance(1);
      }
    });
    return strip.finish();
  }

  void store_rows(const std::byte* acc, int64_t first, int64_t width, void* out) const {
    for_each_run(g_.kept, first, width, [&](int64_t done, int64_t count, int64_t, int64_t at) {
      table_.store(acc + accumulator_bytes(done), count, out, last_loop(g_.kept).out,
                   g_.first_out + at);
    });
  }

  // Slices are no more than kBlock.
  std::byte* sum_of_slices(std::byte* partial, int64_t begin, int64_t count) const {
    for (int64_t s = 1; s < g_.slices; ++s) {
      table_.combine(accumulator(partial, begin), accumulator(partial, s * g_.outputs + begin),
                     count);
    }
    return accumulator(partial, begin);
  }

  void walk_columns(const std::byte* in, const Results& results) const {
    const int64_t strips = (g_.inner.length + g_.strip - 1) / g_.strip;
    const int64_t outer = loop_count(g_.kept);
    const Split rows(g_.extent, g_.slices);
    const int64_t work = rows.most() * std::min(g_.strip, g_.inner.length);
    const int64_t grain = std::max<int64_t>(1, kGrain / work);
    parallel_ranges(outer * strips * g_.slices, grain, [&](int64_t begin, int64_t end) {
      AccumulatorStrip strip(table_);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t slice = task / (outer * strips);
        const int64_t block = task / strips % outer;
        const int64_t column = task % strips * g_.strip;
        const int64_t width = std::min(g_.strip, g_.inner.length - column);
        const Odometer at(g_.kept, block);
        const std::byte* acc = fold_columns(element(in, at.in() + column * g_.inner.in), width,
                                            rows.begin(slice), rows.end(slice), strip);
        if (results.partial == nullptr) {
          store_columns(acc, block, column, width, results.out);
        } else {
          const int64_t to = slice * g_.outputs + block * g_.inner.length + column;
          std::memcpy(accumulator(results.partial, to), acc, accumulator_bytes(width));
        }
      }
    });
    if (results.partial == nullptr) return;
    parallel_for(outer * strips, [&](int64_t task) {
      const int64_t block = task / strips;
      const int64_t column = task % strips * g_.strip;
      const int64_t width = std::min(g_.strip, g_.inner.length - column);
      const int64_t at = block * g_.inner.length + column;
      store_columns(sum_of_slices(results.partial, at, width), block, column, width, results.out);
    });
  }

  void store_columns(const std::byte* acc, int64_t block, int64_t column, int64_t width,
                     void* out) const {
    const Odometer at(g_.kept, block);
    table_.store(acc, width, out, g_.inner.out, g_.first_out + at.out() + column * g_.inner.out);
  }

  // Rows [begin, end) of the reduced loops, `width` columns from `p`.
  const std::byte* fold_columns(const std::byte* p, int64_t width, int64_t begin, int64_t end,
                                AccumulatorStrip& strip) const {
    if (g_.reduced.size() == 1) return fold_wide_columns(p, width, begin, end, strip);
    strip.start(width, end - begin);
    Odometer row(g_.reduced, begin);
    for (int64_t r = begin; r < end; ++r, row.advance()) {
      table_.take_rows(strip.accumulators(), element(p, row.in()), 0, 1, g_.inner.in, width);
      strip.advance(1);
    }
    return strip.finish();
  }

  // So too, for one reduced loop: several rows make one wide row.
  const std::byte* fold_wide_columns(const std::byte* p, int64_t width, int64_t begin, int64_t end,
                                     AccumulatorStrip& strip) const {
    const int64_t stride = g_.reduced[0].in;
    const int64_t wide = g_.rows_at_once;
    const int64_t wide_rows = (end - begin) / wide;
    strip.start(width * wide, wide_rows + 1);
    const auto take = [&](int64_t row, int64_t rows, int64_t columns) {
      table_.take_rows(strip.accumulators(), element(p, (begin + row * wide) * stride),
                       stride * wide, rows, g_.inner.in, columns);
      strip.advance(rows);
    };
    for (int64_t r = 0; r < wide_rows;) {
      const int64_t rows = std::min(strip.room(), wide_rows - r);
      take(r, rows, width * wide);
      r += rows;
    }
    const int64_t rest = (end - begin) % wide;
    if (rest > 0) take(wide_rows, 1, width * rest);
    std::byte* acc = strip.finish();
    for (int64_t half = wide / 2; half > 0; half /= 2) {
      table_.combine(acc, accumulator(acc, half * width), half * width);
    }
    return acc;
  }

  Geometry g_;
  FoldTable table_;
};

}  // namespace

std::unique_ptr<const Kernel> make_fold_kernel(Geometry geometry, const FoldTable& table) {
  return std::make_unique<FoldKernel>(std::move(geometry), table);
}

}  // namespace bitale::reduction
