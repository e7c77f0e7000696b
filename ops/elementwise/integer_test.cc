// Integers, bool, comparisons, logic and bits; casts; two-byte floats.

#include <limits>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Tensor value_of(const Variable& v) { return eval(v); }

TEST(Integers, WrapInEveryDtype) {
  for (DType dtype : kAllDTypes) {
    if (!is_integer(dtype)) continue;
    const int64_t bits = 8 * static_cast<int64_t>(size_of(dtype));
    const bool sign = is_signed_integer(dtype);
    // The largest value, as far as a float64 can hold it, comes from shifting down all ones.
    const Variable ones = bitwise_not(constant(Tensor::zeros(dtype, {2})));
    const Variable largest =
        sign ? constant(visit_dtype(dtype,
                                    [](auto tag) -> Tensor {
                                      using T = typename decltype(tag)::type;
                                      if constexpr (std::integral<T>) {
                                        return Tensor(std::numeric_limits<T>::max());
                                      } else {
                                        return Tensor();
                                      }
                                    }))
             : ones;
    const Tensor sum = value_of(add(largest, 1));
    const Tensor smallest =
        sign ? value_of(sub(neg(largest), 1)) : value_of(constant(Tensor::zeros(dtype, {2})));
    EXPECT_TRUE(equal_to(sum, smallest)) << name_of(dtype);
    if (sign) {
      EXPECT_TRUE(equal_to(value_of(neg(constant(smallest))), smallest)) << name_of(dtype);
      EXPECT_TRUE(equal_to(value_of(abs(constant(smallest))), smallest)) << name_of(dtype);
      EXPECT_TRUE(equal_to(value_of(int_div(constant(smallest), -1)), smallest)) << name_of(dtype);
      EXPECT_EQ(value_of(mod(constant(smallest), -1)).item<int64_t>(), 0) << name_of(dtype);
    }
    // The square of half the range's root is 0 modulo the range.
    const Variable root =
        constant(Tensor::full(dtype, {}, static_cast<double>(1ull << (bits / 2))));
    EXPECT_EQ(value_of(mul(root, root)).item<int64_t>(), 0) << name_of(dtype);
    EXPECT_EQ(value_of(sqr(root)).item<int64_t>(), 0) << name_of(dtype);
    EXPECT_EQ(value_of(pow(root, 2)).item<int64_t>(), 0) << name_of(dtype);
  }
}

TEST(Integers, DivisionRoundsDownAndRemainderHasTheDivisorsSign) {
  const Variable a = constant(Tensor::of<int64_t>({7, -7, 7, -7, 6, -6, 5, 0}));
  const Variable b = constant(Tensor::of<int64_t>({2, 2, -2, -2, 3, 3, 0, 0}));
  EXPECT_TRUE(equal_to(value_of(int_div(a, b)), Tensor::of<int64_t>({3, -4, -4, 3, 2, -2, 0, 0})));
  EXPECT_TRUE(equal_to(value_of(mod(a, b)), Tensor::of<int64_t>({1, 1, -1, -1, 0, 0, 0, 0})));
  EXPECT_TRUE(equal_to(value_of(a % b), value_of(mod(a, b))));
  EXPECT_TRUE(equal_to(value_of(int_div(cast(a, DType::kInt8), cast(b, DType::kInt8))),
                       Tensor::of<int8_t>({3, -4, -4, 3, 2, -2, 0, 0})));
}

TEST(Integers, FloatsDivideAsNumpy) {
  const Variable a = constant(Tensor::of<double>({7.5, -7.5, 7.5, -7.5, 6.0, 1.0, -1.0}));
  const Variable b = constant(Tensor::of<double>({2.0, 2.0, -2.0, -2.0, 3.0, 0.0, 0.0}));
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(close_to(value_of(int_div(a, b)), Tensor::of<double>({3, -4, -4, 3, 2, inf, -inf})));
  EXPECT_TRUE(
      close_to(value_of(mod(a, b)), Tensor::of<double>({1.5, 0.5, -0.5, -1.5, 0, nan, nan})));
}

TEST(Integers, PowersTruncate) {
  const Variable a = constant(Tensor::of<int64_t>({2, -3, 1, -1, -1, 5, 0, 0}));
  const Variable b = constant(Tensor::of<int64_t>({10, 3, -4, -3, -4, -1, 0, -1}));
  EXPECT_TRUE(equal_to(value_of(pow(a, b)), Tensor::of<int64_t>({1024, -27, 1, -1, 1, 0, 1, 0})));
}

