#include "ops/cpu/row_chain.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/row_chain.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/cpu/fold_functors.h"
#include "ops/cpu/row_chain_fetcher.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu::row_chain {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::fold_of_lanes;
using cpu::HWY_NAMESPACE::visit_fold;

// Vectors that go through a chain side by side: with the four of a fold and an operand they fit 16
// registers.
constexpr int kVectors = 8;
constexpr int kTotals = 4;

template <typename T>
using VectorOf = hn::Vec<hn::ScalableTag<T>>;
template <typename T>
constexpr int64_t kAtOnce = kVectors* static_cast<int64_t>(sizeof(VectorOf<T>) / sizeof(T));
template <typename T>
using Ahead = Fetcher<T, kAtOnce<T>>;

// Reads and writes whole vectors.
template <typename T>
struct WholeVectors {
  static HWY_INLINE VectorOf<T> load(const T* from, int k) {
    const hn::ScalableTag<T> d;
    return hn::LoadU(d, from + k * static_cast<int64_t>(hn::Lanes(d)));
  }
  static HWY_INLINE void store(VectorOf<T> v, T* to, int k) {
    const hn::ScalableTag<T> d;
    hn::StoreU(v, d, to + k * static_cast<int64_t>(hn::Lanes(d)));
  }
};

// The last elements of a row, fewer than lanes; ones beside them.
template <typename T>
struct RestOfRow {
  int64_t count;

  HWY_INLINE VectorOf<T> load(const T* from, int) const {
    const hn::ScalableTag<T> d;
#if HWY_TARGET <= HWY_AVX2
    const auto exist = hn::FirstN(d, static_cast<size_t>(count));
    return hn::IfThenElse(exist, hn::MaskedLoad(exist, d, from), hn::Set(d, T{1}));
#else
    HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
    std::fill(std::copy_n(from, count, rest), rest + hn::Lanes(d), T{1});
    return hn::Load(d, rest);
#endif
  }
  HWY_INLINE void store(VectorOf<T> v, T* to, int) const {
    const hn::ScalableTag<T> d;
#if HWY_TARGET <= HWY_AVX2
    hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#else
    HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(v, d, rest);
    std::copy_n(rest, count, to);
#endif
  }
};

// A chain for one row.
template <typename T>
struct RowChain {
  struct RowStep {
    StepKind kind;
    bool is_number;
    T* place;

    // Where the next `vectors` are. Each step keeps its own place: one index for all of them would
    // be a register for each vector.
    HWY_INLINE T* walk(int vectors) {
      T* const from = place;
      place += vectors * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
      return from;
    }
  };

  HWY_INLINE RowChain(const Chain& chain, int64_t row)
      : source(static_cast<const T*>(chain.source) + row * chain.source_stride),
        step_count(chain.steps.size()) {
    for (size_t i = 0; i < step_count; ++i) {
      const Step& step = chain.steps[i];
      steps[i] = {step.kind, step.is_number, static_cast<T*>(step.place) + row * step.row_stride};
    }
  }

  const T* source;
  size_t step_count;
  RowStep steps[kMostSteps];
};

template <int kCount, typename T, typename Memory, typename F>
HWY_INLINE void combine(typename RowChain<T>::RowStep& step, const Memory& memory, VectorOf<T>* v,
                        const F& f) {
  if (step.is_number) {
    const auto number = hn::Set(hn::ScalableTag<T>(), *step.place);
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) v[k] = f(v[k], number);
  } else {
    const T* const operand = step.walk(kCount);
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) v[k] = f(v[k], memory.load(operand, k));
  }
}

template <int kCount, typename T, typename F>
HWY_INLINE void change(VectorOf<T>* v, const F& f) {
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) v[k] = f(v[k]);
}

template <int kCount, typename T, typename Memory>
HWY_INLINE void take_step(typename RowChain<T>::RowStep& step, const Memory& memory,
                          VectorOf<T>* v) {
  using V = VectorOf<T>;
  switch (step.kind) {
    case StepKind::kAdd:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Add(a, b); });
    case StepKind::kSub:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Sub(a, b); });
    case StepKind::kSubFrom:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Sub(b, a); });
    case StepKind::kMul:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Mul(a, b); });
    case StepKind::kDiv:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Div(a, b); });
    case StepKind::kDivInto:
      return combine<kCount, T>(step, memory, v, [](V a, V b) HWY_ATTR { return hn::Div(b, a); });
    case StepKind::kNeg:
      return change<kCount, T>(v, [](V a) HWY_ATTR { return hn::Neg(a); });
    case StepKind::kAbs:
      return change<kCount, T>(v, [](V a) HWY_ATTR { return hn::Abs(a); });
    case StepKind::kSqr:
      return change<kCount, T>(v, [](V a) HWY_ATTR { return hn::Mul(a, a); });
    case StepKind::kSqrt:
      return change<kCount, T>(v, [](V a) HWY_ATTR { return hn::Sqrt(a); });
    default:
      break;
  }
  T* const to = step.walk(kCount);
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) memory.store(v[k], to, k);
}

