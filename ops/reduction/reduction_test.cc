#include "ops/reduction/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/shape/reshape.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

using Builder = Variable (*)(Operand x, Axes axes, bool keepdims);

// Elements of each output in row-major order of the reduced axes, put through `fold`.
Tensor fold_oracle(const Tensor& x, const std::vector<int64_t>& axes, bool keepdims, DType dtype,
                   const std::function<double(const std::vector<double>&)>& fold) {
  auto reduced = [&](size_t axis) {
    return std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
  };
  Dims shape;
  for (size_t axis = 0; axis < x.shape().size(); ++axis) {
    if (!reduced(axis)) shape.push_back(x.shape()[axis]);
    if (reduced(axis) && keepdims) shape.push_back(1);
  }
  const Tensor out = Tensor::zeros(DType::kFloat64, shape);
  std::vector<std::vector<double>> groups(static_cast<size_t>(out.size()));
  for_each_index(x.shape(), [&](const Dims& index) {
    int64_t at = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      if (!reduced(axis)) at = at * x.shape()[axis] + index[axis];
    }
    groups[static_cast<size_t>(at)].push_back(element(x, index));
  });
  for (size_t i = 0; i < groups.size(); ++i) out.data<double>()[i] = fold(groups[i]);
  return out.cast(dtype);
}

double total(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x;
  return sum;
}
double product(const std::vector<double>& v) {
  double product = 1;
  for (double x : v) product *= x;
  return product;
}
double first_argmax(const std::vector<double>& v) {
  return static_cast<double>(std::max_element(v.begin(), v.end()) - v.begin());
}

struct Kind {
  const char* name;
  Builder build;
  double (*fold)(const std::vector<double>&);
  DType dtype = DType::kFloat64;
};
const Kind kKinds[] = {
    {"sum", [](Operand x, Axes a, bool k) { return sum(x, a, k); }, total},
    {"prod", [](Operand x, Axes a, bool k) { return prod(x, a, k); }, product},
    {"max", [](Operand x, Axes a, bool k) { return max(x, a, k); },
     [](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }},
    {"min", [](Operand x, Axes a, bool k) { return min(x, a, k); },
     [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }},
    {"argmax", [](Operand x, Axes a, bool k) { return argmax(x, a, k); }, first_argmax,
     DType::kInt64},
    {"argmin", [](Operand x, Axes a, bool k) { return argmin(x, a, k); },
     [](const std::vector<double>& v) {
       return static_cast<double>(std::min_element(v.begin(), v.end()) - v.begin());
     },
     DType::kInt64},
};

void check(const Kind& kind, const Dims& shape, const std::vector<int64_t>& axes, bool keepdims) {
  const bool discrete = kind.dtype == DType::kInt64;
  const Tensor x = distinct_tensor(shape, 0.01, 7);
  run_op_case({.name = std::string(kind.name) + " of " + to_string(shape) + " over " +
                       to_string(Dims(axes.begin(), axes.end())),
               .inputs = {x},
               .build = [&](const Variables& v) { return kind.build(v[0], axes, keepdims); },
               .oracle =
                   [&](const std::vector<Tensor>& v) {
                     return fold_oracle(v[0], axes, keepdims, kind.dtype, kind.fold);
                   },
               .gradient = !discrete,
               .second_order = !discrete,
               .pushforward = !discrete});
}

TEST(Reduction, EveryKindOverEverySetOfAxes) {
  for (const Kind& kind : kKinds) {
    for (unsigned mask = 1; mask < 8; ++mask) {
      std::vector<int64_t> axes;
      for (int64_t axis = 0; axis < 3; ++axis) {
        if (mask >> axis & 1) axes.push_back(axis);
      }
      check(kind, {2, 3, 4}, axes, mask % 2 == 0);
    }
  }
}

TEST(Reduction, LengthOneAndScalars) {
  for (const Kind& kind : kKinds) {
    check(kind, {1}, {0}, false);
    check(kind, {}, {}, false);
    check(kind, {3, 1}, {1}, true);
    check(kind, {1, 3}, {1}, false);
  }
}

// Big enough for vectors, strips, levels and slices of the kernels.
TEST(Reduction, LargeExtentsInAllMemoryOrders) {
  const std::pair<Dims, std::vector<int64_t>> cases[] = {
      {{100003}, {0}},       {{300, 1100}, {0}},         {{300, 1100}, {1}},
      {{300, 1100}, {0, 1}}, {{70, 5, 6, 7}, {0, 2, 3}}, {{40, 30, 50}, {0, 2}},
      {{9, 2000, 3}, {1}},   {{2, 70000}, {0}}};
  for (const auto& [shape, axes] : cases) {
    for (const Kind& kind : kKinds) {
      if (std::string(kind.name) == "prod") continue;  // vanishes; see ProductsOfLongVectors
      const Tensor x = random_tensor(shape, -1, 1, 3);
      run_op_case({.name = std::string(kind.name) + to_string(shape),
                   .inputs = {x},
                   .build = [&](const Variables& v) { return kind.build(v[0], axes, false); },
                   .oracle =
                       [&](const std::vector<Tensor>& v) {
                         return fold_oracle(v[0], axes, false, kind.dtype, kind.fold);
                       },
                   .gradient = false,
                   .second_order = false,
                   .pushforward = false,
                   .scale = 100});
    }
  }
}

