// Fused folds: which form, and that they compute what their nodes would.

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_join.h"
#include "autograd/grad.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/fused_folds_internal.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"
#include "tests/support/pass_runs.h"

namespace bitale {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Names = std::vector<std::string>;

Names names_after(const Variables& outputs) { return names_after_pass("fold_fusion", outputs); }

using Inputs = std::vector<std::pair<Variable, Tensor>>;

struct Outcome {
  Results values;
  std::string program;
};

// Of those of the inputs that the outputs are computed from.
Outcome run(const Variables& outputs, const Inputs& all, const Mode& mode = kFastRun) {
  const Variables read = leaves(outputs);
  std::vector<In> inputs;
  std::vector<Arg> args;
  for (const auto& [variable, value] : all) {
    if (std::ranges::count(read, variable) == 0) continue;
    inputs.push_back(variable);
    args.push_back(value);
  }
  const Function f = function(Ins(inputs), outputs, {.mode = mode});
  Results values = f.call(args);
  return {std::move(values), f.program_dump()};
}

bool has_fused_folds(const Outcome& outcome) {
  return outcome.program.find("[fused_folds_pieces]") != std::string::npos;
}

// Small whole numbers, whose sums are exact in any order.
Tensor whole_numbers(DType dtype, const Dims& shape, uint64_t seed = 1) {
  return random_tensor(shape, -3, 3, seed).cast(DType::kInt8).cast(dtype);
}

Variable normalised(const Variable& x, const Axes& axes) {
  const Variable centred = x - mean(x, axes, true);
  return centred / sqrt(mean(sqr(centred), axes, true) + 1e-5);
}

TEST(FoldFusion, TakesInWhatIsReduced) {
  const Variable x = matrix("x"), y = matrix("y"), r = row("r");
  EXPECT_EQ(names_after({sum(sqr(x - r) * y, 0)}), Names({"fused_folds"}));
  EXPECT_EQ(names_after({sum(x, 0), sum(x * y, 0), max(y, 0)}), Names({"fused_folds"}));
  EXPECT_EQ(names_after({sum(tensor4("t") * 2, {0, 2, 3})}), Names({"fused_folds"}));
  EXPECT_EQ(names_after({sum(tensor3("t") * 2, 1)}), Names({"fused_folds"}));
}

// A difference is computed twice: for the variance, and for the result.
TEST(FoldFusion, ComputesSimpleStepsAnewRatherThanStoreThem) {
  const Names names = names_after({normalised(tensor(float_x(), {8, 3, 4, 4}, "x"), {0, 2, 3})});
  EXPECT_EQ(std::ranges::count(names, "fused_folds"), 1) << absl::StrJoin(names, " ");
  EXPECT_EQ(std::ranges::count(names, "sub"), 1) << absl::StrJoin(names, " ");
  EXPECT_EQ(std::ranges::count(names, "sqr"), 0) << absl::StrJoin(names, " ");
  const Variable x = matrix("x");
  const Variable power = exp(x);
  EXPECT_EQ(names_after({sum(power, 0, true) * power}), Names({"exp", "sum", "mul"}));
}

TEST(FoldFusion, LeavesRowsSingleSumsAndResults) {
  const Variable x = matrix("x"), y = matrix("y");
  EXPECT_EQ(names_after({sum(x * y, 1)}), Names({"mul", "sum"}));
  EXPECT_EQ(names_after({sum(x * y)}), Names({"mul", "sum"}));
  EXPECT_EQ(names_after({sum(x, 0), sum(y, 0)}), Names({"sum", "sum"}));
  const Variable product = x * y;
  EXPECT_EQ(names_after({sum(product, 0), product}), Names({"mul", "sum"}));
  EXPECT_EQ(names_after({sum(imatrix("i") * 2, 0)}), Names({"mul", "sum"}));
}

TEST(FoldFusion, NeverClosesACycle) {
  const Variable x = matrix("x");
  const Variable total = sum(sqr(x), 0, true);
  EXPECT_EQ(names_after({sum(x * total, 0)}), Names({"fused_folds", "fused_folds"}));
  EXPECT_EQ(names_after({total, sum(x, 0), sum(abs(x) * total, 0)}),
            Names({"fused_folds", "fused_folds"}));
}

// Lengths about those of vectors, strips, pieces and slices; all of 4 MiB and more.
struct Case {
  Dims shape;
  Axes axes;
};
const std::vector<Case>& cases() {
  static const std::vector<Case> cases = {{{128, 32, 17, 16}, {0, 2, 3}},
                                          {{1, 40, 200, 150}, {0, 2, 3}},
                                          {{3000, 3, 11, 11}, {0, 2, 3}},
                                          {{5, 2100, 10, 10}, {0, 2, 3}},
                                          {{2, 3, 450, 400}, {0, 2, 3}},
                                          {{110000, 10}, 0},
                                          {{500, 2100}, 0},
                                          {{1100000, 1}, 0},
                                          {{40, 30, 1000}, 1},
                                          {{300, 70, 60}, {0, 1}},
                                          {{2, 3, 4096, 64}, {0, 2, 3}},
                                          {{1, 2, 900000}, {0, 2}},
                                          {{3, 41, 100, 90}, {1, 3}},
                                          {{7, 150001}, 0}};
  return cases;
}

TEST(FoldFusion, GivesTheSameBitsWhereSumsAreExact) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Case& c : cases()) {
      SCOPED_TRACE(absl::StrJoin(c.shape, ", "));
      const auto rank = static_cast<int64_t>(c.shape.size());
      const Variable x = tensor(dtype, SymbolicDims(static_cast<size_t>(rank)), "x");
      const Variable y = tensor(dtype, SymbolicDims(static_cast<size_t>(rank)), "y");
      SymbolicDims column_dims(static_cast<size_t>(rank));
      Dims column_shape = c.shape;
      column_dims[0] = 1;
      column_shape[0] = 1;
      const Variable column = tensor(dtype, column_dims, "column");
      const Variable last = tensor(dtype, {Dim()}, "last");
      const Variables ys = {sum(x * column, c.axes), max(y - x, c.axes, true),
                            sum(sqr(x) + last, c.axes), min(x, c.axes)};
      const Tensor xv = whole_numbers(dtype, c.shape);
      const Inputs all = {{x, xv},
                          {y, whole_numbers(dtype, c.shape, 2)},
                          {column, whole_numbers(dtype, column_shape, 3)},
                          {last, whole_numbers(dtype, {c.shape.back()}, 4)}};
      const Outcome fused = run(ys, all);
      EXPECT_TRUE(has_fused_folds(fused)) << fused.program;
      const Outcome apart = run(ys, all, kFastRun.excluding("fold_fusion"));
      EXPECT_FALSE(has_fused_folds(apart));
      for (size_t i = 0; i < ys.size(); ++i) {
        EXPECT_TRUE(equal_to(fused.values[i], apart.values[i])) << ys[i].str();
      }
    }
  }
}

