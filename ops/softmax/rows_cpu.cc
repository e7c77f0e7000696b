#include "ops/softmax/rows_cpu.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/softmax/short_rows_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/softmax/rows_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/softmax/vector_exp_cpu.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::softmax_rows {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first `count` elements at `from`, fewer than lanes, and `padding` in the other lanes.
template <typename T>
HWY_INLINE auto load_rest(const T* from, int64_t count, T padding) {
  const hn::ScalableTag<T> d;
#if HWY_TARGET <= HWY_AVX2
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, from), hn::Set(d, padding));
#else
  HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
  std::fill(std::copy_n(from, count, rest), rest + hn::Lanes(d), padding);
  return hn::Load(d, rest);
#endif
}

// What lies as far from a row's elements as the next row, or nothing: it is asked for while this
// row is computed with, as what the hardware fetches by itself ends with each page.
template <typename T>
struct Ahead {
  const T* read = nullptr;
  const T* read_too = nullptr;
  const T* write = nullptr;

  // Lines of `count` elements from the i-th on.
  HWY_INLINE void fetch(int64_t i, int64_t count) const {
    constexpr int64_t kLine = 64 / sizeof(T);
    for (int64_t at = i; at < i + count; at += kLine) {
      if (read != nullptr) __builtin_prefetch(read + at, 0);
      if (read_too != nullptr) __builtin_prefetch(read_too + at, 0);
      if (write != nullptr) __builtin_prefetch(write + at, 1);
    }
  }
};

// Calls body(vector, index, count) for each whole vector of a row, and once more for what remains,
// with `padding` in the lanes past the end.
template <typename T, typename Body>
HWY_INLINE void for_each_vector(const T* HWY_RESTRICT row, int64_t n, T padding,
                                const Ahead<T>& ahead, const Body& body) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    ahead.fetch(i, 2 * lanes);
    body(hn::LoadU(d, row + i), i, lanes);
    body(hn::LoadU(d, row + i + lanes), i + lanes, lanes);
  }
  ahead.fetch(i, 2 * lanes);
  if (i + lanes <= n) {
    body(hn::LoadU(d, row + i), i, lanes);
    i += lanes;
  }
  if (i < n) body(load_rest(row + i, n - i, padding), i, n - i);
}

// The first `count` lanes.
template <typename T, typename V>
HWY_INLINE void store(V v, T* to, int64_t count) {
  const hn::ScalableTag<T> d;
  if (count == static_cast<int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, to);
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#else
  HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, rest);
  std::copy_n(rest, count, to);
#endif
}

template <typename T, typename V>
HWY_INLINE T sum_of_lanes(V v) {
  const hn::ScalableTag<T> d;
  return hn::GetLane(hn::SumOfLanes(d, v));
}

// The largest element; NaN if there is one.
template <typename T>
HWY_INLINE T largest(const T* row, int64_t n) {
  const hn::ScalableTag<T> d;
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  auto top = hn::Set(d, kLowest);
  auto nan = hn::Zero(d);  // x - x would be NaN for infinities as well
  for_each_vector<T>(row, n, kLowest, {}, [&](auto v, int64_t, int64_t) HWY_ATTR {
    top = hn::Max(v, top);
    nan = hn::IfThenElse(hn::Eq(v, v), nan, v);
  });
  const T not_number = sum_of_lanes<T>(nan);
  if (not_number != not_number) return not_number;
  return hn::GetLane(hn::MaxOfLanes(d, top));
}

// Sum of exp(row - top); writes the powers if `to` is given.
template <typename T>
HWY_INLINE T sum_of_powers(const T* row, int64_t n, T top, T* to, const Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  auto total = hn::Zero(d);
  const auto shift = hn::Set(d, top);
  for_each_vector<T>(row, n, -std::numeric_limits<T>::infinity(), ahead,
                     [&](auto v, int64_t i, int64_t count) HWY_ATTR {
                       const auto power = exp_of(d, hn::Sub(v, shift));
                       total = hn::Add(total, power);
                       if (to != nullptr) store<T>(power, to + i, count);
                     });
  return sum_of_lanes<T>(total);
}

// Where `row` has a NaN, a +inf, or nothing above -inf, softmax is not defined: all NaN.
template <typename T>
HWY_INLINE bool is_undefined(T top) {
  return !(std::abs(top) < std::numeric_limits<T>::infinity());
}

// The functions of a row: `ahead` is what the next one reads and writes.

