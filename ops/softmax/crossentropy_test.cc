#include "ops/softmax/crossentropy.h"

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/grad.h"
#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/arange.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

double log_total(const Tensor& logits, int64_t row) {
  double total = 0;
  for (int64_t j = 0; j < logits.dim(1); ++j) total += std::exp(element(logits, {row, j}));
  return std::log(total);
}

Tensor sparse_oracle(const Tensor& logits, const Tensor& y) {
  const Tensor out = Tensor::zeros(DType::kFloat64, {logits.dim(0)});
  for (int64_t i = 0; i < logits.dim(0); ++i) {
    const int64_t label = static_cast<int64_t>(element(y, {i}));
    set_element(out, {i}, log_total(logits, i) - element(logits, {i, label}));
  }
  return out;
}

TEST(CrossentropySoftmaxSparse, MatchesItsDefinitionWithAllDerivatives) {
  for (const auto& [rows, classes] :
       {std::pair<int64_t, int64_t>{4, 3}, {3, 10}, {1, 1}, {5, 21}}) {
    for (DType dtype : {DType::kInt64, DType::kInt32, DType::kUint8}) {
      run_op_case(
          {.name = "crossentropy",
           .inputs = {random_tensor({rows, classes}, -3, 3),
                      random_integers({rows}, 0, classes, dtype)},
           .build = [](const Variables& v) { return crossentropy_softmax_sparse(v[0], v[1]); },
           .oracle = [](const std::vector<Tensor>& x) { return sparse_oracle(x[0], x[1]); }});
    }
  }
}

TEST(CrossentropySoftmaxSparse, GradientOpMatchesItsDefinitionWithAllDerivatives) {
  run_op_case(
      {.name = "crossentropy gradient",
       .inputs = {random_tensor({4}), random_tensor({4, 11}, -3, 3, 2),
                  random_integers({4}, 0, 11)},
       .build =
           [](const Variables& v) { return crossentropy_softmax_sparse_grad(v[0], v[1], v[2]); },
       .oracle =
           [](const std::vector<Tensor>& x) {
             const Tensor out = Tensor::zeros(DType::kFloat64, {4, 11});
             for_each_index({4, 11}, [&](const Dims& i) {
               const double p = std::exp(element(x[1], i) - log_total(x[1], i[0]));
               const double hit = element(x[2], {i[0]}) == static_cast<double>(i[1]) ? 1 : 0;
               set_element(out, i, element(x[0], {i[0]}) * (p - hit));
             });
             return out;
           }});
}

TEST(CrossentropySoftmaxSparse, HugeLogitsStayFinite) {
  const Tensor logits = Tensor::of<double>({{1e4, -1e4}, {1e4, -1e4}, {-1e4, -1e4}});
  const Tensor y = Tensor::of<int64_t>({0, 1, 0});
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Variable x = tensor(dtype, {3, 2}, "x");
    const Variable loss = crossentropy_softmax_sparse(x, y);
    EXPECT_TRUE(all_close(eval(loss, {{x, logits.cast(dtype)}}),
                          Tensor::of<double>({0, 2e4, std::log(2.0)})));
    EXPECT_TRUE(all_close(eval(grad(sum(loss), x), {{x, logits.cast(dtype)}}),
                          Tensor::of<double>({{0, 0}, {1, -1}, {-0.5, 0.5}})));
  }
}

TEST(CrossentropySoftmaxSparse, TwoByteDtypes) {
  const Tensor logits = random_tensor({6, 5}, -3, 3).cast(DType::kFloat16);
  const Tensor y = random_integers({6}, 0, 5);
  const Variable x = tensor(DType::kFloat16, {6, 5}, "x");
  const Variable loss = crossentropy_softmax_sparse(x, y);
  const Tensor got = eval(loss, {{x, logits}});
  EXPECT_EQ(got.dtype(), DType::kFloat16);
  EXPECT_TRUE(all_close(got.cast(DType::kFloat64), sparse_oracle(logits.cast(DType::kFloat64), y),
                        2e-3, 1e-3));
  const Tensor slope = eval(
      crossentropy_softmax_sparse_grad(Tensor::ones(DType::kFloat16, {6}), x, y), {{x, logits}});
  for (double total : eval(sum(slope, 1)).to_vector<double>()) EXPECT_NEAR(total, 0, 3e-3);
}