TEST(FoldFusion, ReadsStridedOperandsAndThoseThatAreReducedThemselves) {
  const Variable x = tensor3("x"), y = tensor3("y");
  const Variables ys = {sum(x, {0, 2}), sum(x * y, {0, 2}), prod(y, {0, 2}), max(x, {0, 2})};
  const Dims shape = {70, 30, 600};
  const Tensor value = whole_numbers(DType::kFloat32, shape);
  const Tensor signs = random_tensor(shape, -1, 1, 2).cast(DType::kFloat32);
  for (int64_t i = 0; i < signs.size(); ++i) {
    float& sign = signs.data<float>()[i];
    sign = sign < 0 ? -1.0f : 1.0f;
  }
  for (const Tensor& xv : {value, strided_copy(value)}) {
    for (const Tensor& yv : {signs, strided_copy(signs)}) {
      const Inputs all = {{x, xv}, {y, yv}};
      const Outcome fused = run(ys, all);
      EXPECT_TRUE(has_fused_folds(fused)) << fused.program;
      const Outcome apart = run(ys, all, kFastRun.excluding("fold_fusion"));
      for (size_t i = 0; i < ys.size(); ++i) {
        EXPECT_TRUE(equal_to(fused.values[i], apart.values[i])) << ys[i].str();
      }
    }
  }
}

