// Kernels of argmax and argmin: the first of the best elements in row-major order of the reduced
// axes; a NaN beats any number, and the first NaN any other.

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/base/dtype.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/reduction/fold_table_cpu.h"
#include "ops/reduction/reduction.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {
namespace {

constexpr int64_t kWorthVectors = 32;
// Columns fewer than this are searched one by one.
constexpr int64_t kWorthStrip = 12;

template <typename T>
auto comparable(T value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(value);
  } else {
    return value;
  }
}

struct Greater {
  static constexpr cpu::VectorOp kVectorOp = cpu::VectorOp::kMax;
  template <typename V>
  static bool better(V a, V b) {
    return a > b;
  }
};
struct Less {
  static constexpr cpu::VectorOp kVectorOp = cpu::VectorOp::kMin;
  template <typename V>
  static bool better(V a, V b) {
    return a < b;
  }
};

// Whether `candidate` replaces `best`, which comes earlier.
template <typename Order, typename V>
bool replaces(V candidate, V best) {
  if constexpr (std::is_floating_point_v<V>) {
    return Order::better(candidate, best) || (candidate != candidate && best == best);
  } else {
    return Order::better(candidate, best);
  }
}

template <typename Order, typename T>
class ArgKernel final : public Kernel {
 public:
  using Value = decltype(comparable(T{}));

  explicit ArgKernel(Geometry geometry) : g_(std::move(geometry)) {}

  // A single long extent is searched in parts, each of which leaves its index here.
  size_t workspace_bytes() const override {
    return parts() == 1 ? 0 : static_cast<size_t>(parts()) * sizeof(int64_t);
  }

  void run(const KernelFrame& frame) const override {
    if (g_.outputs == 0) return;
    const T* in = frame.input<T>(0) + g_.first_in;
    int64_t* out = frame.output<int64_t>(0) + g_.first_out;
    if (parts() > 1) {
      *out = search_in_parts(in, static_cast<int64_t*>(frame.workspace));
    } else if (g_.extent <= std::numeric_limits<NarrowIndex>::max()) {
      search_all<NarrowIndex>(in, out);
    } else {
      search_all<int64_t>(in, out);
    }
  }

 private:
  // Of the size of an element where that can be, as vectors would have it.
  using NarrowIndex = std::conditional_t<sizeof(Value) == 8, int64_t, int32_t>;

  // The best so far of outputs side by side.
  template <typename Index>
  struct Strip {
    Value best[kStrip];
    Index at[kStrip];

    // Elements number `index` of outputs [first, first + count).
    void take(const T* elements, int64_t count, int64_t index, int64_t first) {
      Value* const values = best + first;
      Index* const places = at + first;
      const Index place = static_cast<Index>(index);
      if (index == 0) {
        for (int64_t j = 0; j < count; ++j) values[j] = comparable(elements[j]);
        std::fill_n(places, count, place);
      } else if constexpr (std::is_floating_point_v<T> && sizeof(T) == sizeof(Index)) {
        take_best(Order::kVectorOp, elements, count, place, values, places);
      } else {
        for (int64_t j = 0; j < count; ++j) {
          const Value value = comparable(elements[j]);
          if (!replaces<Order>(value, values[j])) continue;
          places[j] = place;
          values[j] = value;
        }
      }
    }
    // The best of a row: element number `index` of output `j`.
    void take_one(T element, int64_t index, int64_t j, bool is_first_row) {
      const Value value = comparable(element);
      if (!is_first_row && !replaces<Order>(value, best[j])) return;
      best[j] = value;
      at[j] = static_cast<Index>(index);
    }
    void store(int64_t first, int64_t count, int64_t* out, int64_t stride) const {
      for (int64_t j = 0; j < count; ++j) out[j * stride] = at[first + j];
    }
  };

  int64_t parts() const {
    const bool one_row = g_.outputs == 1 && g_.walk == Walk::kRows && g_.reduced.empty();
    return one_row ? (g_.extent + kGrain - 1) / kGrain : 1;
  }