TEST(Reduction, ProductsOfLongVectors) {
  const Tensor x = map_elements(random_tensor({5000}), [](double v) { return std::exp(0.01 * v); });
  run_op_case({.name = "prod",
               .inputs = {x},
               .build = [](const Variables& v) { return prod(v[0]); },
               .oracle =
                   [](const std::vector<Tensor>& v) {
                     return fold_oracle(v[0], {0}, false, DType::kFloat64, product);
                   },
               .gradient = false,
               .second_order = false,
               .pushforward = false,
               .scale = 10});
}

// A plain float32 loop would be off by thousands: 0.1 is not exact, and the sum outgrows it.
TEST(Sum, Float32LosesNoMoreThanPairwiseSummation) {
  const int64_t n = 10'000'000;
  const Tensor x = Tensor::full(DType::kFloat32, {n}, 0.1);
  const double expected = static_cast<double>(n) * static_cast<double>(0.1f);
  EXPECT_NEAR(eval(sum(x)).item<double>(), expected, 2.0);
  EXPECT_NEAR(eval(sum(x.reshape({n / 2, 2}), 0)).to_vector<double>()[1], expected / 2, 1.0);
}

TEST(Sum, SameBitsForAnyNumberOfThreads) {
  const Tensor x = random_tensor({250, 20, 30}).cast(DType::kFloat32);
  const int before = options().threads;
  for (const std::vector<int64_t>& axes :
       std::vector<std::vector<int64_t>>{{0, 1, 2}, {0}, {0, 2}, {1, 2}, {2}, {0, 1}}) {
    options().threads = 1;
    const Tensor one = eval(sum(x, axes));
    for (int threads : {2, 3, 8}) {
      options().threads = threads;
      EXPECT_TRUE(same_bits(one, eval(sum(x, axes)))) << threads << " threads";
    }
  }
  options().threads = before;
}

TEST(Sum, IntegersAndBoolAreSummedInSixtyFourBits) {
  for (DType dtype : {DType::kBool, DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64}) {
    const Tensor got = eval(sum(Tensor::full(dtype, {1000}, 1)));
    EXPECT_EQ(got.dtype(), DType::kInt64);
    EXPECT_EQ(got.item<int64_t>(), 1000);
  }
  for (DType dtype : {DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64}) {
    const Tensor got = eval(sum(Tensor::full(dtype, {2, 500}, 200), 1));
    EXPECT_EQ(got.dtype(), DType::kUint64);
    EXPECT_EQ(got.to_vector<int64_t>(), (std::vector<int64_t>{100000, 100000}));
  }
  EXPECT_EQ(eval(prod(Tensor::of<int8_t>({100, 100, 100}))).item<int64_t>(), 1000000);
}

TEST(Sum, TwoByteFloatsAccumulateInFloat32) {
  for (DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    // In two bytes, adding 1 to 4096 changes nothing.
    const Tensor got = eval(sum(Tensor::full(dtype, {4, 8192}, 1), 1));
    EXPECT_EQ(got.dtype(), dtype);
    EXPECT_EQ(got.to_vector<double>(), std::vector<double>(4, 8192.0));
  }
}

TEST(Reduction, EmptyExtentsGiveTheIdentity) {
  const Tensor empty = Tensor::zeros(DType::kFloat32, {3, 0});
  EXPECT_EQ(eval(sum(empty, 1)).to_vector<float>(), std::vector<float>(3, 0.0f));
  EXPECT_EQ(eval(prod(empty, 1)).to_vector<float>(), std::vector<float>(3, 1.0f));
  EXPECT_EQ(eval(any(empty, 1)).to_vector<int>(), std::vector<int>(3, 0));
  EXPECT_EQ(eval(all(empty, 1)).to_vector<int>(), std::vector<int>(3, 1));
  EXPECT_EQ(eval(sum(empty, 0)).shape(), Dims({0}));
  EXPECT_EQ(eval(max(empty, 0)).shape(), Dims({0}));
  EXPECT_EQ(eval(argmax(empty, 0)).shape(), Dims({0}));
}

TEST(Reduction, MaxAndArgmaxOfNothingAreErrors) {
  const Variable x = fmatrix("x");
  const Tensor empty = Tensor::zeros(DType::kFloat32, {3, 0});
  expect_error<ShapeError>(
      [&] {
        eval(max(x, 1), {{x, empty}});
      },
      {"zero-size reduction has no identity", "max"});
  expect_error<ShapeError>(
      [&] {
        eval(argmin(x), {{x, empty}});
      },
      {"zero-size reduction has no identity", "argmin"});
}