// The next kCount vectors through all steps.
template <int kCount, typename T, typename Memory>
HWY_INLINE void pass(RowChain<T>& chain, const Memory& memory, VectorOf<T>* v) {
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) v[k] = memory.load(chain.source, k);
  chain.source += kCount * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (size_t i = 0; i < chain.step_count; ++i) {
    take_step<kCount, T>(chain.steps[i], memory, v);
  }
}

// Totals side by side: totals[i % 4] takes the i-th vector.
template <int kCount, typename T>
HWY_INLINE void add_vectors(VectorOp op, const VectorOf<T>* v, VectorOf<T>* totals) {
  visit_fold(op, [&](auto f) HWY_ATTR {
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) totals[k % kTotals] = f(totals[k % kTotals], v[k]);
  });
}

// Elements that are folded in sequence: rows of less than two vectors, and ends of longer ones.
template <typename T>
struct Sequence {
  HWY_ALIGN T elements[2 * HWY_MAX_BYTES / sizeof(T)];
  int64_t count = 0;

  HWY_INLINE void append(VectorOf<T> v, int64_t more) {
    hn::StoreU(v, hn::ScalableTag<T>(), elements + count);
    count += more;
  }
};

// The lanes of `totals` if there are any, and then the elements of the sequence.
template <typename T>
HWY_INLINE T fold_rest(VectorOp op, const VectorOf<T>* totals, const Sequence<T>& last) {
  return visit_fold(op, [&](auto f) HWY_ATTR {
    int64_t next = 0;
    T total = totals == nullptr
                  ? last.elements[next++]
                  : fold_of_lanes<decltype(f)>(hn::ScalableTag<T>(), f(totals[0], totals[1]));
    for (; next < last.count; ++next) total = f.scalar(total, last.elements[next]);
    return total;
  });
}

template <bool kFolds, typename T>
HWY_INLINE void run_row(const Chain& whole, int64_t row, Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  using V = VectorOf<T>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t n = whole.length;
  RowChain<T> chain(whole, row);
  const auto op = whole.fold.value_or(VectorOp::kSum);
  const V identity = hn::Set(d, visit_fold(op, [](auto f) { return f.template identity<T>(); }));
  V totals[kTotals] = {identity, identity, identity, identity};
  V v[kVectors];
  int64_t i = 0;
  for (; i + kVectors * lanes <= n; i += kVectors * lanes) {
    ahead.ask(row * n + i + kVectors * lanes);
    pass<kVectors, T>(chain, WholeVectors<T>(), v);
    if constexpr (kFolds) add_vectors<kVectors, T>(op, v, totals);
  }
  ahead.ask((row + 1) * n);
  if (i + kTotals * lanes <= n) {
    pass<kTotals, T>(chain, WholeVectors<T>(), v);
    if constexpr (kFolds) add_vectors<kTotals, T>(op, v, totals);
    i += kTotals * lanes;
  }
  if constexpr (kFolds) {
    // What fold_vector() does where vectors come one at a time.
    const V pair[] = {totals[2], totals[3]};
    add_vectors<2, T>(op, pair, totals);
  }
  Sequence<T> last;
  for (; i + lanes <= n; i += lanes) {
    pass<1, T>(chain, WholeVectors<T>(), v);
    if constexpr (!kFolds) continue;
    if (n < 2 * lanes) {
      last.append(v[0], lanes);
    } else if (n < kTotals * lanes && i == lanes) {
      add_vectors<1, T>(op, v, totals + 1);
    } else {
      add_vectors<1, T>(op, v, totals);
    }
  }
  if (i < n) {
    pass<1, T>(chain, RestOfRow<T>{n - i}, v);
    if constexpr (kFolds) last.append(v[0], n - i);
  }
  if constexpr (kFolds) {
    const V ends[] = {totals[0], totals[1]};
    static_cast<T*>(whole.folded)[row] = fold_rest<T>(op, n < 2 * lanes ? nullptr : ends, last);
  }
}

template <typename T>
HWY_INLINE void run_as(const Chain& chain) {
  Ahead<T> ahead(chain.fetches);
  if (chain.fold.has_value()) {
    for (int64_t row = 0; row < chain.rows; ++row) run_row<true, T>(chain, row, ahead);
  } else {
    for (int64_t row = 0; row < chain.rows; ++row) run_row<false, T>(chain, row, ahead);
  }
}

void run_f32(const Chain& chain) { run_as<float>(chain); }
void run_f64(const Chain& chain) { run_as<double>(chain); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu::row_chain
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu::row_chain {

HWY_EXPORT(run_f32);
HWY_EXPORT(run_f64);

void run(const Chain& chain, bool is_double) {
  if (is_double) {
    HWY_DYNAMIC_DISPATCH(run_f64)(chain);
  } else {
    HWY_DYNAMIC_DISPATCH(run_f32)(chain);
  }
}

}  // namespace bitale::cpu::row_chain
#endif  // HWY_ONCE
