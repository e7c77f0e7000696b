// What DebugMode finds in kernels: each test has one with a fault, which FAST_RUN does not see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/graph/shape_context.h"
#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Twice a vector, under the name of a kernel's fault.
class TwiceOp final : public Op {
 public:
  explicit TwiceOp(const char* name) : name_(name) {}
  std::string_view name() const override { return name_; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }

 private:
  const char* name_;
};

Variable twice(const char* name, const Variable& x, SourceSite site = SourceSite::current()) {
  return apply_one(std::make_shared<TwiceOp>(name), {x}, site);
}

// A composite whose kernel says 7.
class SumOfPowersOp final : public Op {
 public:
  std::string_view name() const override { return "sum_of_powers"; }
  Traits traits() const override { return {.composite = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {{context.type(0).dtype, {}}};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, {}); }
  Variables formula(std::span<const Variable> inputs) const override {
    return {sum(exp(inputs[0]))};
  }
};

class SevenKernel final : public Kernel {
 public:
  void run(const KernelFrame& frame) const override { *frame.output<double>(0) = 7; }
};

const KernelRegistrar sevens({.op = "sum_of_powers",
                              .name = "sevens",
                              .make = [](KernelMaker&) -> std::unique_ptr<const Kernel> {
                                return std::make_unique<SevenKernel>();
                              }});

struct Line {
  int64_t count;
  int64_t stride;
};

template <typename T>
class TwiceKernel final : public Kernel {
 public:
  using Body = void (*)(Line line, T* x, T* out);
  TwiceKernel(const KernelCall& call, Body body)
      : line_{call.inputs[0].shape[0], call.inputs[0].strides[0]}, body_(body) {}
  void run(const KernelFrame& frame) const override {
    body_(line_, static_cast<T*>(frame.inputs[0]), frame.output<T>(0));
  }

 private:
  Line line_;
  Body body_;
};

template <typename T, typename TwiceKernel<T>::Body body>
std::unique_ptr<const Kernel> make_twice(KernelMaker& maker) {
  return std::make_unique<TwiceKernel<T>>(maker.call(), body);
}

template <typename T>
void correct(Line line, T* x, T* out) {
  for (int64_t i = 0; i < line.count; ++i) out[i] = 2 * x[i * line.stride];
}

void correct_that_clears_its_input(Line line, double* x, double* out) {
  correct(line, x, out);
  x[0] = 0;
}

template <typename T>
void correct_but_for_the_last(Line line, T* x, T* out) {
  correct({line.count - 1, line.stride}, x, out);
}

void off_by_a_half_at_the_second(Line line, double* x, double* out) {
  correct(line, x, out);
  out[1] += 0.5;
}

void correct_without_gaps(Line line, double* x, double* out) { correct({line.count, 1}, x, out); }

const KernelRegistrar flawless({.op = "flawless",
                                .name = "flawless_tuned",
                                .kind = KernelKind::kTuned,
                                .rank = 20,
                                .strided_inputs = true,
                                .make = make_twice<double, correct>});
const KernelRegistrar flawless_reference({.op = "flawless",
                                          .name = "flawless_reference",
                                          .kind = KernelKind::kReference,
                                          .rank = 1,
                                          .make = make_twice<double, correct>});
const KernelRegistrar clears_input({.op = "clears_input",
                                    .name = "clears_input_cpu",
                                    .make = make_twice<double, correct_that_clears_its_input>});
const KernelRegistrar leaves_a_float({.op = "leaves_a_float",
                                      .name = "leaves_a_float_cpu",
                                      .make = make_twice<double, correct_but_for_the_last>});
const KernelRegistrar leaves_an_integer({.op = "leaves_an_integer",
                                         .name = "leaves_an_integer_cpu",
                                         .make = make_twice<int32_t, correct_but_for_the_last>});
const KernelRegistrar wrong_when_tuned({.op = "wrong_when_tuned",
                                        .name = "wrong_when_tuned_fast",
                                        .kind = KernelKind::kTuned,
                                        .rank = 20,
                                        .make = make_twice<double, off_by_a_half_at_the_second>});
const KernelRegistrar right_when_slow({.op = "wrong_when_tuned",
                                       .name = "wrong_when_tuned_slow",
                                       .kind = KernelKind::kReference,
                                       .rank = 1,
                                       .make = make_twice<double, correct>});