TEST(Reduction, NanWinsAndInfinitiesCount) {
  const Tensor x = Tensor::of<double>({{1, kNan, 3}, {-kInf, -kInf, -kInf}, {kInf, 2, kNan}});
  EXPECT_TRUE(same_bits(eval(max(x, 1)), Tensor::of<double>({kNan, -kInf, kNan})));
  EXPECT_TRUE(same_bits(eval(min(x, 1)), Tensor::of<double>({kNan, -kInf, kNan})));
  EXPECT_EQ(eval(argmax(x, 1)).to_vector<int>(), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(eval(argmin(x, 1)).to_vector<int>(), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(eval(argmax(x)).item<int>(), 1);
  EXPECT_TRUE(std::isnan(eval(sum(x)).item<double>()));
  // In vector code, wherever the NaN stands.
  for (int64_t at : {0, 1, 17, 63, 99}) {
    const Tensor y = random_tensor({100, 100}).cast(DType::kFloat32);
    y.at<float>({at, at}) = static_cast<float>(kNan);
    EXPECT_TRUE(std::isnan(eval(max(y, 1)).to_vector<double>()[at]));
    EXPECT_TRUE(std::isnan(eval(min(y, 0)).to_vector<double>()[at]));
    EXPECT_EQ(eval(argmax(y, 1)).to_vector<int64_t>()[at], at);
    EXPECT_EQ(eval(argmin(y, 0)).to_vector<int64_t>()[at], at);
  }
}

TEST(Argmax, TheFirstOfEqualElementsWins) {
  EXPECT_EQ(eval(argmax(Tensor::of<float>({1, 5, 5, 2}))).item<int>(), 1);
  EXPECT_EQ(eval(argmin(Tensor::full(DType::kInt32, {70000}, 3))).item<int>(), 0);
  const Tensor x = Tensor::of<int64_t>({{4, 1}, {4, 9}, {2, 9}});
  EXPECT_EQ(eval(argmax(x, 0)).to_vector<int>(), (std::vector<int>{0, 1}));
  EXPECT_EQ(eval(argmax(x)).item<int>(), 3);
  EXPECT_EQ(eval(argmax(x.transpose())).item<int>(), 4);
}

TEST(Max, KeepsTheDtype) {
  for (DType dtype : kAllDTypes) {
    const Tensor got = eval(max(Tensor::arange(DType::kInt64, 2).cast(dtype)));
    EXPECT_EQ(got.dtype(), dtype);
    EXPECT_EQ(got.item<double>(), 1);
  }
  EXPECT_EQ(eval(min(Tensor::of<int8_t>({-100, 100}))).item<int>(), -100);
}

TEST(AnyAll, CountWhatDiffersFromZero) {
  const Tensor x = Tensor::of<double>({{0, 0, 0}, {0, kNan, 0}, {1, -2, 0.5}});
  EXPECT_EQ(eval(any(x, 1)).to_vector<int>(), (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(eval(all(x, 1)).to_vector<int>(), (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(eval(any(x)).dtype(), DType::kBool);
  EXPECT_EQ(eval(all(Tensor::full(DType::kBool, {50, 50}, 1), 0)).to_vector<int>(),
            std::vector<int>(50, 1));
}

TEST(Reduction, AxesFollowNumpy) {
  const Variable x = tensor(DType::kFloat32, {"n", 3, 4}, "x");
  EXPECT_EQ(sum(x, -1).type().str(), "float32 (n, 3)");
  EXPECT_EQ(sum(x, {0, -1}).type().str(), "float32 (3,)");
  EXPECT_EQ(sum(x, {0, 2}, true).type().str(), "float32 (1, 3, 1)");
  EXPECT_EQ(sum(x).type().str(), "float32 ()");
  EXPECT_EQ(sum(x, {}).type().str(), "float32 (n, 3, 4)");
  EXPECT_EQ(sum(x, std::vector<int64_t>{1}).type().str(), "float32 (n, 4)");
}

TEST(Reduction, RefusesWrongAxes) {
  const Variable x = fmatrix("x");
  expect_error<ShapeError>([&] { sum(x, 2); },
                           {"sum: axis 2 is out of range for an operand of rank 2",
                            "x float32 (?, ?)", "axes run from -2 to 1"});
  expect_error<ShapeError>(
      [&] {
        max(x, {0, -2});
      },
      {"max: axis 0 is named twice in (0, -2)", "x float32 (?, ?)"});
  expect_error<ShapeError>([&] { mean(x, -3); },
                           {"mean: axis -3 is out of range for an operand of rank 2"});
  expect_error<ShapeError>(
      [&] { argmax(fscalar("s"), 0); },
      {"argmax: axis 0 is out of range for an operand of rank 0", "a scalar has no axes"});
}

TEST(Prod, OfAShapeReachesDims) {
  const Variable x = fmatrix("x");
  const Variable flat = reshape(x, {prod(shape(x))});
  EXPECT_EQ(eval(flat, {{x, Tensor::zeros(DType::kFloat32, {3, 4})}}).shape(), Dims({12}));
}

}  // namespace
}  // namespace bitale
