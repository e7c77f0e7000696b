#include "ops/cpu/gemm_narrow.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "core/runtime/thread_pool.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

#ifndef BITALE_OPS_CPU_GEMM_NARROW_FUNCTION_
#define BITALE_OPS_CPU_GEMM_NARROW_FUNCTION_
namespace bitale::cpu {
namespace {

// rows, columns, depth, a, a_stride, b, b_stride, c, c_row, c_column, alpha, beta; see dots().
template <typename T>
using DotsFunction = void (*)(int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, T*,
                              int64_t, int64_t, T, T);

}  // namespace
}  // namespace bitale::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/gemm_narrow.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// AVX-512 has 32 registers, the others 16.
#if HWY_TARGET <= HWY_AVX3
constexpr int kMostRows = 6;
constexpr int kMostColumns = 4;
#else
constexpr int kMostRows = 4;
constexpr int kMostColumns = 3;
#endif

// kRows by kColumns sums of products in registers. `scales` are alpha and beta.
template <typename T, int kRows, int kColumns>
HWY_NOINLINE void dot_tile(int64_t depth, const T* HWY_RESTRICT a, int64_t a_stride,
                           const T* HWY_RESTRICT b, int64_t b_stride, T* HWY_RESTRICT c,
                           int64_t c_row, int64_t c_column, const T* HWY_RESTRICT scales) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows][kColumns];
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::Zero(d);
  }
  const auto add = [&](auto&& load, int64_t k) HWY_ATTR {
    V right[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) right[j] = load(b + j * b_stride + k);
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) {
      const V left = load(a + i * a_stride + k);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
    }
  };
  int64_t k = 0;
  for (; k + lanes <= depth; k += lanes) {
    add([&](const T* from) HWY_ATTR { return hn::LoadU(d, from); }, k);
  }
  if (k < depth) {  // the last vector, without what was added already
    const auto done = hn::FirstN(d, static_cast<size_t>(k - (depth - lanes)));
    add([&](const T* from) HWY_ATTR { return hn::IfThenZeroElse(done, hn::LoadU(d, from)); },
        depth - lanes);
  }
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) {
      T* const to = c + i * c_row + j * c_column;
      const T sum = hn::GetLane(hn::SumOfLanes(d, sums[i][j])) * scales[0];
      *to = scales[1] != T{0} ? __builtin_fma(scales[1], *to, sum) : sum;
    }
  }
}

template <typename T>
using DotFunction = void (*)(int64_t, const T*, int64_t, const T*, int64_t, T*, int64_t, int64_t,
                             const T*);

template <typename T, int... kTiles>
constexpr std::array<DotFunction<T>, sizeof...(kTiles)> dot_table(
    std::integer_sequence<int, kTiles...>) {
  return {&dot_tile<T, kTiles / kMostColumns + 1, kTiles % kMostColumns + 1>...};
}

// c[i * c_row + j * c_column] = beta * that + alpha * sum_k a[i * a_stride + k] * b[j * b_stride +
// k] for i < rows, j < columns, summed in an order that follows from the depth, which is at least a
// vector. Where beta is 0, c is not read.
template <typename T>
HWY_ATTR void dots(int64_t rows, int64_t columns, int64_t depth, const T* a, int64_t a_stride,
                   const T* b, int64_t b_stride, T* c, int64_t c_row, int64_t c_column, T alpha,
                   T beta) {
  static constexpr auto kTiles =
      dot_table<T>(std::make_integer_sequence<int, kMostRows * kMostColumns>());
  const T scales[2] = {alpha, beta};
  const int64_t row_panels = panel_count(rows, kMostRows);
  const int64_t column_panels = panel_count(columns, kMostColumns);
  for (int64_t p = 0; p < row_panels; ++p) {
    const int64_t i = panel_begin(rows, row_panels, p);
    const int64_t tile_rows = panel_begin(rows, row_panels, p + 1) - i;
    for (int64_t q = 0; q < column_panels; ++q) {
      const int64_t j = panel_begin(columns, column_panels, q);
      const int64_t tile_columns = panel_begin(columns, column_panels, q + 1) - j;
      kTiles[(tile_rows - 1) * kMostColumns + tile_columns - 1](
          depth, a + i * a_stride, a_stride, b + j * b_stride, b_stride,
          c + i * c_row + j * c_column, c_row, c_column, scales);
    }
  }
}

