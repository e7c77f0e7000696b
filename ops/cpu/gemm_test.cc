#include "ops/cpu/gemm.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/base/options.h"
#include "gtest/gtest.h"
#include "ops/cpu/gemm_narrow.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::cpu {
namespace {

// Small whole numbers, so that sums are exact in any order and results compare bit by bit.
template <typename T>
std::vector<T> small_numbers(int64_t count, uint32_t seed) {
  std::vector<T> values(static_cast<size_t>(count));
  for (T& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<T>(static_cast<int>(seed >> 28) - 8);
  }
  return values;
}

template <typename T>
struct Workspace {
  Workspace(int64_t m, int64_t n, int64_t k)
      : bytes(gemm_workspace_bytes<T>(m, n, k)),
        // Poison: contents are undefined for the callee.
        memory(bytes + 128, char(0xff)) {}
  void* data() {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) &
                                   ~uintptr_t{63});
  }
  // Whether nothing was written past the end.
  bool intact() {
    const char* end = static_cast<char*>(data()) + bytes;
    for (int i = 0; i < 64; ++i) {
      if (end[i] != char(0xff)) return false;
    }
    return true;
  }
  size_t bytes;
  std::vector<char> memory;
};

template <typename T>
void expect_product(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed, T alpha,
                    T beta) {
  SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k << " transposed " << a_transposed
                                  << b_transposed << " alpha " << alpha << " beta " << beta);
  const std::vector<T> a = small_numbers<T>(m * k, 1);
  const std::vector<T> b = small_numbers<T>(k * n, 2);
  const int64_t c_stride = n + 3;
  std::vector<T> c = small_numbers<T>(m * c_stride + 1, 3);
  const std::vector<T> before = c;
  const MatrixView<T> left =
      a_transposed ? MatrixView<T>{a.data(), 1, m} : MatrixView<T>{a.data(), k, 1};
  const MatrixView<T> right =
      b_transposed ? MatrixView<T>{b.data(), 1, k} : MatrixView<T>{b.data(), n, 1};
  Workspace<T> workspace(m, n, k);
  gemm<T>(m, n, k, alpha, left, right, beta, c.data(), c_stride, workspace.data());
  EXPECT_TRUE(workspace.intact());
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < c_stride; ++j) {
      const double old = static_cast<double>(before[i * c_stride + j]);
      double want = old;
      if (j < n) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) {
          sum += static_cast<double>(left.data[i * left.row_stride + p * left.column_stride]) *
                 static_cast<double>(right.data[p * right.row_stride + j * right.column_stride]);
        }
        want = static_cast<double>(alpha) * sum + static_cast<double>(beta) * old;
      }
      ASSERT_EQ(static_cast<double>(c[i * c_stride + j]), want) << "at " << i << ", " << j;
    }
  }
}

// A right operand that was packed once gives the same bits.
template <typename T>
void expect_packed_product(int64_t m, int64_t n, int64_t k) {
  SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k);
  std::vector<T> a = small_numbers<T>(m * k, 1);
  for (T& value : a) value /= 3;
  const std::vector<T> b = small_numbers<T>(k * n, 2);
  const MatrixView<T> left{a.data(), k, 1}, right{b.data(), n, 1};
  if (is_narrow_gemm(m, n, k, left, right)) return;  // whose right operand nobody packs
  std::vector<T> want = small_numbers<T>(m * n, 3), got = want;
  Workspace<T> workspace(m, n, k);
  gemm<T>(m, n, k, T{2}, left, right, T{3}, want.data(), n, workspace.data());
  std::vector<T> packed(static_cast<size_t>(packed_right_elements<T>(k, n)));
  pack_right_operand<T>(k, n, right, packed.data());
  gemm_packed<T>(m, n, k, T{2}, left, packed.data(), T{3}, got.data(), n, workspace.data());
  EXPECT_TRUE(workspace.intact());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(T)), 0);
}

TEST(Gemm, APackedRightOperandGivesTheSameBits) {
  for (const int64_t m : {2, 20, 25, 130, 250}) {
    for (const int64_t n : {2, 16, 70, 530, 2100}) {
      for (const int64_t k : {1, 33, 330, 645}) {
        expect_packed_product<float>(m, n, k);
        expect_packed_product<double>(m, n, k);
      }
    }
  }
}

