#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/gemm.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// numpy's matmul for ranks of at least 2: out[..., i, j] = sum_k a[..., i, k] * b[..., k, j].
Tensor naive_matmul(const Tensor& a, const Tensor& b) {
  const size_t rank = std::max(a.shape().size(), b.shape().size());
  const auto length = [&](const Tensor& x, size_t axis) {
    const size_t missing = rank - x.shape().size();
    return axis < missing ? 1 : x.shape()[axis - missing];
  };
  Dims shape;
  for (size_t axis = 0; axis + 2 < rank; ++axis) {
    shape.push_back(length(a, axis) == 1 ? length(b, axis) : length(a, axis));
  }
  shape.push_back(length(a, rank - 2));
  shape.push_back(length(b, rank - 1));
  Tensor out = Tensor::zeros(DType::kFloat64, shape);
  for_each_index(shape, [&](const Dims& index) {
    const auto at = [&](const Tensor& x, int64_t row, int64_t column) {
      Dims i;
      for (size_t axis = rank - x.shape().size(); axis + 2 < rank; ++axis) {
        i.push_back(length(x, axis) == 1 ? 0 : index[axis]);
      }
      i.push_back(row);
      i.push_back(column);
      return element(x, i);
    };
    double sum = 0;
    for (int64_t k = 0; k < a.shape().back(); ++k) {
      sum += at(a, index[rank - 2], k) * at(b, k, index[rank - 1]);
    }
    set_element(out, index, sum);
  });
  return out;
}

TEST(Gemm, ScalesAndAddsStacksOfProducts) {
  for (const Dims& c : {Dims{2, 3, 4}, Dims{}}) {
    run_op_case({.name = "gemm of stacks",
                 .inputs = {random_tensor(c, -1, 1, 1), random_tensor({2, 3, 5}, -1, 1, 2),
                            random_tensor({2, 5, 4}, -1, 1, 3), Tensor(0.7), Tensor(-1.3)},
                 .build = [](const Variables& v) { return gemm(v[0], v[1], v[2], v[3], v[4]); },
                 .oracle =
                     [](const std::vector<Tensor>& x) {
                       Tensor out = naive_matmul(x[1], x[2]);
                       for_each_index(out.shape(), [&](const Dims& i) {
                         const double addend = element(x[0], x[0].shape().empty() ? Dims{} : i);
                         set_element(out, i, 0.7 * element(out, i) - 1.3 * addend);
                       });
                       return out;
                     }});
  }
}

void expect_matmul(const Dims& a, const Dims& b) {
  run_op_case({.name = to_string(a) + " matmul " + to_string(b),
               .inputs = {random_tensor(a, -1, 1, 1), random_tensor(b, -1, 1, 2)},
               .build = [](const Variables& v) { return matmul(v[0], v[1]); },
               .oracle = [](const std::vector<Tensor>& x) { return naive_matmul(x[0], x[1]); }});
}

TEST(Matmul, MultipliesMatrixByMatrix) {
  expect_matmul({3, 5}, {5, 4});
  expect_matmul({2, 3, 5}, {2, 5, 4});
  expect_matmul({2, 7, 3, 5}, {2, 7, 5, 4});
}

TEST(Matmul, LeadingAxesBroadcast) {
  expect_matmul({2, 3, 5}, {5, 4});
  expect_matmul({3, 5}, {2, 5, 4});
  expect_matmul({1, 3, 5}, {2, 5, 4});
  expect_matmul({2, 3, 5}, {1, 5, 4});
  expect_matmul({6, 1, 3, 5}, {2, 5, 4});
  expect_matmul({6, 1, 3, 5}, {1, 2, 5, 4});
}

TEST(Matmul, AVectorIsARowOnTheLeftAndAColumnOnTheRight) {
  const auto shape_of = [](const Dims& a, const Dims& b) {
    return matmul(tensor(DType::kFloat32, fixed_type(DType::kFloat32, a).dims),
                  tensor(DType::kFloat32, fixed_type(DType::kFloat32, b).dims))
        .type();
  };
  EXPECT_EQ(shape_of({5}, {5}), fixed_type(DType::kFloat32, {}));
  EXPECT_EQ(shape_of({5}, {2, 5, 4}), fixed_type(DType::kFloat32, {2, 4}));
  EXPECT_EQ(shape_of({2, 3, 5}, {5}), fixed_type(DType::kFloat32, {2, 3}));
}

TEST(Matmul, RefusesWhatHasNoProduct) {
  const Variable s = fscalar("s"), a = tensor(DType::kFloat32, {2, 3, 5}, "a");
  const Variable b = tensor(DType::kFloat32, {7, 5, 4}, "b");
  const Variable c = tensor(DType::kFloat32, {2, 6, 4}, "c");
  expect_error<ShapeError>([&] { matmul(a, s); }, {"matmul: a scalar has no axis to sum over"});
  expect_error<ShapeError>([&] { matmul(a, b); }, {"matmul: dims of axis 0 differ: 2 and 7"});
  expect_error<ShapeError>([&] { matmul(a, c); }, {"matmul: inner dims differ: 5 and 6"});
}