TEST(CrossentropySoftmaxSparse, NamesTheRowAndTheLabelOutOfRange) {
  const Variable x = fmatrix("x");
  const Variable y = ivector("y");
  const Tensor logits = Tensor::zeros(DType::kFloat32, {3, 10});
  const Variable loss = crossentropy_softmax_sparse(x, y);
  expect_error<ExecutionError>(
      [&] {
        eval(loss, {{x, logits}, {y, Tensor::of<int32_t>({1, 10, 2})}});
      },
      {"crossentropy_softmax_sparse: row 1 has the label 10, but there are 10 classes"});
  expect_error<ExecutionError>(
      [&] {
        eval(loss, {{x, logits}, {y, Tensor::of<int32_t>({1, 2, -1})}});
      },
      {"crossentropy_softmax_sparse: row 2 has the label -1, but there are 10 classes"});
  expect_error<ExecutionError>(
      [&] {
        eval(crossentropy_softmax_sparse_grad(Tensor::ones(DType::kFloat32, {3}), x, y),
             {{x, logits}, {y, Tensor::of<int32_t>({0, 2, 77})}});
      },
      {"crossentropy_softmax_sparse_grad: row 2 has the label 77, but there are 10 classes"});
}

TEST(CrossentropySoftmaxSparse, RefusesOtherRanksAndDtypes) {
  const Variable x = tensor(DType::kFloat32, {3, 10}, "x");
  expect_error<ShapeError>([&] { crossentropy_softmax_sparse(fvector("v"), ivector("y")); },
                           {"crossentropy_softmax_sparse: logits have rank 1, not 2"});
  expect_error<ShapeError>([&] { crossentropy_softmax_sparse(x, imatrix("y")); },
                           {"crossentropy_softmax_sparse: labels have rank 2, not 1"});
  expect_error<TypeError>([&] { crossentropy_softmax_sparse(x, fvector("y")); },
                          {"crossentropy_softmax_sparse: labels are float32, not integers"});
  expect_error<ShapeError>(
      [&] { crossentropy_softmax_sparse(x, tensor(DType::kInt64, {4}, "y")); },
      {"crossentropy_softmax_sparse: numbers of rows and labels differ: 3 and 4"});
}

TEST(CategoricalCrossentropy, SparseAndDenseTargetsAgree) {
  const Tensor p = random_tensor({4, 3}, 0.1, 1);
  const Tensor y = Tensor::of<int64_t>({2, 0, 1, 2});
  auto oracle = [&](const std::vector<Tensor>& x) {
    const Tensor out = Tensor::zeros(DType::kFloat64, {4});
    for (int64_t i = 0; i < 4; ++i) {
      set_element(out, {i}, -std::log(element(x[0], {i, y.data<int64_t>()[i]})));
    }
    return out;
  };
  run_op_case({.name = "sparse",
               .inputs = {p},
               .build = [&](const Variables& v) { return categorical_crossentropy(v[0], y); },
               .oracle = oracle});
  run_op_case({.name = "dense",
               .inputs = {p},
               .build =
                   [&](const Variables& v) {
                     return categorical_crossentropy(v[0], one_hot(y, 3, v[0].dtype()));
                   },
               .oracle = oracle});
}

TEST(CategoricalCrossentropy, ClassesWithoutWeightAddNothing) {
  const Variable p = dmatrix("p");
  const Tensor value = Tensor::of<double>({{0, 0.25, 0.75}});
  const Variable loss = categorical_crossentropy(p, Tensor::of<double>({{0, 1, 0}}));
  EXPECT_DOUBLE_EQ(eval(loss, {{p, value}}).item<double>(), std::log(4.0));
  EXPECT_EQ(eval(grad(sum(loss), p), {{p, value}}).to_vector<double>(),
            (std::vector<double>{0, -4, 0}));
}

TEST(CategoricalCrossentropy, RefusesOtherRanksAndDtypes) {
  expect_error<ShapeError>([&] { categorical_crossentropy(fvector("p"), ivector("y")); },
                           {"categorical_crossentropy: probabilities have rank 1, not 2"});
  expect_error<TypeError>([&] { categorical_crossentropy(fmatrix("p"), fvector("y")); },
                          {"categorical_crossentropy: labels of rank 1 are not integers"});
}

