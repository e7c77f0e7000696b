// Reductions of rows too short to fill vectors, and of elements that do not lie side by side,
// against plain loops.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// A matrix of rows that lies in memory in some way.
struct View {
  const char* name;
  Dims (*stored)(int64_t rows, int64_t length);
  Variable (*of)(const Variable& x);
  Tensor (*of_tensor)(const Tensor& x);
};
const View kViews[] = {
    {"in order", [](int64_t rows, int64_t length) { return Dims{rows, length}; },
     [](const Variable& x) { return x; }, [](const Tensor& x) { return x; }},
    {"reversed", [](int64_t rows, int64_t length) { return Dims{rows, length}; },
     [](const Variable& x) { return x[{slice(none, none, -1), slice(none, none, -1)}]; },
     [](const Tensor& x) { return x.slice(0, {}, {}, -1).slice(1, {}, {}, -1); }},
    {"rows reversed", [](int64_t rows, int64_t length) { return Dims{rows, length}; },
     [](const Variable& x) { return x[{slice(), slice(none, none, -1)}]; },
     [](const Tensor& x) { return x.slice(1, {}, {}, -1); }},
    {"every second", [](int64_t rows, int64_t length) { return Dims{rows, 2 * length}; },
     [](const Variable& x) { return x[{slice(), slice(none, none, 2)}]; },
     [](const Tensor& x) { return x.slice(1, {}, {}, 2); }},
    {"every third, backwards", [](int64_t rows, int64_t length) { return Dims{rows, 3 * length}; },
     [](const Variable& x) { return x[{slice(), slice(none, none, -3)}]; },
     [](const Tensor& x) { return x.slice(1, {}, {}, -3); }},
    {"every fifth", [](int64_t rows, int64_t length) { return Dims{rows, 5 * length}; },
     [](const Variable& x) { return x[{slice(), slice(none, none, 5)}]; },
     [](const Tensor& x) { return x.slice(1, {}, {}, 5); }},
    {"with gaps between rows", [](int64_t rows, int64_t length) { return Dims{rows, length + 1}; },
     [](const Variable& x) { return x[{slice(), slice(none, -1)}]; },
     [](const Tensor& x) { return x.slice(1, {}, -1); }},
    {"transposed", [](int64_t rows, int64_t length) { return Dims{length, rows}; },
     [](const Variable& x) { return transpose(x); },
     [](const Tensor& x) { return x.transpose(); }},
};

// Small numbers, of which sums and products of a few are exact; every fifth row has what is special
// about floats.
Tensor elements(const Dims& shape, DType dtype) {
  const Tensor x = Tensor::zeros(DType::kFloat64, shape);
  double* p = x.data<double>();
  uint64_t state = 12345;
  for (int64_t i = 0; i < x.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    p[i] = static_cast<double>(state >> 60) - 5;
    if (dtype == DType::kFloat32 || dtype == DType::kFloat64) {
      if (state >> 50 == 3) p[i] = kNan;
      if (state >> 50 == 4) p[i] = kInf;
      if (state >> 50 == 5) p[i] = -kInf;
    }
    if (dtype == DType::kBool || dtype == DType::kUint8) p[i] = std::abs(p[i]) < 4 ? 0 : 1;
  }
  return x.cast(dtype);
}

struct Expected {
  double sum = 0;
  double magnitude = 0;
  double prod = 1;
  double largest_prod = 1;  // of some finite elements
  double max = -kInf;
  double min = kInf;
  bool any = false;
  bool all = true;
  int64_t argmax = 0;
  int64_t argmin = 0;
};

Expected reduce_plainly(const std::vector<double>& row) {
  Expected e;
  for (size_t c = 0; c < row.size(); ++c) {
    const double v = row[c];
    e.sum += v;
    e.magnitude += std::abs(v);
    e.prod *= v;
    if (std::isfinite(v)) e.largest_prod *= std::max(1.0, std::abs(v));
    e.any = e.any || v != 0;
    e.all = e.all && v != 0;
    const bool first_nan = std::isnan(v) && !std::isnan(e.max);
    if (c == 0 || v > e.max || first_nan) e.max = v, e.argmax = static_cast<int64_t>(c);
    if (c == 0 || v < e.min || first_nan) e.min = v, e.argmin = static_cast<int64_t>(c);
  }
  return e;
}

