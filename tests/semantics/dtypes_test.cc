// The dtype of an expression, from those of its operands.

#include <limits>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/concatenate.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Variable of(DType dtype, const char* name = "x") { return tensor(dtype, {Dim(2)}, name); }

bool have_common_dtype(DType a, DType b) {
  return !((a == DType::kUint64 && is_signed_integer(b)) ||
           (b == DType::kUint64 && is_signed_integer(a)));
}

// floatX for the life of the object.
class FloatX {
 public:
  explicit FloatX(DType dtype) : old_(options().float_x) { options().float_x = dtype; }
  ~FloatX() { options().float_x = old_; }
  FloatX(const FloatX&) = delete;
  FloatX& operator=(const FloatX&) = delete;

 private:
  DType old_;
};

TEST(Promotion, EveryBuilderOfTwoOperandsFollowsTheTableForAllPairs) {
  for (DType a : kAllDTypes) {
    for (DType b : kAllDTypes) {
      if (!have_common_dtype(a, b)) continue;
      const DType common = promote(a, b);
      const Variable x = of(a), y = of(b, "y");
      SCOPED_TRACE(testing::Message() << name_of(a) << " with " << name_of(b));
      EXPECT_EQ(add(x, y).dtype(), common);
      EXPECT_EQ(mul(x, y).dtype(), common);
      EXPECT_EQ(maximum(x, y).dtype(), common);
      EXPECT_EQ(where(x, y, x).dtype(), common);
      EXPECT_EQ(concatenate({x, y}).dtype(), common);
      EXPECT_EQ(lt(x, y).dtype(), DType::kBool);
      EXPECT_EQ(true_div(x, y).dtype(), is_floating(common) ? common : float_x());
    }
  }
}

TEST(Promotion, ComputesInThePromotedDtype) {
  for (DType a : kAllDTypes) {
    for (DType b : kAllDTypes) {
      if (!have_common_dtype(a, b)) continue;
      const Tensor x = Tensor::of<double>({1, 0}).cast(a), y = Tensor::of<double>({0, 1}).cast(b);
      EXPECT_TRUE(equal_to(eval(add(x, y)), Tensor::ones(promote(a, b), {2})))
          << name_of(a) << " with " << name_of(b);
    }
  }
}

TEST(Promotion, SignedWithUint64IsAnErrorForComparisonsToo) {
  const Variable x = of(DType::kInt8), y = of(DType::kUint64, "y");
  expect_error<TypeError>([&] { add(x, y); }, {"add: int8 and uint64 have no common integer type"});
  expect_error<TypeError>([&] { lt(x, y); }, {"lt: int8 and uint64 have no common integer type"});
}

TEST(Promotion, LogicTakesEachOperandByItself) {
  const Tensor x = Tensor::of<int8_t>({0, -1, 0, -1}), y = Tensor::of<uint64_t>({0, 0, 1, 1});
  EXPECT_TRUE(equal_to(eval(logical_and(x, y)), Tensor::of<bool>({false, false, false, true})));
  EXPECT_TRUE(equal_to(eval(logical_or(x, y)), Tensor::of<bool>({false, true, true, true})));
  EXPECT_TRUE(equal_to(eval(logical_xor(y, 2)), Tensor::of<bool>({true, true, false, false})));
  EXPECT_TRUE(equal_to(eval(logical_and(x, 0.5)), Tensor::of<bool>({false, true, false, true})));
}

TEST(Promotion, Float64AppearsOnlyWhereAnOperandIsFloat64) {
  for (DType a : kAllDTypes) {
    if (a == DType::kFloat64) continue;
    const Variable x = of(a);
    for (const Variable& y : {x + 0.1, x * 2, true_div(x, 3), exp(x), mean(x), var(x), stddev(x),
                              logsumexp(x), norm(x), sigmoid(x), relu(x), sum(x), prod(x)}) {
      EXPECT_NE(y.dtype(), DType::kFloat64) << name_of(a);
    }
  }
}

TEST(FloatX, IsTheDtypeOfFloatFunctionsOfIntegers) {
  for (DType float_x : {DType::kFloat32, DType::kFloat64}) {
    const FloatX scope(float_x);
    for (DType dtype : kAllDTypes) {
      if (is_floating(dtype)) continue;
      const Variable x = of(dtype);
      for (const Variable& y : {true_div(x, x), true_div(x, 2), mean(x), var(x), stddev(x),
                                logsumexp(x), norm(x), sqrt(x), exp(x), log1p(x), sin(x),
                                atan2(x, x), tanh(x), erf(x), sigmoid(x), softplus(x), x + 0.5}) {
        EXPECT_EQ(y.dtype(), float_x) << name_of(dtype);
      }
    }
  }
}