  static int64_t search(const T* p, int64_t n, int64_t stride) {
    if (n < kWorthVectors) return search_one_by_one(p, n, stride);
    if (stride == 1) return search_adjacent(p, n);
    constexpr int64_t kMost = 1024;
    T gathered[kMost];
    int64_t best_at = 0;
    for (int64_t i = 0; i < n; i += kMost) {
      const int64_t count = std::min(kMost, n - i);
      cpu::row_tiles(sizeof(T)).gather(p + i * stride, stride, count, gathered);
      const int64_t at = i + search_adjacent(gathered, count);
      if (replaces<Order>(comparable(p[at * stride]), comparable(p[best_at * stride]))) {
        best_at = at;
      }
    }
    return best_at;
  }

  // Quicker in two steps: the value in vector code, then the first place that has it.
  static int64_t search_adjacent(const T* p, int64_t n) {
    if constexpr (std::is_floating_point_v<T>) {
      const T best = cpu::fold_vector(Order::kVectorOp, p, n);
      if (best != best) return std::find_if(p, p + n, [](T v) { return v != v; }) - p;
      return std::find(p, p + n, best) - p;
    } else {
      return search_one_by_one(p, n, 1);
    }
  }

  static int64_t search_one_by_one(const T* p, int64_t n, int64_t stride) {
    int64_t best_at = 0;
    Value best = comparable(p[0]);
    for (int64_t i = 1; i < n; ++i) {
      const Value value = comparable(p[i * stride]);
      if (replaces<Order>(value, best)) {
        best = value;
        best_at = i;
      }
    }
    return best_at;
  }

  int64_t search_in_parts(const T* in, int64_t* found) const {
    const int64_t n = g_.inner.length;
    const int64_t stride = g_.inner.in;
    parallel_ranges(n, kGrain, [&](int64_t begin, int64_t end) {
      found[begin / kGrain] = begin + search(in + begin * stride, end - begin, stride);
    });
    int64_t best_at = found[0];
    for (int64_t part = 1; part < parts(); ++part) {
      const int64_t at = found[part];
      if (replaces<Order>(comparable(in[at * stride]), comparable(in[best_at * stride])))
        best_at = at;
    }
    return best_at;
  }

  template <typename Index>
  void search_all(const T* in, int64_t* out) const {
    if (g_.walk == Walk::kRows) {
      search_rows<Index>(in, out);
    } else {
      search_columns<Index>(in, out);
    }
  }