TEST(Integers, GiveFloatXInFloatFunctions) {
  const Variable x = constant(Tensor::of<int32_t>({1, 2, 4}));
  EXPECT_EQ(exp(x).dtype(), float_x());
  EXPECT_EQ(true_div(x, 2).dtype(), float_x());
  EXPECT_TRUE(close_to(value_of(x / 8), Tensor::of<float>({0.125f, 0.25f, 0.5f})));
  EXPECT_EQ(add(x, constant(Tensor::of<float>({1, 2, 3}))).dtype(), DType::kFloat32);
  EXPECT_EQ(add(x, 0.5).dtype(), float_x());
  EXPECT_EQ(add(x, 5).dtype(), DType::kInt32);
  EXPECT_EQ(floor(x), x);
}

TEST(Integers, SignsAndExtremes) {
  const Variable x = constant(Tensor::of<int16_t>({-5, 0, 7}));
  EXPECT_TRUE(equal_to(value_of(sgn(x)), Tensor::of<int16_t>({-1, 0, 1})));
  EXPECT_TRUE(equal_to(value_of(abs(x)), Tensor::of<int16_t>({5, 0, 7})));
  EXPECT_TRUE(equal_to(value_of(relu(x)), Tensor::of<int16_t>({0, 0, 7})));
  EXPECT_TRUE(equal_to(value_of(maximum(x, 3)), Tensor::of<int16_t>({3, 3, 7})));
  EXPECT_TRUE(equal_to(value_of(minimum(x, 3)), Tensor::of<int16_t>({-5, 0, 3})));
  EXPECT_TRUE(equal_to(value_of(clip(x, -1, 1)), Tensor::of<int16_t>({-1, 0, 1})));
  const Variable u = constant(Tensor::of<uint8_t>({0, 200, 255}));
  EXPECT_TRUE(equal_to(value_of(sgn(u)), Tensor::of<uint8_t>({0, 1, 1})));
  EXPECT_TRUE(equal_to(value_of(abs(u)), Tensor::of<uint8_t>({0, 200, 255})));
}

TEST(Bool, AddsAsOrAndMultipliesAsAnd) {
  const Variable a = constant(Tensor::of<bool>({false, false, true, true}));
  const Variable b = constant(Tensor::of<bool>({false, true, false, true}));
  EXPECT_TRUE(equal_to(value_of(a + b), Tensor::of<bool>({false, true, true, true})));
  EXPECT_TRUE(equal_to(value_of(a * b), Tensor::of<bool>({false, false, false, true})));
  EXPECT_TRUE(equal_to(value_of(maximum(a, b)), value_of(logical_or(a, b))));
  EXPECT_TRUE(equal_to(value_of(bitwise_not(a)), value_of(logical_not(a))));
  EXPECT_TRUE(equal_to(value_of(1 - a), Tensor::of<int64_t>({1, 1, 0, 0})));
}

TEST(Bool, RefusesSubtraction) {
  const Variable a = tensor(DType::kBool, {3}, "mask");
  expect_error<TypeError>([&] { a - a; },
                          {"sub: bool operands have no such arithmetic", "mask bool (3,)", "cast"});
  expect_error<TypeError>([&] { -a; }, {"neg: bool operands have no such arithmetic"});
}

TEST(Comparisons, GiveBoolAndTreatNaNAsUnequal) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Variable a = constant(Tensor::of<float>({1, 2, 3, nan, -0.0f, inf}));
  const Variable b = constant(Tensor::of<float>({2, 2, 2, nan, 0.0f, inf}));
  using B = std::initializer_list<bool>;
  const auto check = [&](const Variable& v, B expected) {
    EXPECT_TRUE(equal_to(value_of(v), Tensor::of<bool>(expected))) << v.str();
  };
  check(eq(a, b), B{false, true, false, false, true, true});
  check(neq(a, b), B{true, false, true, true, false, false});
  check(a < b, B{true, false, false, false, false, false});
  check(a <= b, B{true, true, false, false, true, true});
  check(a > b, B{false, false, true, false, false, false});
  check(a >= b, B{false, true, true, false, true, true});
  check(isnan(a), B{false, false, false, true, false, false});
  check(isinf(a), B{false, false, false, false, false, true});
  check(2 < a, B{false, false, true, false, false, true});
  check(isnan(constant(Tensor::of<int32_t>({1}))), B{false});
  check(lt(constant(Tensor::of<uint64_t>({~0ull})), constant(Tensor::of<uint64_t>({1}))), B{false});
}

