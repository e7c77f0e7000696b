// The way through, on three tiny ops of the test's own: build, shape program, lowering, plan, call.

#include "core/compile/function.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/graph/printer.h"
#include "core/graph/shape_context.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"

namespace bitale {
namespace {

// float32 vectors of equal length, elementwise: out = left + factor * right.
class TestAxpyOp final : public Op {
 public:
  explicit TestAxpyOp(double factor) : factor_(factor) {}
  std::string_view name() const override { return "test_axpy"; }
  Attributes attributes() const override { return {{"factor", factor_}}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    if (context.type(0).rank() != context.type(1).rank()) context.shape_error("ranks differ");
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override {
    for (size_t axis = 0; axis < context.dims(0).size(); ++axis) {
      context.require_equal(context.dim(0, axis), context.dim(1, axis), "lengths differ");
    }
    context.set_dims(0, context.dims(0));
  }
  double factor() const { return factor_; }

 private:
  double factor_;
};

class TestAxpyKernel final : public Kernel {
 public:
  TestAxpyKernel(int64_t count, float factor) : count_(count), factor_(factor) {}
  void run(const KernelFrame& frame) const override {
    const float* a = frame.input<float>(0);
    const float* b = frame.input<float>(1);
    float* out = frame.output<float>(0);
    for (int64_t i = 0; i < count_; ++i) out[i] = a[i] + factor_ * b[i];
  }
  bool may_overwrite(size_t, size_t) const override { return true; }

 private:
  int64_t count_;
  float factor_;
};

std::unique_ptr<const Kernel> make_axpy(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  return std::make_unique<TestAxpyKernel>(call.outputs[0].size(),
                                          static_cast<float>(call.op_as<TestAxpyOp>().factor()));
}

const KernelRegistrar test_axpy({.op = "test_axpy", .name = "test_axpy_cpu", .make = make_axpy});

// The row of a matrix whose number is a run-time integer: a view.
class TestRowOp final : public Op {
 public:
  std::string_view name() const override { return "test_row"; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {{context.type(0).dtype, {context.type(0).dims[1]}}};
  }
  void infer_shape(ShapeContext& context) const override {
    context.require(less(context.value(1), context.dim(0, 0)), "row is out of range");
    context.set_dims(0, {context.dim(0, 1)});
  }
  std::optional<ViewOutput> view(const ViewInput& input, const Dims&,
                                 ShapeContext& context) const override {
    return ViewOutput{{input.strides[1]}, context.value(1) * input.strides[0]};
  }
  bool needs_elements(size_t input) const override { return input == 0; }
};

// The sum of an int64 vector: an integer that no expression of dims gives, so that a function
// computes it before the program of a call is chosen.
class TestTotalOp final : public Op {
 public:
  std::string_view name() const override { return "test_total"; }
  std::vector<TensorType> infer_types(const TypeContext&) const override {
    return {{DType::kInt64, {}}};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, {}); }
};

class TestTotalKernel final : public Kernel {
 public:
  explicit TestTotalKernel(int64_t count) : count_(count) { ++alive; }
  ~TestTotalKernel() override { --alive; }
  void run(const KernelFrame& frame) const override {
    const int64_t* values = frame.input<int64_t>(0);
    int64_t& total = *frame.output<int64_t>(0);
    total = 0;
    for (int64_t i = 0; i < count_; ++i) total += values[i];
  }

  inline static std::atomic<int> alive = 0;