const KernelRegistrar ignores_strides({.op = "ignores_strides",
                                       .name = "ignores_strides_cpu",
                                       .strided_inputs = true,
                                       .make = make_twice<double, correct_without_gaps>});

// A fused group's kernel that is wrong for vectors of one length.
constexpr int64_t kLengthOfWrongGroups = 13;

const char* supports_wrong_groups(const KernelCall& call) {
  const OperandLayout& result = call.outputs[0];
  return result.dtype == DType::kFloat64 && result.shape == Dims{kLengthOfWrongGroups}
             ? nullptr
             : "only vectors of 13 float64";
}

void all_sevens(Line line, double*, double* out) { std::fill_n(out, line.count, 7.0); }

const KernelRegistrar wrong_group({.op = "fused_elementwise",
                                   .name = "wrong_group",
                                   .kind = KernelKind::kTuned,
                                   .rank = 1000,
                                   .supports = supports_wrong_groups,
                                   .make = make_twice<double, all_sevens>});

// The message of the ExecutionError of a call in DebugMode, after FAST_RUN has noticed nothing.
std::string fault_of(const Variable& x, const Variable& y, const Tensor& value) {
  EXPECT_NO_THROW(function({x}, y)(value.copy()));
  const Function checked = function({x}, y, {.mode = kDebugMode});
  try {
    checked(value.copy());
  } catch (const ExecutionError& error) {
    return error.what();
  }
  return "no error";
}

std::string fault_of(const char* name, const Tensor& value) {
  const Variable x = tensor(value.dtype(), {Dim()}, "x");
  return fault_of(x, twice(name, x), value);
}

TEST(DebugMode, FindsNothingInAFlawlessKernel) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const Variable x = dvector("x");
  const Function f = function({x}, twice("flawless", x), {.mode = kDebugMode});
  EXPECT_EQ(f(Tensor::of<double>({1, 2, 3}))[0].to_vector<double>(),
            (std::vector<double>{2, 4, 6}));
  EXPECT_NO_THROW(f(Tensor::of<double>({nan, infinity, -infinity})));
  EXPECT_NO_THROW(f(Tensor::arange(DType::kFloat64, 6).slice(0, 0, 6, 2)));
  EXPECT_NO_THROW(f(Tensor::zeros(DType::kFloat64, {0})));
}

TEST(DebugMode, FindsAKernelThatWritesItsInput) {
  EXPECT_THAT(fault_of("clears_input", Tensor::of<double>({1, 2})),
              AllOf(HasSubstr("kernel clears_input_cpu of clears_input changed its operand 0"),
                    HasSubstr("x float64 (2,)"), HasSubstr("debug_mode_test.cc:")));
}

TEST(DebugMode, FindsAKernelThatLeavesPartOfItsOutputUnwritten) {
  EXPECT_THAT(fault_of("leaves_a_float", Tensor::of<double>({1, 2, 3})),
              AllOf(HasSubstr("kernel leaves_a_float_cpu of leaves_a_float left element 2 of the "
                              "result unwritten"),
                    HasSubstr("debug_mode_test.cc:")));
  EXPECT_THAT(fault_of("leaves_an_integer", Tensor::of<int32_t>({1, 2, 3})),
              HasSubstr("left element 2 of the result unwritten"));
}

// The bytes that stand in outputs before are a value too: -1 here, and one NaN of many.
TEST(DebugMode, TakesNoValueForAnUnwrittenOne) {
  const Variable x = ivector("x");
  const Function minus = function({x}, -x, {.mode = kDebugMode});
  EXPECT_EQ(minus(Tensor::of<int32_t>({1, 0}))[0].to_vector<int32_t>(),
            (std::vector<int32_t>{-1, 0}));
  const Variable y = dvector("y");
  const Function copy = function({y}, y, {.mode = kDebugMode});
  EXPECT_NO_THROW(copy(Tensor::of<double>({std::bit_cast<double>(~uint64_t{0})})));
}

TEST(DebugMode, FindsATunedKernelThatDiffersFromItsReference) {
  EXPECT_THAT(fault_of("wrong_when_tuned", Tensor::of<double>({1, 2, 3})),
              AllOf(HasSubstr("kernel wrong_when_tuned_fast of wrong_when_tuned differs from its "
                              "reference kernel wrong_when_tuned_slow by up to 0.5: element 1 of "
                              "the result is 4.5, not 4"),
                    HasSubstr("x float64 (3,)"), HasSubstr("debug_mode_test.cc:")));
}

