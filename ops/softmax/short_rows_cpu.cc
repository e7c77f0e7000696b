#include "ops/softmax/short_rows_cpu.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "ops/cpu/row_tiles.h"
#include "ops/elementwise/vocabulary_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/softmax/short_rows_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/softmax/vector_exp_cpu.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::softmax_rows {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using cpu::TileShape;

// Rows as columns: element c of row r is at[c * stride + r].
template <typename T>
struct Tile {
  HWY_ALIGN T at[TileShape::kMostBytes / sizeof(T)];
};

// The columns of a tile from one vector of rows on.
template <typename T>
class Columns {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  HWY_INLINE Columns(T* first, int64_t stride) : first_(first), stride_(stride) {}
  HWY_INLINE V load(int64_t c) const { return hn::LoadU(D(), first_ + c * stride_); }
  HWY_INLINE void store(V v, int64_t c) const { hn::StoreU(v, D(), first_ + c * stride_); }

 private:
  T* first_;
  int64_t stride_;
};

// The largest element of each row, or NaN where softmax is not defined: where a row has a NaN, a
// +inf, or nothing above -inf.
template <typename T>
HWY_INLINE auto defined_top(const Columns<T>& x, int64_t n) {
  const hn::ScalableTag<T> d;
  auto top = x.load(0);
  auto nan = top;  // of no meaning, unless it is NaN
  for (int64_t c = 1; c < n; ++c) {
    const auto v = x.load(c);
    top = hn::Max(v, top);
    nan = hn::IfThenElse(hn::Eq(nan, nan), v, nan);
  }
  const auto finite = hn::Lt(hn::Abs(top), hn::Set(d, std::numeric_limits<T>::infinity()));
  const auto defined = hn::And(finite, hn::Eq(nan, nan));
  return hn::IfThenElse(defined, top, hn::Set(d, std::numeric_limits<T>::quiet_NaN()));
}

// The sums of exp(x - top); writes the powers if `to` is given.
template <typename T, typename V>
HWY_INLINE V sum_of_powers(const Columns<T>& x, int64_t n, V top, const Columns<T>* to) {
  const hn::ScalableTag<T> d;
  auto total = hn::Zero(d);
  for (int64_t c = 0; c < n; ++c) {
    const auto power = exp_of(d, hn::Sub(x.load(c), top));
    total = hn::Add(total, power);
    if (to != nullptr) to->store(power, c);
  }
  return total;
}

template <typename T>
HWY_INLINE auto log_of(hn::Vec<hn::ScalableTag<T>> v) {
  const hn::ScalableTag<T> d;
  HWY_ALIGN T each[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, each);
  for (size_t i = 0; i < hn::Lanes(d); ++i) each[i] = scalar::float_log(each[i]);
  return hn::Load(d, each);
}

template <typename T, typename V>
HWY_INLINE void softmax_columns(const Columns<T>& x, int64_t n, V scale) {
  const auto total = sum_of_powers(x, n, defined_top(x, n), &x);
  const auto factor = hn::Div(scale, total);
  for (int64_t c = 0; c < n; ++c) x.store(hn::Mul(factor, x.load(c)), c);
}

template <typename T>
HWY_INLINE void log_softmax_columns(const Columns<T>& x, int64_t n) {
  const auto top = defined_top(x, n);
  const auto log_total = log_of<T>(sum_of_powers<T>(x, n, top, nullptr));
  for (int64_t c = 0; c < n; ++c) x.store(hn::Sub(hn::Sub(x.load(c), top), log_total), c);
}

template <typename T>
HWY_INLINE void softmax_grad_columns(const Columns<T>& g, const Columns<T>& y, int64_t n) {
  auto inner = hn::Mul(g.load(0), y.load(0));
  for (int64_t c = 1; c < n; ++c) inner = hn::Add(inner, hn::Mul(g.load(c), y.load(c)));
  for (int64_t c = 0; c < n; ++c) g.store(hn::Mul(y.load(c), hn::Sub(g.load(c), inner)), c);
}

template <typename T>
HWY_INLINE void log_softmax_grad_columns(const Columns<T>& g, const Columns<T>& y, int64_t n) {
  const hn::ScalableTag<T> d;
  auto sum = g.load(0);
  for (int64_t c = 1; c < n; ++c) sum = hn::Add(sum, g.load(c));
  for (int64_t c = 0; c < n; ++c) {
    g.store(hn::Sub(g.load(c), hn::Mul(exp_of(d, y.load(c)), sum)), c);
  }
}