 private:
  int64_t count_;
};

std::unique_ptr<const Kernel> make_total(KernelMaker& maker) {
  return std::make_unique<TestTotalKernel>(maker.call().inputs[0].size());
}

const KernelRegistrar test_total({.op = "test_total",
                                  .name = "test_total_cpu",
                                  .make = make_total});

Variable axpy(const Variable& a, double factor, const Variable& b) {
  return apply_one(std::make_shared<TestAxpyOp>(factor), {a, b}, SourceSite::current());
}

Variable row_of(const Variable& x, const Variable& i) {
  return apply_one(std::make_shared<TestRowOp>(), {x, i}, SourceSite::current());
}

Variable total_of(const Variable& x) {
  return apply_one(std::make_shared<TestTotalOp>(), {x}, SourceSite::current());
}

TEST(Function, ComputesAnExpression) {
  Variable x = fvector("x"), y = fvector("y");
  Function f = function({x, y}, axpy(x, 2, y));
  Tensor out = f(Tensor::of<float>({1, 2}), Tensor::of<float>({10, 20}));
  EXPECT_EQ(out.to_vector<float>(), (std::vector<float>{21, 42}));
}

TEST(Function, CompilesOncePerShape) {
  Variable x = fvector("x");
  Function f = function({x}, axpy(x, 1, x));
  for (int64_t n : {3, 3, 5, 3, 0, 5}) {
    EXPECT_EQ(f(Tensor::ones(DType::kFloat32, {n}))[0].shape(), (Dims{n}));
  }
  EXPECT_EQ(f.compile_count(), 3u);
}

TEST(Function, AValueCausesNoRecompile) {
  Variable x = fmatrix("x"), i = lscalar("i");
  Function f = function({x, i}, axpy(row_of(x, i), 1, row_of(x, i)));
  const Tensor values = Tensor::of<float>({{1, 2}, {3, 4}, {5, 6}});
  EXPECT_EQ(f(values, 0)[0].to_vector<float>(), (std::vector<float>{2, 4}));
  EXPECT_EQ(f(values, 2)[0].to_vector<float>(), (std::vector<float>{10, 12}));
  EXPECT_EQ(f.compile_count(), 1u);
}

TEST(Function, UpdatesReadOldValuesAndAreAppliedAfterwards) {
  Variable a = shared(Tensor::of<float>({1, 2}), "a");
  Variable b = shared(Tensor::of<float>({10, 20}), "b");
  Function swap = function({}, axpy(a, 1, b), {.updates = {{a, b}, {b, a}}});
  EXPECT_EQ(swap()[0].to_vector<float>(), (std::vector<float>{11, 22}));
  EXPECT_EQ(get_value(a).to_vector<float>(), (std::vector<float>{10, 20}));
  EXPECT_EQ(get_value(b).to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST(Function, AnUpdateIsWrittenInPlaceAfterAllReads) {
  Variable w = shared(Tensor::of<float>({1, 2}), "w"), g = fvector("g");
  Function step = function({g}, axpy(w, 0, g), {.updates = {{w, axpy(w, -0.5, g)}}});
  Tensor before = step(Tensor::of<float>({2, 4}));
  EXPECT_EQ(before.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(get_value(w).to_vector<float>(), (std::vector<float>{0, 0}));
  EXPECT_NE(step.program_dump().find("shared0 float32(2,) = test_axpy"), std::string::npos)
      << step.program_dump();
}

TEST(Function, OutputsAliasNothing) {
  Variable x = fvector("x");
  Variable s = shared(Tensor::of<float>({7}), "s");
  Function f = function({x}, {x, x, s});
  Tensor in = Tensor::of<float>({1, 2});
  Results out = f(in);
  EXPECT_NE(out[0].raw_data(), in.raw_data());
  EXPECT_NE(out[0].raw_data(), out[1].raw_data());
  *out[2].data<float>() = 9;
  EXPECT_EQ(get_value(s).item<float>(), 7);
}

TEST(Function, AResultStaysValidUntilItsTensorIsDropped) {
  Variable x = fvector("x");
  Function f = function({x}, axpy(x, 1, x));
  Tensor first = f(Tensor::of<float>({1}));
  Tensor second = f(Tensor::of<float>({2}));
  EXPECT_EQ(first.item<float>(), 2);
  EXPECT_EQ(second.item<float>(), 4);
}

TEST(Function, GivensReplaceVariables) {
  Variable x = fvector("x"), i = lscalar("i");
  Variable data = shared(Tensor::of<float>({{1, 2}, {3, 4}}), "data");
  Function f = function({i}, axpy(x, 1, x), {.givens = {{x, row_of(data, i)}}});
  EXPECT_EQ(f(1)[0].to_vector<float>(), (std::vector<float>{6, 8}));
}

TEST(Function, AShapeErrorNamesTheUsersLine) {
  Variable x = fvector("x"), y = fvector("y");
  Function f = function({x, y}, axpy(x, 2, y));
  try {
    f(Tensor::of<float>({1, 2}), Tensor::of<float>({1}));
    FAIL() << "no error";
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("test_axpy: lengths differ: 2 and 1\n"), 0u) << text;
    EXPECT_NE(text.find("function_test.cc:"), std::string::npos) << text;
  }
}

TEST(Function, AStridedArgumentIsReadCorrectly) {
  Variable x = fmatrix("x"), i = lscalar("i");
  Function f = function({x, i}, axpy(row_of(x, i), 1, row_of(x, i)));
  const Tensor values = Tensor::of<float>({{1, 2}, {3, 4}}).transpose();
  EXPECT_EQ(f(values, 0)[0].to_vector<float>(), (std::vector<float>{2, 6}));
}

TEST(Function, ThreadsSeeNoTornUpdate) {
  constexpr int64_t kLength = 1000;
  Variable w = shared(Tensor::zeros(DType::kFloat32, {kLength}), "w");
  Variable one = constant(Tensor::ones(DType::kFloat32, {kLength}));
  Function step = function({}, {}, {.updates = {{w, axpy(w, 1, one)}}});
  Function read = function({}, axpy(w, 0, w));
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) step();
  });
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> values = read()[0].to_vector<float>();
    ASSERT_EQ(values.front(), values.back());
  }
  writer.join();
  EXPECT_EQ(get_value(w).to_vector<float>()[0], 200);
}

