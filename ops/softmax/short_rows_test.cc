// Softmax and its relatives along rows too short to fill vectors, against plain loops.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/softmax/crossentropy.h"
#include "ops/softmax/softmax.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Every seventh row is one that softmax is not defined for, or has a -inf, which it is.
Tensor logits(int64_t rows, int64_t length) {
  const Tensor x = random_tensor({rows, length}, -30, 30);
  double* p = x.data<double>();
  for (int64_t r = 0; r < rows; r += 7) {
    const int64_t at = r * length + r % length;
    if (r % 4 == 0) p[at] = kNan;
    if (r % 4 == 1) p[at] = kInf;
    if (r % 4 == 2) p[at] = -kInf;
    if (r % 4 == 3) std::fill_n(p + r * length, length, -kInf);
  }
  return x;
}

struct Row {
  std::vector<double> softmax, log_softmax, softmax_grad, log_softmax_grad;
};

// `x` is the logits, and the gradient with respect to a result that is `y`.
Row row_of(const double* x, const double* y, int64_t n) {
  Row row;
  double top = -kInf, total = 0, inner = 0, sum = 0;
  for (int64_t c = 0; c < n; ++c) {
    top = std::max(top, x[c]);
    inner += x[c] * y[c];
    sum += x[c];
  }
  for (int64_t c = 0; c < n; ++c) total += std::exp(x[c] - top);
  for (int64_t c = 0; c < n; ++c) {
    row.softmax.push_back(std::exp(x[c] - top) / total);
    row.log_softmax.push_back(x[c] - top - std::log(total));
    row.softmax_grad.push_back(y[c] * (x[c] - inner));
    row.log_softmax_grad.push_back(x[c] - std::exp(y[c]) * sum);
  }
  return row;
}

void expect_near(const Tensor& got, const std::vector<double>& expected, const char* what,
                 double tolerance) {
  const std::vector<double> values = got.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i])) {
      ASSERT_TRUE(std::isnan(values[i])) << what << ", element " << i;
    } else if (std::isinf(expected[i])) {
      ASSERT_EQ(values[i], expected[i]) << what << ", element " << i;
    } else {
      ASSERT_NEAR(values[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i])))
          << what << ", element " << i;
    }
  }
}

class Rows {
 public:
  explicit Rows(DType dtype) : dtype_(dtype) {
    const Variable x = tensor(dtype, {Dim(), Dim()}, "x");
    const Variable y = tensor(dtype, {Dim(), Dim()}, "y");
    const Variable g = tensor(dtype, {Dim()}, "g");
    const Variable labels = tensor(DType::kInt64, {Dim()}, "labels");
    call_ = function({x, y}, {softmax(x), log_softmax(x), softmax_grad(x, y),
                              log_softmax_grad(x, y)});
    loss_ = function({x, labels}, crossentropy_softmax_sparse(x, labels));
  }

  void expect_plain(int64_t rows, int64_t length) const {
    SCOPED_TRACE(testing::Message()
                 << name_of(dtype_) << " (" << rows << ", " << length << ")");
    const Tensor x = logits(rows, length).cast(dtype_);
    const Tensor y = random_tensor({rows, length}, -2, 0, 5).cast(dtype_);
    const std::vector<double> xs = x.to_vector<double>();
    const std::vector<double> ys = y.to_vector<double>();
    Row all;
    std::vector<double> loss;
    const Tensor labels = Tensor::zeros(DType::kInt64, {rows});
    for (int64_t r = 0; r < rows; ++r) {
      const Row row = row_of(xs.data() + r * length, ys.data() + r * length, length);
      const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      append(all.softmax, row.softmax);
      append(all.log_softmax, row.log_softmax);
      append(all.softmax_grad, row.softmax_grad);
      append(all.log_softmax_grad, row.log_softmax_grad);
      labels.data<int64_t>()[r] = r * 5 % length;
      loss.push_back(-row.log_softmax[static_cast<size_t>(r * 5 % length)]);
    }
    const double tolerance = dtype_ == DType::kFloat32 ? 1e-4 : 1e-12;
    const auto got = call_(x, y);
    expect_near(got[0], all.softmax, "softmax", tolerance);
    expect_near(got[1], all.log_softmax, "log_softmax", tolerance);
    expect_near(got[2], all.softmax_grad, "softmax_grad", tolerance);
    expect_near(got[3], all.log_softmax_grad, "log_softmax_grad", tolerance);
    expect_near(loss_(x, labels)[0], loss, "cross-entropy", tolerance);
  }

 private:
  DType dtype_;
  Function call_;
  Function loss_;
};

TEST(ShortRowsOfSoftmax, OfEveryLengthMatchTheirDefinition) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Rows rows(dtype);
    for (int64_t length = 1; length <= 52; ++length) rows.expect_plain(43, length);
  }
}

TEST(ShortRowsOfSoftmax, OfAnyCountMatchTheirDefinition) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Rows rows(dtype);
    for (const int64_t count : {1, 2, 7, 8, 9, 31, 33, 1025, 2500}) {
      for (const int64_t length : {1, 2, 3, 10}) rows.expect_plain(count, length);
    }
  }
}

// What a row becomes depends neither on its place nor on who computes it.
TEST(ShortRowsOfSoftmax, AreTheSameBitsEverywhere) {
  const int before = options().threads;
  const Variable x = fmatrix("x");
  const Function call = function({x}, softmax(x));
  const Tensor rows = random_tensor({20001, 10}, -5, 5).cast(DType::kFloat32);
  options().threads = 1;
  const Tensor one = call(rows)[0];
  options().threads = 3;
  EXPECT_TRUE(same_bits(one, call(rows)[0]));
  for (const int64_t first : {1, 5, 19990}) {
    const Tensor few = call(rows.slice(0, first, first + 11).copy())[0];
    EXPECT_TRUE(same_bits(few, one.slice(0, first, first + 11).copy())) << "from row " << first;
  }
  options().threads = before;
}

}  // namespace
}  // namespace bitale