DotsFunction<float> float_dots() { return &dots<float>; }
DotsFunction<double> double_dots() { return &dots<double>; }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {
namespace {

HWY_EXPORT(float_dots);
HWY_EXPORT(double_dots);

template <typename T>
DotsFunction<T> dots_function() {
  if constexpr (std::is_same_v<T, float>) {
    static const DotsFunction<float> function = HWY_DYNAMIC_DISPATCH(float_dots)();
    return function;
  } else {
    static const DotsFunction<double> function = HWY_DYNAMIC_DISPATCH(double_dots)();
    return function;
  }
}

// Up to this many columns, or rows, are few.
constexpr int64_t kFew = 12;
// From this depth on sums over vector lanes cost little beside the products before them.
constexpr int64_t kLeastDepth = 64;
// And from this one on a product that is turned saves more than that costs.
constexpr int64_t kLeastTurnedDepth = 100;
// Bytes along the depth of the few columns that are multiplied at once: all of them stay in L1.
constexpr int64_t kDepthBytes = 2048;
// Multiplications of a block that one thread takes.
constexpr double kBlockWork = 6e4;
// Rows that are turned at once.
constexpr int64_t kTurnedRows = 64;

// `few` vectors of k elements, one behind the other, with strides as of a transposed operand.
template <typename T>
const T* arranged(int64_t few, int64_t k, MatrixView<T> vectors, T* to) {
  for (int64_t q = 0; q < k; q += kTurnedRows) {
    const int64_t count = std::min(kTurnedRows, k - q);
    const T* const from = vectors.data + q * vectors.column_stride;
    if (vectors.row_stride == 1) {
      int64_t offsets[kTurnedRows];
      for (int64_t i = 0; i < count; ++i) offsets[i] = i * vectors.column_stride;
      runs<T>().gather_columns(count, offsets, few, from, to + q, k);
    } else {
      for (int64_t j = 0; j < few; ++j) {
        for (int64_t i = 0; i < count; ++i) {
          to[j * k + q + i] = from[j * vectors.row_stride + i * vectors.column_stride];
        }
      }
    }
  }
  return to;
}

// c[i * c_row + j * c_column] = alpha * <row i of many, row j of few> + beta * that. Rows of `many`
// have adjacent elements.
template <typename T>
void multiply_rows(int64_t many_count, int64_t few_count, int64_t k, T alpha, MatrixView<T> many,
                   MatrixView<T> few, T beta, T* c, int64_t c_row, int64_t c_column, T* workspace,
                   PartDone done) {
  const bool lies_ready = few.column_stride == 1;
  const T* const vectors = lies_ready ? few.data : arranged(few_count, k, few, workspace);
  const int64_t stride = lies_ready ? few.row_stride : k;
  const int64_t depths = panel_count(k, kDepthBytes / static_cast<int64_t>(sizeof(T)));
  const double row_work = static_cast<double>(few_count) * static_cast<double>(k);
  const auto rows_at_once = std::max<int64_t>(1, static_cast<int64_t>(kBlockWork / row_work / 4));
  const DotsFunction<T> multiply_dots = dots_function<T>();
  parallel_ranges(many_count, 4 * rows_at_once, [&](int64_t begin, int64_t end) {
    for (int64_t d = 0; d < depths; ++d) {
      const int64_t k0 = panel_begin(k, depths, d);
      multiply_dots(end - begin, few_count, panel_begin(k, depths, d + 1) - k0,
                    many.data + begin * many.row_stride + k0, many.row_stride, vectors + k0, stride,
                    c + begin * c_row, c_row, c_column, alpha, k0 == 0 ? beta : T{1});
    }
    const int64_t count = end - begin;
    if (!done) return;
    if (c_column == 1 && c_row == few_count) return done(begin * c_row, count * c_row);
    if (c_column == 1) {
      for (int64_t i = begin; i < end; ++i) done(i * c_row, few_count);
    } else {
      for (int64_t j = 0; j < few_count; ++j) done(j * c_column + begin, count);
    }
  });
}

// The transpose of the product, n by m, has long rows that fill vectors; it is turned at the end.
template <typename T>
void multiply_turned(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b,
                     T beta, T* c, int64_t c_stride, T* workspace, PartDone done) {
  WorkspaceLayout layout(workspace);
  T* const turned = layout.take<T>(m * n);
  gemm<T>(n, m, k, alpha, b.transposed(), a.transposed(), T{0}, turned, m,
          reinterpret_cast<char*>(workspace) + layout.bytes());
  int64_t offsets[kFew];
  for (int64_t j = 0; j < n; ++j) offsets[j] = j * m;
  parallel_ranges(m, kTurnedRows, [&](int64_t begin, int64_t end) {
    T sums[kTurnedRows * kFew];
    runs<T>().gather_columns(n, offsets, end - begin, turned + begin, sums, n);
    for (int64_t i = begin; i < end; ++i) {
      const T* const from = sums + (i - begin) * n;
      T* const to = c + i * c_stride;
      for (int64_t j = 0; j < n; ++j) {
        to[j] = beta != T{0} ? __builtin_fma(beta, to[j], from[j]) : from[j];
      }
      done(i * c_stride, n);
    }
  });
}

enum class NarrowForm { kNone, kFewColumns, kFewRows, kTurned };

template <typename T>
NarrowForm form_of(int64_t m, int64_t n, int64_t k, MatrixView<T> a, MatrixView<T> b) {
  if (n <= kFew && a.column_stride == 1 && k >= kLeastDepth) return NarrowForm::kFewColumns;
  if (m <= kFew && b.row_stride == 1 && k >= kLeastDepth) return NarrowForm::kFewRows;
  const bool turns = n <= kFew && m > kFew && a.row_stride == 1 && k >= kLeastTurnedDepth;
  return turns ? NarrowForm::kTurned : NarrowForm::kNone;
}

}  // namespace

template <typename T>
bool is_narrow_gemm(int64_t m, int64_t n, int64_t k, MatrixView<T> a, MatrixView<T> b) {
  return form_of(m, n, k, a, b) != NarrowForm::kNone;
}

template <typename T>
size_t narrow_workspace_bytes(int64_t m, int64_t n, int64_t k) {
  WorkspaceLayout layout;
  const int64_t few = std::max(m <= kFew ? m : 0, n <= kFew ? n : 0);
  if (few > 0) layout.take<T>(std::max(few * k, n <= kFew ? m * n : 0));
  return layout.bytes();
}

template <typename T>
void narrow_gemm(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b, T beta,
                 T* c, int64_t c_stride, void* workspace, PartDone done) {
  T* const elements = static_cast<T*>(workspace);
  switch (form_of(m, n, k, a, b)) {
    case NarrowForm::kFewColumns:
      return multiply_rows(m, n, k, alpha, a, b.transposed(), beta, c, c_stride, int64_t{1},
                           elements, done);
    case NarrowForm::kFewRows:
      return multiply_rows(n, m, k, alpha, b.transposed(), a, beta, c, int64_t{1}, c_stride,
                           elements, done);
    default:
      return multiply_turned(m, n, k, alpha, a, b, beta, c, c_stride, elements, done);
  }
}

#define BITALE_INSTANTIATE_NARROW(T)                                                              \
  template bool is_narrow_gemm<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>);       \
  template size_t narrow_workspace_bytes<T>(int64_t, int64_t, int64_t);                           \
  template void narrow_gemm<T>(int64_t, int64_t, int64_t, T, MatrixView<T>, MatrixView<T>, T, T*, \
                               int64_t, void*, PartDone)
BITALE_INSTANTIATE_NARROW(float);
BITALE_INSTANTIATE_NARROW(double);
#undef BITALE_INSTANTIATE_NARROW

}  // namespace bitale::cpu
#endif  // HWY_ONCE