TEST(Function, FreeDropsProgramsAndTheNextCallCompilesAnew) {
  Variable x = fvector("x");
  Function f = function({x}, axpy(x, 1, x));
  const Tensor in = Tensor::of<float>({1, 2});
  const Tensor kept = f(in);
  EXPECT_GT(f.memory().peak_bytes, 0u);
  EXPECT_FALSE(f.program_dump().empty());
  f.free();
  EXPECT_EQ(f.memory().peak_bytes, 0u);
  EXPECT_TRUE(f.program_dump().empty());
  EXPECT_EQ(kept.to_vector<float>(), (std::vector<float>{2, 4}));
  EXPECT_EQ(f(in)[0].to_vector<float>(), (std::vector<float>{2, 4}));
  EXPECT_EQ(f.compile_count(), 2u);
}

TEST(Function, FreeDropsAlsoWhatComputesIntegersBeforeTheProgram) {
  Variable x = fmatrix("x"), counts = lvector("counts");
  const Variable row = row_of(x, total_of(counts));
  Function f = function({x, counts}, axpy(row, 1, row));
  const Tensor values = Tensor::of<float>({{1, 2}, {3, 4}, {5, 6}});
  EXPECT_EQ(f(values, Tensor::of<int64_t>({1, 1}))[0].to_vector<float>(),
            (std::vector<float>{10, 12}));
  EXPECT_GT(TestTotalKernel::alive, 0);
  f.free();
  EXPECT_EQ(TestTotalKernel::alive, 0);
  EXPECT_EQ(f(values, Tensor::of<int64_t>({1, 0}))[0].to_vector<float>(),
            (std::vector<float>{6, 8}));
}

TEST(Function, WarnsOfAnUnusedInputAndNamesItsLine) {
  const int line = __LINE__ + 1;
  Variable unused = fvector("unused");
  Variable x = fvector("x");
  testing::internal::CaptureStderr();
  Function f = function({x, unused}, axpy(x, 1, x), {.on_unused_input = OnUnusedInput::kWarn});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("warning: function: input unused float32 (?,) is not used by any output or "
                      "update\n  made at: "),
            0u)
      << text;
  EXPECT_NE(text.find("function_test.cc:" + std::to_string(line) + "\n"), std::string::npos)
      << text;
  EXPECT_EQ(f(Tensor::of<float>({1}), Tensor::of<float>({5, 6}))[0].item<float>(), 2);
}

TEST(Function, SaysNothingOfAnUnusedInputThatIsToBeIgnored) {
  Variable x = fvector("x"), unused = fvector("unused");
  testing::internal::CaptureStderr();
  Function f = function({x, unused}, axpy(x, 1, x), {.on_unused_input = OnUnusedInput::kIgnore});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(f(Tensor::of<float>({1}), Tensor::of<float>({5, 6}))[0].item<float>(), 2);
}

TEST(Graph, LongChainsAreFreedWithoutRecursion) {
  Variable x = fvector("x");
  Variable y = x;
  for (int i = 0; i < 300000; ++i) y = axpy(y, 1, x);
  EXPECT_EQ(topological_order({&y, 1}).size(), 300000u);
}

}  // namespace
}  // namespace bitale