TEST(BinaryCrossentropy, MatchesItsDefinition) {
  auto from_p = [](double p, double y) { return -(y * std::log(p) + (1 - y) * std::log(1 - p)); };
  auto oracle = [&](const std::vector<Tensor>& x, bool logits) {
    const Tensor out = Tensor::zeros(DType::kFloat64, x[0].shape());
    for_each_index(x[0].shape(), [&](const Dims& i) {
      const double z = element(x[0], i);
      set_element(out, i, from_p(logits ? 1 / (1 + std::exp(-z)) : z, element(x[1], i)));
    });
    return out;
  };
  run_op_case({.name = "binary",
               .inputs = {random_tensor({3, 4}, 0.1, 0.9), random_tensor({3, 4}, 0, 1, 2)},
               .build = [](const Variables& v) { return binary_crossentropy(v[0], v[1]); },
               .oracle = [&](const std::vector<Tensor>& x) { return oracle(x, false); }});
  run_op_case(
      {.name = "binary with logits",
       .inputs = {random_tensor({3, 4}, -5, 5), random_tensor({3, 4}, 0, 1, 2)},
       .build = [](const Variables& v) { return binary_crossentropy_with_logits(v[0], v[1]); },
       .oracle = [&](const std::vector<Tensor>& x) { return oracle(x, true); }});
}

TEST(BinaryCrossentropy, IsZeroWithFiniteDerivativesWhereThePredictionIsTheLabel) {
  const Variable p = dvector("p"), y = dvector("y"), t = dvector("t");
  const Tensor labels = Tensor::of<double>({0, 1});
  const Variable loss = binary_crossentropy(p, y);
  for (const Mode& mode : {kFastRun, kFastCompile}) {
    const auto value = [&](const Variable& v) {
      return eval(v, {{p, labels}, {y, labels}, {t, Tensor::of<double>({2, 3})}}, mode);
    };
    EXPECT_TRUE(close_to(value(loss), Tensor::of<double>({0, 0})));
    EXPECT_TRUE(close_to(value(grad(sum(loss), p)), Tensor::of<double>({1, -1})));
    EXPECT_TRUE(close_to(value(rop(loss, p, t)), Tensor::of<double>({2, -3})));
  }
}

TEST(BinaryCrossentropy, IsInfiniteWhereThePredictionIsTheOtherLabel) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(eval(binary_crossentropy(Tensor::of<double>({0, 1}), Tensor::of<double>({1, 0})))
                .to_vector<double>(),
            (std::vector<double>{infinity, infinity}));
}

TEST(BinaryCrossentropy, OfASigmoidOfHugeLogitsStaysFiniteUnderRules) {
  const Variable z = fvector("z");
  const Tensor logits = Tensor::of<float>({1e4f, 1e4f, -1e4f, -1e4f});
  const Variable loss = binary_crossentropy(sigmoid(z), Tensor::of<float>({1, 0, 1, 0}));
  EXPECT_TRUE(all_close(eval(loss, {{z, logits}}), Tensor::of<double>({0, 1e4, 1e4, 0})));
}

TEST(BinaryCrossentropy, HugeLogitsStayFiniteAndSmallLossesExact) {
  const Tensor z = Tensor::of<float>({1e4f, 1e4f, -1e4f, -1e4f, 20, -20});
  const Tensor y = Tensor::of<float>({1, 0, 1, 0, 1, 0});
  const double tiny = std::log1p(std::exp(-20.0));
  EXPECT_TRUE(all_close(eval(binary_crossentropy_with_logits(z, y)),
                        Tensor::of<double>({0, 1e4, 1e4, 0, tiny, tiny}), 1e-5, 0));
}

TEST(SquaredError, IsTheSquareOfTheDifference) {
  run_op_case({.name = "squared_error",
               .inputs = {random_tensor({3, 4}), random_tensor({3, 1}, -1, 1, 2)},
               .build = [](const Variables& v) { return squared_error(v[0], v[1]); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     const Tensor out = Tensor::zeros(DType::kFloat64, {3, 4});
                     for_each_index({3, 4}, [&](const Dims& i) {
                       const double d = element(x[0], i) - element(x[1], {i[0], 0});
                       set_element(out, i, d * d);
                     });
                     return out;
                   }});
}

}  // namespace
}  // namespace bitale