TEST(BatchedDot, MultipliesEachPair) {
  run_op_case({.name = "matrices",
               .inputs = {random_tensor({2, 3, 5}, -1, 1, 1), random_tensor({2, 5, 4}, -1, 1, 2)},
               .build = [](const Variables& v) { return batched_dot(v[0], v[1]); },
               .oracle = [](const std::vector<Tensor>& x) { return naive_matmul(x[0], x[1]); }});
  run_op_case(
      {.name = "vectors",
       .inputs = {random_tensor({2, 5}, -1, 1, 1), random_tensor({2, 5}, -1, 1, 2)},
       .build = [](const Variables& v) { return batched_dot(v[0], v[1]); },
       .oracle =
           [](const std::vector<Tensor>& x) {
             return naive_matmul(x[0].reshape({2, 1, 5}), x[1].reshape({2, 5, 1})).reshape({2});
           }});
  run_op_case({.name = "matrices with vectors",
               .inputs = {random_tensor({2, 3, 5}, -1, 1, 1), random_tensor({2, 5}, -1, 1, 2)},
               .build = [](const Variables& v) { return batched_dot(v[0], v[1]); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return naive_matmul(x[0], x[1].reshape({2, 5, 1})).reshape({2, 3});
                   }});
}

TEST(BatchedDot, RefusesOtherRanksAndBatches) {
  const Variable v = fvector("v"), a = tensor(DType::kFloat32, {2, 3, 5}, "a");
  const Variable b = tensor(DType::kFloat32, {7, 5, 4}, "b");
  expect_error<ShapeError>([&] { batched_dot(a, v); },
                           {"batched_dot: ranks must be 2 or 3, not 3 and 1"});
  expect_error<ShapeError>([&] { batched_dot(a, b); }, {"batched_dot: batch dims differ: 2 and 7"});
}

TEST(Tensordot, SumsPairsOfAxes) {
  run_op_case({.name = "two pairs out of order",
               .inputs = {random_tensor({2, 3, 4}, -1, 1, 1), random_tensor({4, 5, 2}, -1, 1, 2)},
               .build =
                   [](const Variables& v) {
                     return tensordot(v[0], v[1], {0, 2}, {-1, 0});
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor out = Tensor::zeros(DType::kFloat64, {3, 5});
                     for_each_index({3, 5, 2, 4}, [&](const Dims& i) {
                       out.at<double>({i[0], i[1]}) += x[0].at<double>({i[2], i[0], i[3]}) *
                                                       x[1].at<double>({i[3], i[1], i[2]});
                     });
                     return out;
                   }});
  run_op_case(
      {.name = "the last axes with the first",
       .inputs = {random_tensor({2, 3, 4}, -1, 1, 1), random_tensor({3, 4, 5, 6}, -1, 1, 2)},
       .build = [](const Variables& v) { return tensordot(v[0], v[1]); },
       .oracle =
           [](const std::vector<Tensor>& x) {
             Tensor out = Tensor::zeros(DType::kFloat64, {2, 5, 6});
             for_each_index({2, 5, 6, 3, 4}, [&](const Dims& i) {
               out.at<double>({i[0], i[1], i[2]}) +=
                   x[0].at<double>({i[0], i[3], i[4]}) * x[1].at<double>({i[3], i[4], i[1], i[2]});
             });
             return out;
           }});
  run_op_case({.name = "no axes",
               .inputs = {random_tensor({2}, -1, 1, 1), random_tensor({3, 4}, -1, 1, 2)},
               .build = [](const Variables& v) { return tensordot(v[0], v[1], 0); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor out = Tensor::zeros(DType::kFloat64, {2, 3, 4});
                     for_each_index({2, 3, 4}, [&](const Dims& i) {
                       out.at<double>({i[0], i[1], i[2]}) =
                           x[0].at<double>({i[0]}) * x[1].at<double>({i[1], i[2]});
                     });
                     return out;
                   }});
}

TEST(Tensordot, RefusesAxesThatDoNotPair) {
  const Variable a = tensor(DType::kFloat32, {2, 3}, "a"), b = tensor(DType::kFloat32, {4, 5}, "b");
  expect_error<ShapeError>(
      [&] {
        tensordot(a, b, {0, 1}, {0});
      },
      {"tensordot: lists of axes differ in length: 2 and 1"});
  expect_error<ShapeError>([&] { tensordot(a, b, {2}, {0}); },
                           {"tensordot: axis 2 of operand 0 is out of range: it has 2 axes"});
  expect_error<ShapeError>(
      [&] {
        tensordot(a, b, {0, -2}, {0, 1});
      },
      {"tensordot: axis 0 of operand 0 is summed twice"});
  expect_error<ShapeError>(
      [&] { tensordot(a, b, {1}, {0}); },
      {"tensordot: summed dims differ: 3 (axis 1 of operand 0) and 4 (axis 0 of operand 1)"});
  expect_error<ShapeError>([&] { tensordot(a, b, 3); },
                           {"tensordot: cannot sum over 3 axes of operands with 2 and 2 axes"});
}

TEST(Outer, MultipliesEveryPair) {
  run_op_case({.name = "flattened",
               .inputs = {random_tensor({2, 3}, -1, 1, 1), random_tensor({4}, -1, 1, 2)},
               .build = [](const Variables& v) { return outer(v[0], v[1]); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor out = Tensor::zeros(DType::kFloat64, {6, 4});
                     for_each_index({6, 4}, [&](const Dims& i) {
                       out.at<double>({i[0], i[1]}) =
                           x[0].at<double>({i[0] / 3, i[0] % 3}) * x[1].at<double>({i[1]});
                     });
                     return out;
                   }});
}

}  // namespace
}  // namespace bitale