TEST(FloatX, LeavesFloatsTheirDtype) {
  const FloatX scope(DType::kFloat64);
  for (DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32}) {
    const Variable x = of(dtype);
    for (const Variable& y : {true_div(x, x), mean(x), exp(x), x + 0.5, x / 2, sum(x)}) {
      EXPECT_EQ(y.dtype(), dtype) << name_of(dtype);
    }
  }
}

TEST(Numbers, BeyondInt64AreUint64) {
  constexpr uint64_t kLargest = ~uint64_t{0};
  EXPECT_EQ(eval(constant(Tensor(kLargest)) - kLargest).item<uint64_t>(), 0u);
  EXPECT_EQ(eval(constant(Tensor(uint8_t{3})) * kLargest).item<uint64_t>(), kLargest - 2);
  expect_error<TypeError>([&] { of(DType::kInt32) + kLargest; },
                          {"add: int32 and uint64 have no common integer type"});
}

TEST(Numbers, NeverUpcastAFloat) {
  for (DType dtype : kAllDTypes) {
    if (!is_floating(dtype)) continue;
    const Variable x = of(dtype);
    for (const Variable& y : {x + 1, x + true, x * 0.1, 1 / x, pow(x, 2), maximum(x, 0.0f),
                              where(gt(x, 0), x, 0), clip(x, -1, 1.5)}) {
      EXPECT_EQ(y.dtype(), dtype);
    }
  }
}

TEST(Numbers, NeverUpcastAnInteger) {
  for (DType dtype : kAllDTypes) {
    if (!is_integer(dtype)) continue;
    const Variable x = of(dtype);
    for (const Variable& y : {x + 1, x + true, 2 * x, int_div(x, 3), x % 2, maximum(x, 0)}) {
      EXPECT_EQ(y.dtype(), dtype);
    }
  }
  EXPECT_EQ((of(DType::kBool) + true).dtype(), DType::kBool);
  EXPECT_EQ((of(DType::kBool) + 1).dtype(), DType::kInt64);
}

TEST(Numbers, ThatAnIntegerOperandCannotHoldAreErrors) {
  const Variable small = of(DType::kInt8), natural = of(DType::kUint16);
  EXPECT_EQ((small + 127).dtype(), DType::kInt8);
  expect_error<TypeError>([&] { small + 128; }, {"the number 128 does not fit the int8"});
  expect_error<TypeError>([&] { natural + 65536; }, {"the number 65536 does not fit the uint16"});
  expect_error<TypeError>([&] { natural * -1; }, {"the number -1 does not fit the uint16"});
}

TEST(Numbers, ThatAFloatOperandWouldRoundAreErrorsIfIntegers) {
  const Variable x = of(DType::kFloat32), y = of(DType::kFloat64), h = of(DType::kFloat16);
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  EXPECT_EQ((x + 16777216).dtype(), DType::kFloat32);
  EXPECT_EQ((y + 16777217).dtype(), DType::kFloat64);
  EXPECT_EQ((y + std::numeric_limits<int64_t>::min()).dtype(), DType::kFloat64);
  expect_error<TypeError>([&] { x + 16777217; }, {"the number 16777217 does not fit the float32"});
  expect_error<TypeError>([&] { y + kLargest; }, {"does not fit the float64"});
  expect_error<TypeError>([&] { h + 2049; }, {"the number 2049 does not fit the float16"});
  expect_error<TypeError>([&] { h + 70000; }, {"the number 70000 does not fit the float16"});
  // Floats are rounded as everywhere.
  EXPECT_EQ((x + 16777217.0).dtype(), DType::kFloat32);
}

TEST(Dtypes, OfReductionsAreNumpys) {
  for (DType dtype : kAllDTypes) {
    const Variable x = of(dtype);
    EXPECT_EQ(argmax(x).dtype(), DType::kInt64);
    EXPECT_EQ(argmin(x).dtype(), DType::kInt64);
    EXPECT_EQ(any(x).dtype(), DType::kBool);
    EXPECT_EQ(all(x).dtype(), DType::kBool);
    EXPECT_EQ(max(x).dtype(), dtype);
    const bool is_natural = is_integer(dtype) && !is_signed_integer(dtype);
    const DType total = is_floating(dtype) ? dtype : is_natural ? DType::kUint64 : DType::kInt64;
    EXPECT_EQ(sum(x).dtype(), total) << name_of(dtype);
    EXPECT_EQ(prod(x).dtype(), total) << name_of(dtype);
  }
}

}  // namespace
}  // namespace bitale