template <typename T>
void expect_products() {
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1},     {5, 1, 7},       {1, 5, 7},      {2, 3, 1},      {6, 16, 8},
           {7, 17, 9},    {13, 31, 40},    {20, 70, 33},   {25, 70, 33},   {65, 1, 130},
           {1, 130, 65},  {130, 530, 330}, {3, 2100, 350}, {500, 10, 645}, {9, 11, 67},
           {10, 131, 83}, {131, 12, 197},  {67, 5, 1100},  {4, 3, 64},     {4, 10, 784},
           {11, 5, 300},  {301, 70, 330},  {100, 40, 60},  {131, 12, 120}}) {
    for (bool a_transposed : {false, true}) {
      for (bool b_transposed : {false, true}) {
        expect_product<T>(m, n, k, a_transposed, b_transposed, T{1}, T{0});
      }
    }
    expect_product<T>(m, n, k, false, false, T{-2}, T{1});
    expect_product<T>(m, n, k, true, false, T{2}, T{3});
  }
}

// Parts are told of when they have their final values, and each element once.
TEST(Gemm, TellsOfEveryElementOnce) {
  for (const auto& [m, n, k] : std::vector<std::array<int64_t, 3>>{{25, 70, 33},
                                                                   {130, 530, 330},
                                                                   {131, 12, 197},
                                                                   {10, 131, 83},
                                                                   {500, 10, 645},
                                                                   {301, 70, 330},
                                                                   {100, 40, 60},
                                                                   {131, 12, 120}}) {
    for (bool a_transposed : {false, true}) {
      for (bool b_transposed : {false, true}) {
        SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k << " transposed "
                                        << a_transposed << b_transposed);
        const std::vector<float> a = small_numbers<float>(m * k, 1);
        const std::vector<float> b = small_numbers<float>(k * n, 2);
        const MatrixView<float> left =
            a_transposed ? MatrixView<float>{a.data(), 1, m} : MatrixView<float>{a.data(), k, 1};
        const MatrixView<float> right =
            b_transposed ? MatrixView<float>{b.data(), 1, k} : MatrixView<float>{b.data(), n, 1};
        std::vector<float> c(static_cast<size_t>(m * n)), told(c.size(), 0.5f);
        Workspace<float> workspace(m, n, k);
        const auto tell = [&](int64_t begin, int64_t count) {
          for (int64_t i = begin; i < begin + count; ++i) {
            EXPECT_EQ(told[static_cast<size_t>(i)], 0.5f) << "twice at " << i;
            told[static_cast<size_t>(i)] = c[static_cast<size_t>(i)];
          }
        };
        gemm<float>(m, n, k, 1.f, left, right, 0.f, c.data(), n, workspace.data(), PartDone(tell));
        EXPECT_EQ(told, c);
      }
    }
  }
}

TEST(Gemm, FloatEqualsTheDefinition) { expect_products<float>(); }
TEST(Gemm, DoubleEqualsTheDefinition) { expect_products<double>(); }

TEST(Gemm, MoreRowsThanOneSliceHolds) { expect_product<float>(3900, 18, 3, false, false, 1, 0); }

TEST(Gemm, AnInnerLengthOfZeroGivesBetaC) {
  expect_product<float>(3, 4, 0, false, false, 1, 0);
  expect_product<float>(3, 4, 0, false, false, 1, 2);
}

TEST(Gemm, EmptyResultsTouchNothing) {
  expect_product<float>(0, 4, 5, false, false, 1, 0);
  expect_product<float>(4, 0, 5, false, false, 1, 0);
}

TEST(Gemm, WithBetaZeroOldNaNsVanish) {
  for (int64_t n : {int64_t{1}, int64_t{5}, int64_t{16}}) {
    const std::vector<float> a(6, 1.0f);
    const std::vector<float> b(2 * n, 2.0f);
    std::vector<float> c(3 * n, std::numeric_limits<float>::quiet_NaN());
    Workspace<float> workspace(3, n, 2);
    gemm<float>(3, n, 2, 1, {a.data(), 2, 1}, {b.data(), n, 1}, 0, c.data(), n, workspace.data());
    for (float value : c) EXPECT_EQ(value, 4.0f);
  }
}

