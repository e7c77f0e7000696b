#include "ops/softmax/softmax.h"

#include <cmath>
#include <limits>
#include <utility>

#include "autograd/grad.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// log(softmax(x, axis)), or softmax itself, element by element.
Tensor softmax_oracle(const Tensor& x, size_t axis, bool of_log) {
  const Tensor out = Tensor::zeros(DType::kFloat64, x.shape());
  for_each_index(x.shape(), [&](const Dims& index) {
    double total = 0;
    Dims other = index;
    for (other[axis] = 0; other[axis] < x.shape()[axis]; ++other[axis]) {
      total += std::exp(element(x, other) - element(x, index));
    }
    set_element(out, index, of_log ? -std::log(total) : 1 / total);
  });
  return out;
}

void check(bool of_log, const Dims& shape, int64_t axis, bool derivatives = true) {
  const size_t at =
      static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis);
  run_op_case(
      {.name = std::string(of_log ? "log_softmax " : "softmax ") + to_string(shape),
       .inputs = {random_tensor(shape, -4, 4)},
       .build =
           [&](const Variables& v) {
             return of_log ? log_softmax(v[0], axis) : softmax(v[0], axis);
           },
       .oracle = [&](const std::vector<Tensor>& x) { return softmax_oracle(x[0], at, of_log); },
       .gradient = derivatives,
       .second_order = derivatives,
       .pushforward = derivatives});
}

TEST(Softmax, MatchesItsDefinitionAlongEveryAxis) {
  for (bool of_log : {false, true}) {
    check(of_log, {5}, 0);
    check(of_log, {3, 7}, -1);
    check(of_log, {3, 7}, 0);
    check(of_log, {2, 3, 4}, 1);
    check(of_log, {2, 3, 4}, 2);
    check(of_log, {4, 1}, 1);
    check(of_log, {0, 4}, 1, false);
    for (int64_t n : {8, 15, 16, 17, 31, 33}) check(of_log, {2, n}, 1);
    check(of_log, {20, 301}, 1, false);
  }
}

TEST(Softmax, GradientOpsMatchTheirFormulasWithAllDerivatives) {
  for (int64_t axis : {0, 1}) {
    run_op_case({.name = "softmax_grad",
                 .inputs = {random_tensor({3, 5}), random_tensor({3, 5}, 0, 1, 2)},
                 .build = [&](const Variables& v) { return softmax_grad(v[0], v[1], axis); },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       const Tensor out = Tensor::zeros(DType::kFloat64, {3, 5});
                       for_each_index({3, 5}, [&](const Dims& i) {
                         double inner = 0;
                         for (int64_t k = 0; k < (axis == 0 ? 3 : 5); ++k) {
                           const Dims at = axis == 0 ? Dims{k, i[1]} : Dims{i[0], k};
                           inner += element(x[0], at) * element(x[1], at);
                         }
                         set_element(out, i, element(x[1], i) * (element(x[0], i) - inner));
                       });
                       return out;
                     }});
    run_op_case({.name = "log_softmax_grad",
                 .inputs = {random_tensor({3, 5}), random_tensor({3, 5}, -3, 0, 2)},
                 .build = [&](const Variables& v) { return log_softmax_grad(v[0], v[1], axis); },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       const Tensor out = Tensor::zeros(DType::kFloat64, {3, 5});
                       for_each_index({3, 5}, [&](const Dims& i) {
                         double sum = 0;
                         for (int64_t k = 0; k < (axis == 0 ? 3 : 5); ++k) {
                           sum += element(x[0], axis == 0 ? Dims{k, i[1]} : Dims{i[0], k});
                         }
                         set_element(out, i, element(x[0], i) - std::exp(element(x[1], i)) * sum);
                       });
                       return out;
                     }});
  }
}

TEST(Softmax, RowsSumToOne) {
  const Tensor y = eval(softmax(random_tensor({7, 1000}, -50, 50).cast(DType::kFloat32)));
  for (double total : eval(sum(y, 1)).to_vector<double>()) EXPECT_NEAR(total, 1, 1e-5);
}