// Log of the sum of powers, plus the largest element: what a label's logit is taken from.
template <typename T>
HWY_INLINE auto logsumexp_columns(const Columns<T>& x, int64_t n) {
  const auto top = defined_top(x, n);
  return std::pair(top, log_of<T>(sum_of_powers<T>(x, n, top, nullptr)));
}

// `count` rows from `first` on, fewer than the tiles have room for.
template <typename T>
HWY_INLINE void run_tile(const Rows& rows, int64_t first, int64_t count, int64_t stride, Tile<T>& a,
                         Tile<T>& b) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t n = rows.length;
  const auto& tiles = cpu::row_tiles(sizeof(T));
  const T* logits = static_cast<const T*>(rows.a);
  const T* others = static_cast<const T*>(rows.b);
  T* out = static_cast<T*>(rows.out);
  // Lanes past the last row are computed with, and not used.
  const auto pack = [&](const T* from, Tile<T>& tile) {
    tiles.pack(from + first * n, n, count, n, tile.at, stride);
    const int64_t past = (lanes - count % lanes) % lanes;
    for (int64_t c = 0; c < n; ++c) std::fill_n(tile.at + c * stride + count, past, T{0});
  };
  pack(logits, a);
  if (rows.task == Task::kSoftmaxGrad || rows.task == Task::kLogSoftmaxGrad) pack(others, b);
  HWY_ALIGN T each[2][HWY_MAX_BYTES / sizeof(T)] = {};
  for (int64_t r = 0; r < count; r += lanes) {
    const Columns<T> x(a.at + r, stride);
    const Columns<T> y(b.at + r, stride);
    const int64_t some = std::min(lanes, count - r);
    switch (rows.task) {
      case Task::kSoftmax:
        softmax_columns(x, n, hn::Set(d, T{1}));
        break;
      case Task::kLogSoftmax:
        log_softmax_columns(x, n);
        break;
      case Task::kSoftmaxGrad:
        softmax_grad_columns(x, y, n);
        break;
      case Task::kLogSoftmaxGrad:
        log_softmax_grad_columns(x, y, n);
        break;
      case Task::kCrossentropy: {
        const auto [top, log_total] = logsumexp_columns(x, n);
        hn::Store(top, d, each[0]);
        hn::Store(log_total, d, each[1]);
        for (int64_t i = 0; i < some; ++i) {
          const int64_t row = first + r + i;
          out[row] = (each[0][i] - logits[row * n + rows.labels[row]]) + each[1][i];
        }
        break;
      }
      case Task::kCrossentropyGrad:
        std::copy_n(others + first + r, some, each[0]);
        softmax_columns(x, n, hn::Load(d, each[0]));
        for (int64_t i = 0; i < some; ++i) {
          a.at[rows.labels[first + r + i] * stride + r + i] -= each[0][i];
        }
        break;
    }
  }
  if (rows.task != Task::kCrossentropy) tiles.unpack(a.at, stride, count, n, out + first * n);
}

template <typename T>
HWY_INLINE void run_tiles(const Rows& rows, int64_t begin, int64_t end) {
  Tile<T> a, b;
  const int64_t most = TileShape::rows(sizeof(T), rows.length);
  for (int64_t first = begin; first < end; first += most) {
    run_tile(rows, first, std::min(most, end - first), most, a, b);
  }
}

void run_short_f32(const Rows& rows, int64_t begin, int64_t end) {
  run_tiles<float>(rows, begin, end);
}
void run_short_f64(const Rows& rows, int64_t begin, int64_t end) {
  run_tiles<double>(rows, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::softmax_rows
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::softmax_rows {

HWY_EXPORT(run_short_f32);
HWY_EXPORT(run_short_f64);

void run_short(const Rows& rows, int64_t begin, int64_t end) {
  if (rows.is_double) {
    HWY_DYNAMIC_DISPATCH(run_short_f64)(rows, begin, end);
  } else {
    HWY_DYNAMIC_DISPATCH(run_short_f32)(rows, begin, end);
  }
}

}  // namespace bitale::softmax_rows
#endif  // HWY_ONCE