TEST(DebugMode, FindsAKernelThatIsWrongForStridedInputs) {
  EXPECT_THAT(fault_of("ignores_strides", Tensor::of<double>({1, 2, 3})),
              AllOf(HasSubstr("kernel ignores_strides_cpu of ignores_strides differs from kernel "
                              "ignores_strides_cpu over strided inputs"),
                    HasSubstr("debug_mode_test.cc:")));
}

TEST(DebugMode, FindsAFusedGroupThatDiffersFromItsFormula) {
  const Variable x = dvector("x");
  const Variable y = exp(x) * tanh(x);
  EXPECT_THAT(
      fault_of(x, y, Tensor::ones(DType::kFloat64, {kLengthOfWrongGroups})),
      AllOf(HasSubstr("kernel wrong_group of fused_elementwise"),
            HasSubstr("differs from its formula by up to"), HasSubstr("debug_mode_test.cc:")));
  EXPECT_EQ(fault_of(x, y, Tensor::ones(DType::kFloat64, {kLengthOfWrongGroups + 1})), "no error");
}

// A result of rounding errors alone has no digit in common with another order's.
TEST(DebugMode, AllowsWhatIsLeftOfTermsThatCancel) {
  const Variable x = dmatrix("x"), y = dmatrix("y");
  const Function f = function({x, y}, dot(x, y), {.mode = kDebugMode});
  const int64_t terms = 1000;
  const Tensor left = Tensor::empty(DType::kFloat64, {1, terms});
  for (int64_t i = 0; i < terms; ++i) {
    left.at<double>({0, i}) = std::sin(2 * std::numbers::pi * static_cast<double>(i) / terms);
  }
  EXPECT_NO_THROW(f(left, Tensor::ones(DType::kFloat64, {terms, 1})));
}

// What is left of y - y sum(y), where y sums to 1 but for rounding.
TEST(DebugMode, AllowsWhatAFormulaSubtractsFromItself) {
  const Variable x = fmatrix("x");
  const Function f = function({x}, grad(sum(softmax(x)), x), {.mode = kDebugMode});
  const Tensor logits = Tensor::empty(DType::kFloat32, {200, 10});
  for (int64_t i = 0; i < logits.size(); ++i) {
    logits.data<float>()[i] = std::sin(static_cast<float>(i * i));
  }
  EXPECT_NO_THROW(f(logits));
}

// Of magnitudes, powers would be beyond all measure.
TEST(DebugMode, FindsAWrongSumOfSmallPowers) {
  const Variable x = dvector("x");
  const Variable y = apply_one(std::make_shared<SumOfPowersOp>(), {x});
  const Function f = function({x}, y, {.mode = kDebugMode});
  const Tensor value = Tensor::of<double>({-50, -60});
  EXPECT_EQ(eval(y, {{x, value}}).item<double>(), 7);
  try {
    f(value);
    ADD_FAILURE() << "no error";
  } catch (const ExecutionError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("sevens of sum_of_powers differs from its formula by up to 7"));
  }
}

TEST(DebugMode, FindsFaultsInTheBodyOfALoop) {
  const Variable x = dmatrix("x");
  const Tensor value = Tensor::of<double>({{1, 2}, {3, 4}});
  const auto fault_of_body = [&](const char* name) {
    return fault_of(x, map([&](const Variables& row) { return twice(name, row[0]); }, {x}), value);
  };
  EXPECT_EQ(fault_of_body("flawless"), "no error");
  EXPECT_THAT(fault_of_body("clears_input"), HasSubstr("clears_input changed its operand 0"));
  EXPECT_THAT(fault_of_body("leaves_a_float"), HasSubstr("left element 1 of the result unwritten"));
  EXPECT_THAT(fault_of_body("wrong_when_tuned"), HasSubstr("differs from its reference kernel"));
  EXPECT_THAT(fault_of_body("ignores_strides"), HasSubstr("over strided inputs"));
}

TEST(DebugMode, RunsFusedGroups) {
  const Variable x = dvector("x");
  const Function f = function({x}, exp(x) * tanh(x), {.mode = kDebugMode});
  f(Tensor::ones(DType::kFloat64, {3}));
  EXPECT_THAT(f.program_dump(), HasSubstr("fused_elementwise"));
}

}  // namespace
}  // namespace bitale