TEST(FoldFusion, AddsAsExactlyAsSumsByThemselves) {
  const Variable x = tensor4("x");
  const Variable y = normalised(x, {0, 2, 3});
  const Variables ys = {y, grad(sum(y * x), x)};
  const Tensor value = random_tensor({64, 20, 31, 31}, 2, 3).cast(DType::kFloat32);
  const Outcome fused = run(ys, {{x, value}});
  EXPECT_TRUE(has_fused_folds(fused)) << fused.program;
  const Outcome apart = run(ys, {{x, value}}, kFastRun.excluding("fold_fusion"));
  // Derivatives are differences of terms of this size.
  constexpr double kSizeOfTerms = 10;
  EXPECT_TRUE(close_to(fused.values[0], apart.values[0]));
  EXPECT_TRUE(close_to(fused.values[1], apart.values[1], kSizeOfTerms));
}

// Columns of many pieces, in one run or in many rows: an accumulator that took a million terms one
// after the other would be off by more than a thousand units in the last place.
TEST(FoldFusion, AddsManyTermsExactly) {
  for (const Case& c :
       {Case{{1, 2, 4000000}, {0, 2}}, Case{{4000000, 2}, 0}, Case{{40, 2, 100000}, {0, 2}}}) {
    const SymbolicDims dims(c.shape.size());
    const Variable x = tensor(DType::kFloat32, dims, "x");
    const Variable wide = tensor(DType::kFloat64, dims, "wide");
    const Tensor value = random_tensor(c.shape, 1, 2).cast(DType::kFloat32);
    const Outcome fused = run({sum(x * x, c.axes), max(-x, c.axes)}, {{x, value}});
    EXPECT_TRUE(has_fused_folds(fused)) << fused.program;
    const Tensor squares = value.cast(DType::kFloat64);
    const Outcome exact = run({sum(wide * wide, c.axes)}, {{wide, squares}});
    for (int64_t i = 0; i < 2; ++i) {
      const double expected = exact.values[0].data<double>()[i];
      EXPECT_NEAR(fused.values[0].data<float>()[i] / expected, 1, 1e-6);
    }
  }
}