bool near(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == expected;
  return std::abs(got - expected) <= tolerance;
}

// All reductions of a matrix's rows, which are made once and called for many shapes.
class Reductions {
 public:
  Reductions(const View& view, DType dtype) : view_(view), dtype_(dtype) {
    const Variable x = tensor(dtype, {Dim(), Dim()}, "x");
    const Variable v = view.of(x);
    call_ = function({x}, {sum(v, 1), prod(v, 1), max(v, 1), min(v, 1), any(v, 1),
                           all(v, 1), argmax(v, 1), argmin(v, 1)});
  }

  void expect_plain(int64_t rows, int64_t length) const {
    SCOPED_TRACE(testing::Message() << "rows " << view_.name << ", " << name_of(dtype_) << " ("
                                    << rows << ", " << length << ")");
    const Tensor stored = elements(view_.stored(rows, length), dtype_);
    const auto got = call_(stored);
    const std::vector<double> x = view_.of_tensor(stored).contiguous().to_vector<double>();
    std::vector<std::vector<double>> columns;
    for (size_t k = 0; k < 8; ++k) columns.push_back(got[k].to_vector<double>());
    const double epsilon = dtype_ == DType::kFloat64   ? 1e-15
                           : dtype_ == DType::kFloat32 ? 1e-6
                           : dtype_ == DType::kFloat16 ? 1e-3
                                                       : 0;
    for (int64_t r = 0; r < rows; ++r) {
      const size_t at = static_cast<size_t>(r);
      const std::vector<double> row(x.begin() + r * length, x.begin() + (r + 1) * length);
      const Expected e = reduce_plainly(row);
      ASSERT_TRUE(near(columns[0][at], e.sum, epsilon * e.magnitude)) << "sum of row " << r;
      // Else it overflows in some orders, and not in others.
      if (e.largest_prod < (is_floating(dtype_) ? 1e4 : 1e18)) {
        ASSERT_TRUE(near(columns[1][at], e.prod, 20 * epsilon * std::abs(e.prod)))
            << "prod of row " << r;
      }
      ASSERT_TRUE(near(columns[2][at], e.max, 0)) << "max of row " << r;
      ASSERT_TRUE(near(columns[3][at], e.min, 0)) << "min of row " << r;
      ASSERT_EQ(columns[4][at], e.any) << "any of row " << r;
      ASSERT_EQ(columns[5][at], e.all) << "all of row " << r;
      ASSERT_EQ(columns[6][at], static_cast<double>(e.argmax)) << "argmax of row " << r;
      ASSERT_EQ(columns[7][at], static_cast<double>(e.argmin)) << "argmin of row " << r;
    }
  }

 private:
  const View& view_;
  DType dtype_;
  Function call_;
};

const DType kDTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBool,
                         DType::kUint8,   DType::kInt16,   DType::kInt32,   DType::kInt64};

TEST(ShortRows, OfEveryLengthReduceAsPlainLoopsDo) {
  for (const DType dtype : kDTypes) {
    for (int64_t first = 1; first <= 70; first += 35) {
      const Reductions reductions(kViews[0], dtype);
      for (int64_t i = 0; i < 35; ++i) reductions.expect_plain(77, first + i);
    }
  }
}

TEST(ShortRows, OfAnyCountReduceAsPlainLoopsDo) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kUint8, DType::kInt16}) {
    const Reductions reductions(kViews[0], dtype);
    for (const int64_t rows : {1, 2, 7, 8, 9, 31, 33, 1023, 1025, 2500}) {
      for (const int64_t length : {1, 2, 3, 5, 17}) reductions.expect_plain(rows, length);
    }
  }
}

TEST(ShortRows, StridedAndReversedAndTransposedReduceAsPlainLoopsDo) {
  for (const View& view : kViews) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kUint8, DType::kInt32}) {
      const Reductions reductions(view, dtype);
      for (const int64_t length : {1, 2, 3, 4, 7, 8, 10, 16, 31, 33, 64, 65}) {
        reductions.expect_plain(41, length);
      }
      reductions.expect_plain(1030, 3);
      reductions.expect_plain(3, 1030);
      reductions.expect_plain(2, 4100);
    }
  }
}