TEST(Logic, TakesAnyDtype) {
  const Variable a = constant(Tensor::of<double>({0.0, 0.5, 0.0, 2.0}));
  const Variable b = constant(Tensor::of<int32_t>({0, 0, 3, 4}));
  EXPECT_TRUE(equal_to(value_of(logical_and(a, b)), Tensor::of<bool>({false, false, false, true})));
  EXPECT_TRUE(equal_to(value_of(logical_or(a, b)), Tensor::of<bool>({false, true, true, true})));
  EXPECT_TRUE(equal_to(value_of(logical_xor(a, b)), Tensor::of<bool>({false, true, true, false})));
  EXPECT_TRUE(equal_to(value_of(logical_not(a)), Tensor::of<bool>({true, false, true, false})));
}

TEST(Bits, WorkOnIntegersOnly) {
  const Variable a = constant(Tensor::of<uint8_t>({0b1100, 0xff}));
  const Variable b = constant(Tensor::of<uint8_t>({0b1010, 0x0f}));
  EXPECT_TRUE(equal_to(value_of(bitwise_and(a, b)), Tensor::of<uint8_t>({0b1000, 0x0f})));
  EXPECT_TRUE(equal_to(value_of(bitwise_or(a, b)), Tensor::of<uint8_t>({0b1110, 0xff})));
  EXPECT_TRUE(equal_to(value_of(bitwise_xor(a, b)), Tensor::of<uint8_t>({0b0110, 0xf0})));
  EXPECT_TRUE(equal_to(value_of(bitwise_not(a)), Tensor::of<uint8_t>({0xf3, 0x00})));
  expect_error<TypeError>([] { bitwise_and(vector("x"), 1.0); },
                          {"bitwise_and: bit operations take integers or bool, not float32"});
}

TEST(Cast, ConvertsBetweenAllDtypes) {
  for (DType from : kAllDTypes) {
    for (DType to : kAllDTypes) {
      const Tensor x = Tensor::of<double>({0, 1, 2, 100}).cast(from);
      EXPECT_TRUE(equal_to(value_of(cast(constant(x), to)), x.cast(to)))
          << name_of(from) << " to " << name_of(to);
    }
  }
  EXPECT_TRUE(equal_to(value_of(cast(constant(Tensor::of<double>({-1.7, 1.7})), DType::kInt32)),
                       Tensor::of<int32_t>({-1, 1})));
  EXPECT_TRUE(equal_to(value_of(cast(constant(Tensor::of<float>({0.5f, 0.0f})), DType::kBool)),
                       Tensor::of<bool>({true, false})));
  const Variable x = vector("x");
  EXPECT_EQ(cast(x, x.dtype()), x);
}

TEST(TwoByteFloats, ComputeInFloat32AndRound) {
  for (DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    const Tensor a = random_tensor({70, 3}, 0.5, 2.0).cast(dtype);
    const Tensor b = random_tensor({3}, 0.5, 2.0, 7).cast(dtype);
    const Variable x = tensor(dtype, {Dim(), 3}, "x");
    const Variable y = tensor(dtype, {3}, "y");
    const auto wide = [](const Variable& v) { return cast(v, DType::kFloat32); };
    const Variable narrow = x * y;
    EXPECT_EQ(narrow.dtype(), dtype);
    for (const auto& [got, expected] :
         {std::pair(narrow, cast(wide(x) * wide(y), dtype)),
          std::pair(exp(x), cast(exp(wide(x)), dtype)), std::pair(x < y, wide(x) < wide(y)),
          std::pair(where(x < y, x, y), minimum(x, y)),
          // Each step rounds, fused or not.
          std::pair(tanh(x * y), cast(tanh(wide(cast(wide(x) * wide(y), dtype))), dtype))}) {
      EXPECT_TRUE(equal_to(eval(got, {{x, a}, {y, b}}), eval(expected, {{x, a}, {y, b}})))
          << got.str() << " " << name_of(dtype);
    }
  }
}

}  // namespace
}  // namespace bitale