template <typename T>
HWY_INLINE void softmax_row(const T* row, T* out, int64_t n, T scale, const Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  const T top = largest(row, n);
  if (is_undefined(top)) {
    std::fill_n(out, n, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  const T total = sum_of_powers(row, n, top, out, {.read = ahead.read});
  const auto factor = hn::Set(d, scale / total);
  for_each_vector<T>(out, n, T{0}, {.write = ahead.write},
                     [&](auto v, int64_t i, int64_t count)
                         HWY_ATTR { store<T>(hn::Mul(factor, v), out + i, count); });
}

template <typename T>
HWY_INLINE void log_softmax_row(const T* row, T* out, int64_t n, const Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  const T top = largest(row, n);
  if (is_undefined(top)) {
    std::fill_n(out, n, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  const T total = sum_of_powers<T>(row, n, top, nullptr, {.read = ahead.read, .write = out});
  const auto log_total = hn::Set(d, std::log(total));
  const auto shift = hn::Set(d, top);
  for_each_vector<T>(row, n, T{0}, {}, [&](auto v, int64_t i, int64_t count) HWY_ATTR {
    store<T>(hn::Sub(hn::Sub(v, shift), log_total), out + i, count);
  });
}

// The second operand of a row, beside the vector of the first at `i`.
template <typename T>
HWY_INLINE auto beside(const T* row, int64_t i, int64_t count) {
  const hn::ScalableTag<T> d;
  if (count == static_cast<int64_t>(hn::Lanes(d))) return hn::LoadU(d, row + i);
  return load_rest(row + i, count, T{0});
}

template <typename T>
HWY_INLINE void softmax_grad_row(const T* g, const T* y, T* out, int64_t n, const Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  auto total = hn::Zero(d);
  for_each_vector<T>(g, n, T{0}, {}, [&](auto v, int64_t i, int64_t count) HWY_ATTR {
    total = hn::Add(total, hn::Mul(v, beside(y, i, count)));
  });
  const auto inner = hn::Set(d, sum_of_lanes<T>(total));
  for_each_vector<T>(g, n, T{0}, ahead, [&](auto v, int64_t i, int64_t count) HWY_ATTR {
    store<T>(hn::Mul(beside(y, i, count), hn::Sub(v, inner)), out + i, count);
  });
}

template <typename T>
HWY_INLINE void log_softmax_grad_row(const T* g, const T* y, T* out, int64_t n,
                                     const Ahead<T>& ahead) {
  const hn::ScalableTag<T> d;
  auto total = hn::Zero(d);
  for_each_vector<T>(g, n, T{0}, {},
                     [&](auto v, int64_t, int64_t) HWY_ATTR { total = hn::Add(total, v); });
  const auto sum = hn::Set(d, sum_of_lanes<T>(total));
  for_each_vector<T>(g, n, T{0}, ahead, [&](auto v, int64_t i, int64_t count) HWY_ATTR {
    store<T>(hn::Sub(v, hn::Mul(exp_of(d, beside(y, i, count)), sum)), out + i, count);
  });
}

template <typename T>
HWY_INLINE T crossentropy_row(const T* row, int64_t n, int64_t label, const Ahead<T>& ahead) {
  const T top = largest(row, n);
  if (is_undefined(top)) return std::numeric_limits<T>::quiet_NaN();
  return (top - row[label]) +
         std::log(sum_of_powers<T>(row, n, top, nullptr, {.read = ahead.read}));
}

template <typename T>
void run_rows(const Rows& rows, int64_t begin, int64_t end) {
  const int64_t n = rows.length;
  const T* a = static_cast<const T*>(rows.a);
  const T* b = static_cast<const T*>(rows.b);
  T* out = static_cast<T*>(rows.out);
  for (int64_t r = begin; r < end; ++r) {
    Ahead<T> ahead;
    if (r + 1 < end) {
      const bool has_two = rows.task == Task::kSoftmaxGrad || rows.task == Task::kLogSoftmaxGrad;
      const bool gives_rows = rows.task != Task::kCrossentropy;
      ahead.read = a + (r + 1) * n;
      if (has_two) ahead.read_too = b + (r + 1) * n;
      if (gives_rows) ahead.write = out + (r + 1) * n;
    }
    switch (rows.task) {
      case Task::kSoftmax:
        softmax_row<T>(a + r * n, out + r * n, n, T{1}, ahead);
        break;
      case Task::kLogSoftmax:
        log_softmax_row<T>(a + r * n, out + r * n, n, ahead);
        break;
      case Task::kSoftmaxGrad:
        softmax_grad_row<T>(a + r * n, b + r * n, out + r * n, n, ahead);
        break;
      case Task::kLogSoftmaxGrad:
        log_softmax_grad_row<T>(a + r * n, b + r * n, out + r * n, n, ahead);
        break;
      case Task::kCrossentropy:
        out[r] = crossentropy_row<T>(a + r * n, n, rows.labels[r], ahead);
        break;
      case Task::kCrossentropyGrad:
        softmax_row<T>(a + r * n, out + r * n, n, b[r], ahead);
        out[r * n + rows.labels[r]] -= b[r];
        break;
    }
  }
}

void run(const Rows& rows, int64_t begin, int64_t end) {
  if (rows.is_double) {
    run_rows<double>(rows, begin, end);
  } else {
    run_rows<float>(rows, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::softmax_rows
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::softmax_rows {

HWY_EXPORT(run);

void run(const Rows& rows, int64_t begin, int64_t end) {
  if (rows.length <= kLongestShortRow) {
    run_short(rows, begin, end);
  } else {
    HWY_DYNAMIC_DISPATCH(run)(rows, begin, end);
  }
}

}  // namespace bitale::softmax_rows
#endif  // HWY_ONCE