// The same reductions down columns: those of the transposed matrix.
TEST(ShortRows, ColumnsReduceAsPlainLoopsDo) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt16}) {
    const Reductions reductions(kViews[std::size(kViews) - 1], dtype);
    for (const int64_t columns : {1, 2, 3, 7, 10, 12, 17, 130}) {
      for (const int64_t length : {2, 9, 31, 32, 100, 1500}) {
        reductions.expect_plain(columns, length);
      }
    }
  }
}

// Sums over some axes of small integers: exact in any order.
void expect_exact_sums(const Dims& shape, const std::vector<int64_t>& axes, DType dtype) {
  const Tensor x = elements(shape, DType::kInt32).cast(dtype);
  // Axis by axis, from the last, in plain loops.
  std::vector<double> expected = x.to_vector<double>();
  Dims left = shape;
  for (size_t i = axes.size(); i-- > 0;) {
    const size_t axis = static_cast<size_t>(axes[i]);
    int64_t outer = 1, inner = 1;
    for (size_t k = 0; k < axis; ++k) outer *= left[k];
    for (size_t k = axis + 1; k < left.size(); ++k) inner *= left[k];
    std::vector<double> next(static_cast<size_t>(outer * inner));
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t r = 0; r < left[axis]; ++r) {
        for (int64_t j = 0; j < inner; ++j) {
          next[static_cast<size_t>(o * inner + j)] +=
              expected[static_cast<size_t>((o * left[axis] + r) * inner + j)];
        }
      }
    }
    expected = next;
    left.erase(left.begin() + static_cast<int64_t>(axis));
  }
  const Variable y = tensor(dtype, SymbolicDims(shape.size()), "y");
  EXPECT_EQ(eval(sum(y, axes), {{y, x}}).to_vector<double>(), expected)
      << to_string(shape) << " over " << to_string(Dims(axes.begin(), axes.end())) << ", "
      << name_of(dtype);
}

TEST(ShortRows, OfAllAxesSumExactly) {
  const std::pair<Dims, std::vector<int64_t>> cases[] = {
      {{40, 50, 2, 2}, {0, 2, 3}}, {{100, 3, 2, 2}, {0, 2, 3}},  {{3000, 2, 4}, {0, 2}},
      {{50, 7, 3}, {1}},           {{2000, 7, 3}, {1}},          {{30, 333, 3}, {1}},
      {{500, 3}, {0}},             {{5000, 10}, {0}},            {{70000, 5}, {0}},
      {{300, 5, 2, 2}, {1, 3}},    {{300, 5, 2, 40}, {1, 3}},    {{6, 4, 5, 3, 2}, {0, 2, 4}},
      {{2, 3000, 2, 3}, {1, 3}},   {{7, 20, 30, 2}, {1, 3}},     {{100, 4, 130}, {1}},
      {{64, 65, 1}, {1}},          {{1, 1, 9}, {2}},             {{33, 2, 17}, {1, 2}}};
  for (const auto& [shape, axes] : cases) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt8}) {
      expect_exact_sums(shape, axes, dtype);
    }
  }
}

TEST(ShortRows, AreTheSameBitsForAnyNumberOfThreadsAndPlaceInMemory) {
  const int before = options().threads;
  for (const Dims& shape : {Dims{30000, 3}, Dims{9001, 10}, Dims{3000, 33}, Dims{600, 100, 3}}) {
    const Variable x = tensor(DType::kFloat32, SymbolicDims(shape.size()), "x");
    const Function call = function({x}, {sum(x, 1), sum(x, 0), sum(x)});
    const Tensor values = random_tensor(shape).cast(DType::kFloat32);
    options().threads = 1;
    const auto one = call(values);
    for (const int threads : {2, 3, 8}) {
      options().threads = threads;
      const auto many = call(values);
      for (size_t k = 0; k < 3; ++k) EXPECT_TRUE(same_bits(one[k], many[k])) << threads;
    }
    // One element further in memory.
    Dims longer = shape;
    ++longer[0];
    const Tensor memory = Tensor::zeros(DType::kFloat32, {element_count(longer)});
    const Tensor moved = memory.slice(0, 1, 1 + element_count(shape)).reshape(shape);
    std::copy_n(values.data<float>(), element_count(shape), moved.data<float>());
    const auto there = call(moved);
    for (size_t k = 0; k < 3; ++k) EXPECT_TRUE(same_bits(one[k], there[k]));
  }
  options().threads = before;
}

}  // namespace
}  // namespace bitale