  template <typename Index>
  void search_rows(const T* in, int64_t* out) const {
    const int64_t runs = g_.outputs / g_.group.length;
    const int64_t strips = (runs + g_.strip - 1) / g_.strip;
    const int64_t work = g_.strip * g_.group.length * g_.extent;
    parallel_ranges(strips, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
      Strip<Index> strip;
      const int64_t first = begin * g_.strip;
      const int64_t last = std::min(runs, end * g_.strip);
      for (int64_t i = first; i < last; i += g_.strip) {
        for_each_run(g_.kept, i, std::min(g_.strip, last - i),
                     [&](int64_t, int64_t count, int64_t at, int64_t to) {
                       search_run(in + at, count, strip);
                       for (int64_t q = 0; q < g_.group.length; ++q) {
                         strip.store(q * count, count, out + to + q * g_.group.out,
                                     last_loop(g_.kept).out);
                       }
                     });
      }
    });
  }

  // The rows of `count` outputs along the last kept loop, and of those in group with them.
  template <typename Index>
  void search_run(const T* p, int64_t count, Strip<Index>& strip) const {
    Odometer row(g_.reduced, 0);
    for (int64_t before = 0; before < g_.extent; before += g_.inner.length, row.advance()) {
      const RowsOfElements rows = {p + row.in(),    last_loop(g_.kept).in, count,
                                   g_.inner.length, g_.inner.in,           g_.group.length};
      if (worth_turning(rows)) {
        for_each_tile<T>(rows, [&](const T* columns, int64_t stride, int64_t first, int64_t some) {
          for (int64_t c = 0; c < rows.length; ++c) {
            for (int64_t q = 0; q < rows.group; ++q) {
              strip.take(columns + (c * rows.step + q) * stride, some, before + c,
                         q * count + first);
            }
          }
        });
        continue;
      }
      for (int64_t q = 0; q < rows.group; ++q) {
        for (int64_t i = 0; i < count; ++i) {
          const T* first = p + row.in() + i * rows.stride + q;
          const int64_t here = search(first, rows.length, rows.step);
          strip.take_one(first[here * rows.step], before + here, q * count + i, before == 0);
        }
      }
    }
  }

  // Columns too few for vectors across them, if they are long: one after another.
  void search_few_columns(const T* in, int64_t* out) const {
    const int64_t outer = loop_count(g_.kept);
    const int64_t grain = std::max<int64_t>(1, kGrain / g_.extent);
    parallel_ranges(outer * g_.inner.length, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Odometer at(g_.kept, i / g_.inner.length);
        const int64_t column = i % g_.inner.length;
        out[at.out() + column * g_.inner.out] =
            search(in + at.in() + column * g_.inner.in, g_.extent, g_.reduced[0].in);
      }
    });
  }

  template <typename Index>
  void search_columns(const T* in, int64_t* out) const {
    if (g_.inner.length < kWorthStrip && g_.reduced.size() == 1) return search_few_columns(in, out);
    const int64_t strips = (g_.inner.length + kStrip - 1) / kStrip;
    const int64_t outer = loop_count(g_.kept);
    const int64_t stride = g_.inner.in;
    const int64_t work = g_.extent * std::min(kStrip, g_.inner.length);
    parallel_ranges(outer * strips, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t first, int64_t last) {
                      Strip<Index> strip;
                      T gathered[kStrip];
                      for (int64_t task = first; task < last; ++task) {
                        const Odometer at(g_.kept, task / strips);
                        const int64_t column = task % strips * kStrip;
                        const int64_t width = std::min(kStrip, g_.inner.length - column);
                        const T* p = in + at.in() + column * stride;
                        Odometer row(g_.reduced, 0);
                        for (int64_t r = 0; r < g_.extent; ++r, row.advance()) {
                          const T* elements = p + row.in();
                          if (stride != 1) {
                            cpu::row_tiles(sizeof(T)).gather(elements, stride, width, gathered);
                            elements = gathered;
                          }
                          strip.take(elements, width, r, 0);
                        }
                        strip.store(0, width, out + at.out() + column * g_.inner.out, g_.inner.out);
                      }
                    });
  }

  Geometry g_;
};

template <typename Order>
std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  Geometry geometry = make_geometry_in_order(call.inputs[0], call.op_as<ReduceOp>().axes());
  return visit_dtype(call.inputs[0].dtype, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return std::make_unique<ArgKernel<Order, T>>(std::move(geometry));
  });
}

const char* supports(const KernelCall& call) {
  return static_cast<int64_t>(call.inputs[0].shape.size()) <= kMostLoops
             ? nullptr
             : "the operand has more than 16 axes";
}

const KernelRegistrar register_argmax({.op = "argmax",
                                       .name = "argmax_scan",
                                       .kind = KernelKind::kPortable,
                                       .rank = 10,
                                       .strided_inputs = true,
                                       .supports = supports,
                                       .make = make<Greater>});
const KernelRegistrar register_argmin({.op = "argmin",
                                       .name = "argmin_scan",
                                       .kind = KernelKind::kPortable,
                                       .rank = 10,
                                       .strided_inputs = true,
                                       .supports = supports,
                                       .make = make<Less>});

}  // namespace
}  // namespace bitale::reduction