TEST(Softmax, HugeLogitsStayFinite) {
  const Tensor x = Tensor::of<double>({{1e4, -1e4, 0}, {-1e4, -1e4, -1e4}, {1e4, 1e4, -1e4}});
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (int64_t axis : {0, 1}) {
      const Variable logits =
          axis == 1 ? constant(x.cast(dtype)) : constant(x.cast(dtype).transpose());
      Tensor y = eval(softmax(logits, axis));
      Tensor log_y = eval(log_softmax(logits, axis));
      if (axis == 0) y = y.transpose(), log_y = log_y.transpose();
      const double third = -std::log(3.0);
      const double half = -std::log(2.0);
      EXPECT_TRUE(all_close(
          log_y,
          Tensor::of<double>({{0, -2e4, -1e4}, {third, third, third}, {half, half, -2e4 + half}})));
      EXPECT_TRUE(
          all_close(y, Tensor::of<double>({{1, 0, 0}, {1 / 3., 1 / 3., 1 / 3.}, {0.5, 0.5, 0}})));
    }
  }
}

TEST(Softmax, NanAndInfinitiesShowInTheirRowOnly) {
  const Tensor x = Tensor::of<double>(
      {{0, kNan, 0}, {kInf, 0, 0}, {-kInf, -kInf, -kInf}, {-kInf, 0, 0}, {0, 0, 0}});
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Tensor y = eval(softmax(x.cast(dtype)));
    for (int64_t row : {0, 1, 2}) {
      for (double v : y.select(0, row).to_vector<double>()) EXPECT_TRUE(std::isnan(v));
    }
    EXPECT_EQ(y.select(0, 3).to_vector<double>(), (std::vector<double>{0, 0.5, 0.5}));
    EXPECT_EQ(eval(log_softmax(x.cast(dtype))).select(0, 3).to_vector<double>()[0], -kInf);
  }
}

TEST(Softmax, OverAnEmptyAxisIsEmpty) {
  for (const auto& [shape, axis] :
       {std::pair<Dims, int64_t>{{0}, 0}, {{3, 0}, 1}, {{0, 3}, 0}, {{2, 0, 3}, 1}}) {
    for (DType dtype : {DType::kFloat16, DType::kFloat32, DType::kFloat64}) {
      const Variable x = tensor(dtype, SymbolicDims(shape.size()), "x");
      const Tensor nothing = Tensor::zeros(dtype, shape);
      for (const Mode& mode : {kFastRun, kFastCompile, kDebugMode}) {
        for (const Variable& y : {softmax(x, axis), log_softmax(x, axis)}) {
          EXPECT_TRUE(equal_to(eval(y, {{x, nothing}}, mode), nothing));
          EXPECT_TRUE(equal_to(eval(grad(sum(y), x), {{x, nothing}}, mode), nothing));
        }
      }
    }
  }
}

TEST(Softmax, TwoByteDtypesRunThroughTheFormula) {
  for (DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    const Tensor x = random_tensor({4, 9}).cast(dtype);
    const Tensor y = eval(softmax(x));
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_TRUE(all_close(y.cast(DType::kFloat64),
                          softmax_oracle(x.cast(DType::kFloat64), 1, false), 1e-2, 1e-3));
  }
  EXPECT_EQ(softmax(imatrix("x")).dtype(), float_x());
}

TEST(Softmax, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({500, 333}).cast(DType::kFloat32);
  const int before = options().threads;
  options().threads = 1;
  const Tensor one = eval(softmax(x));
  options().threads = 4;
  EXPECT_TRUE(same_bits(one, eval(softmax(x))));
  options().threads = before;
}

TEST(Softmax, RefusesWrongAxesAndShapes) {
  const Variable x = fmatrix("x");
  expect_error<ShapeError>([&] { softmax(x, 2); },
                           {"softmax: axis 2 is out of range for an operand of rank 2",
                            "x float32 (?, ?)", "axes run from -2 to 1"});
  expect_error<ShapeError>([&] { log_softmax(fscalar("s")); },
                           {"log_softmax: axis -1 is out of range for an operand of rank 0"});
  expect_error<ShapeError>([&] { softmax_grad(x, fvector("y")); },
                           {"softmax_grad: ranks differ: 2 and 1"});
}

}  // namespace
}  // namespace bitale