TEST(Gemm, ZeroTimesNaNIsNaN) {
  for (int64_t n : {int64_t{1}, int64_t{5}, int64_t{40}}) {
    const std::vector<float> a(30 * 4, 0.0f);
    std::vector<float> b(4 * n, 1.0f);
    b[2 * n] = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> c(30 * n);
    Workspace<float> workspace(30, n, 4);
    gemm<float>(30, n, 4, 1, {a.data(), 4, 1}, {b.data(), n, 1}, 0, c.data(), n, workspace.data());
    for (int64_t i = 0; i < 30; ++i) {
      EXPECT_TRUE(std::isnan(c[i * n]));
      for (int64_t j = 1; j < n; ++j) EXPECT_EQ(c[i * n + j], 0.0f);
    }
  }
}

TEST(Gemm, StridesMayBeNegativeOrZero) {
  const std::vector<double> a = {1, 2, 3, 4, 5, 6};
  const std::vector<double> b = {10, 20, 30};
  // Left: rows reversed. Right: one row of three numbers repeated.
  std::vector<double> c(6);
  Workspace<double> workspace(2, 3, 3);
  gemm<double>(2, 3, 3, 1, {a.data() + 3, -3, 1}, {b.data(), 0, 1}, 0, c.data(), 3,
               workspace.data());
  EXPECT_EQ(c, (std::vector<double>{150, 300, 450, 60, 120, 180}));
}

// The parts of each row of B lie apart, and out of order.
template <typename T>
void expect_windows_as_packed_rows(int64_t parts) {
  const GemmTile<T>& tile = gemm_tile<T>();
  if (tile.columns % parts != 0) return;  // without vectors there are no quarters
  const int64_t size = tile.columns / parts;
  constexpr int64_t kDepth = 61;
  std::vector<T> a(static_cast<size_t>(kDepth * tile.rows));
  std::vector<T> image(static_cast<size_t>(kDepth * 3 + parts * 60 + size));
  for (size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<T>(i));
  for (size_t i = 0; i < image.size(); ++i) image[i] = std::cos(static_cast<T>(i) * T{1.5});
  std::vector<const T*> begins;
  for (int64_t p = parts; p > 0; --p) begins.push_back(image.data() + p * 60 - p % 2);
  std::vector<int64_t> offsets;
  std::vector<T> b;
  for (int64_t k = 0; k < kDepth; ++k) {
    offsets.push_back((k * 7 % kDepth) * 3);
    for (const T* begin : begins) {
      b.insert(b.end(), begin + offsets.back(), begin + offsets.back() + size);
    }
  }
  for (int64_t rows = 1; rows <= tile.rows; ++rows) {
    for (const T beta : {T{0}, T{0.5}}) {
      const std::vector<T> before(static_cast<size_t>(rows * (tile.columns + 1)), T{3});
      std::vector<T> packed = before, in_place = before;
      tile.run(rows, tile.columns, kDepth, a.data(), b.data(), tile.columns, packed.data(),
               tile.columns + 1, T{1.25}, beta, {});
      tile.run_windows(parts, rows, kDepth, a.data(), begins.data(), offsets.data(),
                       in_place.data(), tile.columns + 1, T{1.25}, beta);
      EXPECT_EQ(in_place, packed) << rows << " rows, beta " << beta;
    }
  }
}

TEST(GemmTile, WindowsGiveTheSumsOfPackedRows) {
  for (const int64_t parts : {2, 4}) {
    expect_windows_as_packed_rows<float>(parts);
    expect_windows_as_packed_rows<double>(parts);
  }
}

// Rows of A overlap, and their elements are taken out of order.
template <typename T>
void expect_picked_as_packed_columns(int64_t columns) {
  const GemmTile<T>& tile = gemm_tile<T>();
  constexpr int64_t kDepth = 93;
  std::vector<T> image(static_cast<size_t>(kDepth + 5 * tile.rows));
  std::vector<T> b(static_cast<size_t>(kDepth * tile.columns));
  for (size_t i = 0; i < image.size(); ++i) image[i] = std::sin(static_cast<T>(i));
  for (size_t i = 0; i < b.size(); ++i) b[i] = std::cos(static_cast<T>(i) * T{1.5});
  std::vector<const T*> picked;
  for (int64_t i = tile.rows; i > 0; --i) picked.push_back(image.data() + i * 5 - i % 3);
  std::vector<int64_t> places;
  for (int64_t k = 0; k < kDepth; ++k) places.push_back(k * 7 % kDepth);
  for (int64_t rows = 1; rows <= tile.rows; ++rows) {
    std::vector<T> a;
    for (const int64_t place : places) {
      for (int64_t i = 0; i < rows; ++i) a.push_back(picked[static_cast<size_t>(i)][place]);
    }
    for (const T beta : {T{0}, T{0.5}}) {
      const std::vector<T> before(static_cast<size_t>(rows * (columns + 1)), T{3});
      std::vector<T> packed = before, in_place = before;
      tile.run(rows, columns, kDepth, a.data(), b.data(), tile.columns, packed.data(), columns + 1,
               T{1.25}, beta, {});
      tile.run_picked(rows, columns, kDepth, picked.data(), places.data(), b.data(), tile.columns,
                      in_place.data(), columns + 1, T{1.25}, beta);
      EXPECT_EQ(in_place, packed) << rows << " rows, " << columns << " columns, beta " << beta;
    }
  }
}

