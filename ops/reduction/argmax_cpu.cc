// Kernels of argmax and argmin: the first of the best elements in row-major order of the reduced
// axes; a NaN beats any number, and the first NaN any other.

#include <type_traits>

#include "core/base/dtype.h"
#include "ops/reduction/reduction.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {
namespace {

constexpr int64_t kWorthVectors = 32;

template <typename T>
auto comparable(T value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(value);
  } else {
    return value;
  }
}

struct Greater {
  static constexpr VectorOp kVectorOp = VectorOp::kMax;
  template <typename V>
  static bool better(V a, V b) {
    return a > b;
  }
};
struct Less {
  static constexpr VectorOp kVectorOp = VectorOp::kMin;
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
    const T* in = frame.input<T>(0);
    int64_t* out = frame.output<int64_t>(0);
    if (parts() > 1) {
      *out = search_in_parts(in, static_cast<int64_t*>(frame.workspace));
    } else if (g_.walk == Walk::kRows) {
      search_rows(in, out);
    } else {
      search_columns(in, out);
    }
  }

 private:
  int64_t parts() const {
    const bool one_row = g_.outputs == 1 && g_.walk == Walk::kRows && g_.reduced.empty();
    return one_row ? (g_.extent + kGrain - 1) / kGrain : 1;
  }

  static int64_t search(const T* p, int64_t n, int64_t stride) {
    if constexpr (std::is_floating_point_v<T>) {
      // Quicker in two steps: the value in vector code, then the first place that has it.
      if (stride == 1 && n >= kWorthVectors) {
        const T best = fold_vector(Order::kVectorOp, p, n);
        if (best != best) return std::find_if(p, p + n, [](T v) { return v != v; }) - p;
        return std::find(p, p + n, best) - p;
      }
    }
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

  void search_rows(const T* in, int64_t* out) const {
    const int64_t rows = loop_count(g_.reduced);
    const int64_t n = g_.inner.length;
    const int64_t stride = g_.inner.in;
    parallel_ranges(g_.outputs, std::max<int64_t>(1, kGrain / g_.extent),
                    [&](int64_t begin, int64_t end) {
                      Odometer at(g_.kept, begin);
                      for (int64_t i = begin; i < end; ++i, at.advance()) {
                        const T* p = in + at.in();
                        Odometer row(g_.reduced, 0);
                        int64_t best_at = search(p, n, stride);
                        Value best = comparable(p[best_at * stride]);
                        for (int64_t r = 1; r < rows; ++r) {
                          row.advance();
                          const T* q = p + row.in();
                          const int64_t here = search(q, n, stride);
                          const Value value = comparable(q[here * stride]);
                          if (replaces<Order>(value, best)) {
                            best = value;
                            best_at = r * n + here;
                          }
                        }
                        out[at.out()] = best_at;
                      }
                    });
  }

  void search_columns(const T* in, int64_t* out) const {
    const int64_t strips = (g_.inner.length + kStrip - 1) / kStrip;
    const int64_t outer = loop_count(g_.kept);
    const int64_t stride = g_.inner.in;
    const int64_t work = g_.extent * std::min(kStrip, g_.inner.length);
    parallel_ranges(outer * strips, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t first, int64_t last) {
                      Value best[kStrip];
                      int64_t best_at[kStrip];
                      for (int64_t task = first; task < last; ++task) {
                        const Odometer at(g_.kept, task / strips);
                        const int64_t column = task % strips * kStrip;
                        const int64_t width = std::min(kStrip, g_.inner.length - column);
                        const T* p = in + at.in() + column * stride;
                        Odometer row(g_.reduced, 0);
                        for (int64_t r = 0; r < g_.extent; ++r, row.advance()) {
                          const T* q = p + row.in();
                          for (int64_t j = 0; j < width; ++j) {
                            const Value value = comparable(q[j * stride]);
                            if (r == 0 || replaces<Order>(value, best[j])) {
                              best[j] = value;
                              best_at[j] = r;
                            }
                          }
                        }
                        for (int64_t j = 0; j < width; ++j) {
                          out[at.out() + (column + j) * g_.inner.out] = best_at[j];
                        }
                      }
                    });
  }

  Geometry g_;
};

template <typename Order>
std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  Geometry geometry = make_geometry(call.inputs[0], call.op_as<ReduceOp>().axes(), true);
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
