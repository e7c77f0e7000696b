#include "ops/skeleton/cumsum.h"

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Tensor oracle(const Tensor& x, int64_t axis, bool reverse) {
  const Tensor result = Tensor::zeros(DType::kFloat64, x.shape());
  for_each_index(x.shape(), [&](const Dims& at) {
    Dims from = at;
    double sum = 0;
    for (int64_t i = 0; i < x.dim(axis); ++i) {
      from[axis] = i;
      if (reverse ? i >= at[axis] : i <= at[axis]) sum += element(x, from);
    }
    set_element(result, at, sum);
  });
  return result;
}

TEST(Cumsum, SumsUpToEachElement) {
  for (const Dims& shape :
       {Dims{7}, Dims{2, 3, 5}, Dims{1, 1}, Dims{2, 0, 3}, Dims{5, 40}, Dims{3, 70, 33}}) {
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis) {
      for (bool reverse : {false, true}) {
        run_op_case(
            {.name = to_string(shape) + " along " + std::to_string(axis),
             .inputs = {random_tensor(shape)},
             .build = [&](const Variables& v) { return cumsum(v[0], axis, reverse); },
             .oracle = [&](const std::vector<Tensor>& x) { return oracle(x[0], axis, reverse); },
             .gradient = element_count(shape) > 0});
      }
    }
  }
}

TEST(Cumsum, CountsAxesFromTheEnd) {
  const Variable x = constant(Tensor::of<double>({{1, 2}, {3, 4}}));
  EXPECT_TRUE(equal_to(eval(cumsum(x, -1)), Tensor::of<double>({{1, 3}, {3, 7}})));
}

TEST(Cumsum, WidensIntegers) {
  EXPECT_TRUE(equal_to(eval(cumsum(constant(Tensor::of<int8_t>({100, 100})), 0)),
                       Tensor::of<int64_t>({100, 200})));
  EXPECT_TRUE(equal_to(eval(cumsum(constant(Tensor::of<uint8_t>({200, 200})), 0)),
                       Tensor::of<uint64_t>({200, 400})));
  EXPECT_TRUE(equal_to(eval(cumsum(constant(Tensor::of<bool>({true, true})), 0)),
                       Tensor::of<int64_t>({1, 2})));
}

TEST(Cumsum, RefusesAnAxisOutOfRange) {
  expect_error<ShapeError>([] { cumsum(matrix("x"), 2); },
                           {"cumsum: the axis is out of range for rank 2", "x float32 (?, ?)"});
}

}  // namespace
}  // namespace bitale