TEST(GemmTile, PickedColumnsGiveTheSumsOfPackedOnes) {
  for (int64_t columns = 1; columns <= gemm_tile<float>().columns; ++columns) {
    expect_picked_as_packed_columns<float>(columns);
  }
  for (int64_t columns = 1; columns <= gemm_tile<double>().columns; ++columns) {
    expect_picked_as_packed_columns<double>(columns);
  }
}

// One row times a matrix of few columns, with ends of every length.
TEST(Gemm, OneRowTimesColumnsOfEveryNumber) {
  constexpr int64_t kDepth = 37;
  for (int64_t n = 2; n < 40; ++n) {
    std::vector<float> a(kDepth), b(kDepth * n), c(static_cast<size_t>(n + 1), 7.0f);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(static_cast<int>(i % 5) - 2);
    for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(static_cast<int>(i % 9) - 4);
    Workspace<float> workspace(1, n, kDepth);
    gemm<float>(1, n, kDepth, 1, {a.data(), kDepth, 1}, {b.data(), n, 1}, 0, c.data(), n,
                workspace.data());
    for (int64_t j = 0; j < n; ++j) {
      float expected = 0;
      for (int64_t k = 0; k < kDepth; ++k) expected += a[k] * b[k * n + j];
      ASSERT_EQ(c[static_cast<size_t>(j)], expected) << "column " << j << " of " << n;
    }
    EXPECT_EQ(c[static_cast<size_t>(n)], 7.0f) << n;
  }
}

TEST(Gemm, AnyNumberOfThreadsGivesTheSameBits) {
  const int64_t m = 301, n = 603, k = 707;
  std::vector<float> a(m * k);
  std::vector<float> b(k * n);
  uint32_t seed = 7;
  for (std::vector<float>* values : {&a, &b}) {
    for (float& value : *values) {
      seed = seed * 1664525u + 1013904223u;
      value = static_cast<float>(seed) / 4e9f - 0.5f;
    }
  }
  const int before = options().threads;
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 3, 5}) {
    options().threads = threads;
    std::vector<float> c(m * n);
    Workspace<float> workspace(m, n, k);
    gemm<float>(m, n, k, 1, {a.data(), k, 1}, {b.data(), n, 1}, 0, c.data(), n, workspace.data());
    results.push_back(c);
  }
  options().threads = before;
  for (const auto& c : results) {
    EXPECT_EQ(std::memcmp(c.data(), results[0].data(), c.size() * sizeof(float)), 0);
  }
}

TEST(GenericGemm, IntegersWrap) {
  const std::vector<int8_t> a = {100, 100, 1, 2};
  const std::vector<int8_t> b = {3, 1, 3, -1};
  std::vector<int8_t> c(4);
  generic_gemm<int8_t>(2, 2, 2, {a.data(), 2, 1}, {b.data(), 2, 1}, c.data(), 2);
  EXPECT_EQ(c, (std::vector<int8_t>{static_cast<int8_t>(600), 0, 9, -1}));
}

TEST(SlotPool, LendsEachSlotOnce) {
  SlotPool pool(2);
  const SlotPool::Loan first(pool);
  EXPECT_EQ(first.slot(), 0);
  {
    const SlotPool::Loan second(pool);
    EXPECT_EQ(second.slot(), 1);
  }
  const SlotPool::Loan third(pool);
  EXPECT_EQ(third.slot(), 1);
}

}  // namespace
}  // namespace bitale::cpu
