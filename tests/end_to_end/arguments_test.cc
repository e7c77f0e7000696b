// What a call hands to a function: by position, by name or by default, and of which dtypes.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"

namespace bitale {
namespace {

// x * slope + offset
struct Line {
  Variable x = dvector("x"), slope = dscalar("slope"), offset = dscalar("offset");
  Variable y = x * slope + offset;
};

const std::vector<double> kOfTenAndThree = {13, 23};  // at 1 and 2

Tensor one_and_two() { return Tensor::of<double>({1, 2}); }

TEST(ArgumentsByName, ComeInAnyOrder) {
  const Line line;
  const Function f = function({line.x, line.slope, line.offset}, line.y);
  EXPECT_EQ(f(one_and_two(), 10.0, 3.0)[0].to_vector<double>(), kOfTenAndThree);
  const Tensor y = f(Arg("offset", 3.0), Arg("x", one_and_two()), Arg("slope", Tensor(10.0)));
  EXPECT_EQ(y.to_vector<double>(), kOfTenAndThree);
}

TEST(ArgumentsByName, LeaveTheFirstInputsToThoseByPosition) {
  const Line line;
  const Function f = function({line.x, line.slope, line.offset}, line.y);
  const Tensor between = f(one_and_two(), Arg("offset", 3.0), 10.0);
  EXPECT_EQ(between.to_vector<double>(), kOfTenAndThree);
  const Tensor first = f(Arg("offset", Tensor(3.0)), Arg("slope", 10.0), one_and_two());
  EXPECT_EQ(first.to_vector<double>(), kOfTenAndThree);
  EXPECT_THROW(f(Arg("x", one_and_two()), 10.0, 3.0), TypeError) << "10.0 is for x too";
}

TEST(ArgumentsByName, GoByTheNameOfTheInputBeforeThatOfItsVariable) {
  const Variable a = dscalar("a"), b = dscalar("b");
  const Function crossed = function({In(a, {.name = "b"}), In(b, {.name = "a"})}, a - b);
  EXPECT_EQ(crossed(Arg("a", 1.0), Arg("b", 10.0)).item<double>(), 9.0);
  const Function renamed = function({In(a, {.name = "left"}), b}, a - b);
  EXPECT_EQ(renamed(Arg("b", 1.0), Arg("left", 10.0)).item<double>(), 9.0);
  EXPECT_THROW(renamed(Arg("b", 1.0), Arg("a", 10.0)), TypeError);
}

TEST(Defaults, StandInForWhatACallLeavesOut) {
  const Line line;
  const Function f = function({In(line.x, {.default_value = one_and_two()}),
                               In(line.slope, {.default_value = Tensor(10.0)}),
                               In(line.offset, {.default_value = Tensor(3.0)})},
                              line.y);
  EXPECT_EQ(f()[0].to_vector<double>(), kOfTenAndThree);
  EXPECT_EQ(f(Tensor::of<double>({5}))[0].to_vector<double>(), (std::vector<double>{53}));
  EXPECT_EQ(f(Arg("slope", 1.0))[0].to_vector<double>(), (std::vector<double>{4, 5}));
  EXPECT_EQ(f(one_and_two(), Arg("offset", Tensor(0.0)))[0].to_vector<double>(),
            (std::vector<double>{10, 20}));
  EXPECT_EQ(f()[0].to_vector<double>(), kOfTenAndThree) << "a call changes no default";
}

TEST(Defaults, AreCastAsArgumentsAre) {
  const Variable x = dvector("x");
  const Function f = function({In(x, {.default_value = Tensor::of<float>({0.5F})})}, x * 2.0);
  EXPECT_EQ(f()[0].to_vector<double>(), (std::vector<double>{1}));
  const Variable narrow = fvector("narrow");
  const auto of_wider_default = [&](bool allow_input_downcast) {
    return function({In(narrow, {.default_value = Tensor::of<double>({0.5})})}, narrow * 2.0,
                    {.allow_input_downcast = allow_input_downcast});
  };
  EXPECT_THROW(of_wider_default(false), TypeError);
  EXPECT_EQ(of_wider_default(true)()[0].to_vector<float>(), (std::vector<float>{1}));
}

Function identity(DType dtype, FunctionOptions options = {}) {
  const Variable x = tensor(dtype, SymbolicDims(1), "x");
  return function({x}, x, options);
}

struct Conversion {
  DType from;
  DType to;
};

TEST(ArgumentDtypes, AreCastWhereTheInputHoldsEveryValue) {
  const Conversion conversions[] = {
      {DType::kFloat32, DType::kFloat64}, {DType::kFloat16, DType::kFloat32},
      {DType::kInt32, DType::kInt64},     {DType::kUint8, DType::kInt16},
      {DType::kInt32, DType::kFloat64},   {DType::kInt16, DType::kFloat32},
      {DType::kBool, DType::kInt8},       {DType::kBool, DType::kFloat32},
  };
  for (const auto& [from, to] : conversions) {
    SCOPED_TRACE(std::string(name_of(from)) + " for " + std::string(name_of(to)));
    const Tensor given = identity(to)(Tensor::of<double>({0, 1}).cast(from));
    EXPECT_EQ(given.dtype(), to);
    EXPECT_EQ(given.to_vector<double>(), (std::vector<double>{0, 1}));
  }
}

TEST(ArgumentDtypes, AreCastOtherwiseOnlyWithTheOption) {
  const Conversion conversions[] = {
      {DType::kFloat64, DType::kFloat32}, {DType::kFloat16, DType::kBFloat16},
      {DType::kInt64, DType::kInt32},     {DType::kUint8, DType::kInt8},
      {DType::kInt8, DType::kUint64},     {DType::kInt64, DType::kFloat64},
      {DType::kInt32, DType::kFloat32},   {DType::kInt8, DType::kBool},
  };
  for (const auto& [from, to] : conversions) {
    SCOPED_TRACE(std::string(name_of(from)) + " for " + std::string(name_of(to)));
    const Tensor value = Tensor::of<double>({0, 1}).cast(from);
    EXPECT_THROW(identity(to)(value), TypeError);
    const Tensor given = identity(to, {.allow_input_downcast = true})(value);
    EXPECT_EQ(given.dtype(), to);
    EXPECT_EQ(given.to_vector<double>(), (std::vector<double>{0, 1}));
  }
}

TEST(ArgumentDtypes, ThatAreCastDownRoundFloatsAndWrapIntegers) {
  const FunctionOptions options = {.allow_input_downcast = true};
  const Tensor rounded = identity(DType::kFloat32, options)(Tensor::of<double>({0.1}));
  EXPECT_EQ(rounded.to_vector<float>(), (std::vector<float>{0.1F}));
  const Tensor wrapped = identity(DType::kInt8, options)(Tensor::of<int64_t>({300, -129}));
  EXPECT_EQ(wrapped.to_vector<int>(), (std::vector<int>{44, 127}));
}

TEST(ArgumentDtypes, OfFloatsAreNeverCastToIntegers) {
  for (const DType dtype : {DType::kInt64, DType::kUint8, DType::kBool}) {
    const Function f = identity(dtype, {.allow_input_downcast = true});
    EXPECT_THROW(f(Tensor::of<double>({1})), TypeError) << name_of(dtype);
  }
}

TEST(NumberArguments, AreRoundedToAFloatWithoutTheOption) {
  const Variable x = fscalar("x");
  EXPECT_EQ(function({x}, x)(0.1).item<float>(), 0.1F);
}

TEST(NumberArguments, AreCastWithTheOptionWhereAnIntegerCannotHoldThem) {
  const Variable x = bscalar("x");
  const Function strict = function({x}, x);
  const Function lenient = function({x}, x, {.allow_input_downcast = true});
  EXPECT_THROW(strict(300), TypeError);
  EXPECT_EQ(lenient(300).item<int>(), 44);
  EXPECT_EQ(lenient(3.0).item<int>(), 3);
  EXPECT_THROW(lenient(2.5), TypeError);
}

}  // namespace
}  // namespace bitale