int count_of(std::string_view what, std::string_view text) {
  int count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// The variance and all sums of the gradients come from one sweep after that of the mean, and
// nothing as large as the images is stored but the result.
TEST(FoldFusion, NormalisesBatchesInOneSweepAfterTheMean) {
  const SymbolicDims dims = {64, 16, 34, 33};
  const Variable x = tensor(DType::kFloat64, dims, "x");
  const Variable weights = tensor(DType::kFloat64, dims, "weights");
  const Variable scale = tensor(DType::kFloat64, {1, Dim(), 1, 1}, "scale");
  const Variable y = normalised(x, {0, 2, 3}) * scale;
  const Dims shape = {64, 16, 34, 33};
  const Inputs at = {{x, random_tensor(shape)},
                     {weights, random_tensor(shape, -1, 1, 2)},
                     {scale, random_tensor({1, 16, 1, 1}, 0.5, 1.5, 3)}};
  const Outcome outcome = run(grad(sum(y * weights), {x, scale}), at);
  EXPECT_EQ(count_of("[fused_folds_pieces]", outcome.program), 1) << outcome.program;
  EXPECT_EQ(count_of("[sum_blocked]", outcome.program), 1) << outcome.program;
  EXPECT_EQ(count_of("float64(64, 16, 34, 33) = ", outcome.program), 1) << outcome.program;
}

TEST(FoldFusion, KeepsWhatIsNoNumber) {
  const Variable x = matrix("x");
  const Tensor doubles = whole_numbers(DType::kFloat64, {110000, 10});
  set_element(doubles, {70000, 1}, kNaN);
  set_element(doubles, {3, 2}, kInf);
  set_element(doubles, {4, 3}, -kInf);
  set_element(doubles, {5, 3}, kInf);
  const Tensor value = doubles.cast(DType::kFloat32);
  const Variables ys = {sum(x * 2, 0), max(-x, 0), min(x, 0), sum(abs(x), 0)};
  const Outcome fused = run(ys, {{x, value}});
  EXPECT_TRUE(has_fused_folds(fused));
  const Outcome apart = run(ys, {{x, value}}, kFastRun.excluding("fold_fusion"));
  for (size_t i = 0; i < ys.size(); ++i) {
    EXPECT_TRUE(equal_to(fused.values[i], apart.values[i])) << ys[i].str();
  }
}

// What fits the second cache is made and reduced by kernels of their own, as if nothing had been
// fused: what would have been computed anew is one node again.
TEST(FoldFusion, LeavesWhatIsSmallAsItWas) {
  const Variable x = tensor4("x");
  const Variable y = normalised(x, {0, 2, 3});
  for (const Dims& shape : {Dims{20, 8, 12, 12}, Dims{0, 8, 12, 12}, Dims{3, 0, 2, 2}}) {
    const Inputs at = {{x, random_tensor(shape).cast(DType::kFloat32)}};
    const Outcome fused = run({y}, at);
    const Outcome apart = run({y}, at, kFastRun.excluding("fold_fusion"));
    EXPECT_EQ(fused.program, apart.program);
    EXPECT_TRUE(equal_to(fused.values[0], apart.values[0]));
  }
}

TEST(FoldFusion, LeavesAxesThatAlternateTooOftenToOthers) {
  const Variable x = tensor(DType::kFloat32, SymbolicDims(5), "x");
  const Inputs at = {{x, whole_numbers(DType::kFloat32, {20, 11, 15, 20, 17})}};
  EXPECT_FALSE(has_fused_folds(run({sum(sqr(x), {0, 2, 4})}, at)));
  EXPECT_FALSE(has_fused_folds(run({sum(sqr(x), {0, 2})}, at)));
  EXPECT_FALSE(has_fused_folds(run({sum(sqr(x), {1, 3})}, at)));
  EXPECT_TRUE(has_fused_folds(run({sum(sqr(x), {1, 4})}, at)));
}

TEST(FoldFusion, GivesTheSameBitsForAnyNumberOfThreads) {
  const Variable x = tensor4("x");
  const Variables ys = {normalised(x, {0, 2, 3}), sum(sqr(x), {0, 2}), sum(x, {0, 2})};
  const Inputs at = {{x, random_tensor({50, 24, 30, 31}).cast(DType::kFloat32)}};
  options().threads = 1;
  const Outcome alone = run(ys, at);
  EXPECT_TRUE(has_fused_folds(alone));
  for (const int threads : {2, 3}) {
    options().threads = threads;
    const Outcome together = run(ys, at);
    for (size_t i = 0; i < ys.size(); ++i) {
      EXPECT_TRUE(equal_to(together.values[i], alone.values[i])) << threads << " threads";
    }
  }
  options().threads = 0;
}

TEST(FoldFusion, FormulaIsTheReplacedSubgraph) {
  const Variable x = matrix("x"), y = matrix("y");
  const Variables before = {sum(x * y, 0), max(y, 0, true)};
  FunctionGraph graph(before);
  pass_named("fold_fusion").run(graph);
  const Apply& fused = *graph.outputs()[0].owner();
  EXPECT_EQ(fused.op().name(), "fused_folds");
  EXPECT_TRUE(structurally_equal(fused.op().formula(fused.inputs()), before));
}

TEST(FoldFusion, HasTheDerivativesOfItsFormula) {
  const Variable x = tensor(DType::kFloat64, {Dim(), Dim()}, "x");
  FunctionGraph graph(Variables{sum(sqr(x) * x, 0)});
  pass_named("fold_fusion").run(graph);
  const auto fused = graph.outputs()[0].owner()->shared_op();
  run_op_case({.name = "a sum of cubes",
               .inputs = {random_tensor({3, 4})},
               .build = [&](const Variables& v) { return apply_one(fused, {v[0]}); },
               .float32 = false});
}

}  // namespace
}  // namespace bitale
