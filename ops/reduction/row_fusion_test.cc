// Fused rows: which form, and that they compute what their steps would.

#include <algorithm>
#include <limits>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"
#include "tests/support/pass_runs.h"

namespace bitale {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Names = std::vector<std::string>;

Names names_after(const Variables& outputs) { return names_after_pass("row_fusion", outputs); }

Variable softmax_written_out(const Variable& x) {
  const Variable powers = exp(x - max(x, 1, true));
  return powers / sum(powers, 1, true);
}

// Layer normalisation over `axes`, which are the last ones.
Variable normalised(const Variable& x, const Axes& axes, const Variable& scale,
                    const Variable& shift) {
  const Variable centred = x - mean(x, axes, true);
  return centred / sqrt(mean(sqr(centred), axes, true) + 1e-5) * scale + shift;
}

using Inputs = std::vector<std::pair<Variable, Tensor>>;

// The value is the same whether rows are fused or not: the same bits, or close where a row by
// itself is summed in slices.
void expect_same(const Variable& y, const Inputs& at, bool same_bits = true) {
  const Tensor fused = eval(y, at);
  const Tensor apart = eval(y, at, kFastRun.excluding("row_fusion"));
  if (same_bits) {
    EXPECT_TRUE(equal_to(fused, apart));
  } else {
    constexpr double kSizeOfTerms = 100;  // terms of random signs add up to about this
    EXPECT_TRUE(close_to(fused, apart, kSizeOfTerms));
  }
}

// Those of the inputs that `y` is computed from.
Inputs read_by(const Variable& y, const Inputs& all) {
  const Variables read = leaves(Variables{y});
  Inputs at;
  for (const auto& input : all) {
    if (std::ranges::count(read, input.first) > 0) at.push_back(input);
  }
  return at;
}

bool runs_fused(const Variable& y, const Inputs& at) {
  std::vector<In> inputs;
  std::vector<Arg> args;
  for (const auto& [variable, value] : at) {
    inputs.push_back(variable);
    args.push_back(value);
  }
  const Function f = function(Ins(inputs), {y});
  f.call(args);
  return f.program_dump().find("[fused_rows_blocks]") != std::string::npos;
}

TEST(RowFusion, TakesInWholeFormulas) {
  const Variable x = tensor(DType::kFloat32, {Dim(), 10}, "x");
  const Variable scale = vector("scale");
  EXPECT_EQ(names_after({softmax_written_out(x)}), Names({"fused_rows"}));
  // The vector becomes a row by itself.
  EXPECT_EQ(names_after({normalised(x, -1, scale, scale)}), Names({"fused_rows"}));
  EXPECT_EQ(names_after({sum(sqr(x) * scale, 1)}), Names({"fused_rows"}));
  EXPECT_EQ(names_after({exp(x) - log(sum(exp(x), 1, true))}), Names({"fused_rows"}));
}

TEST(RowFusion, StopsAtOutputsOtherAxesAndOtherRows) {
  const Variable x = matrix("x");
  const Variable total = sum(exp(x), 1, true);
  EXPECT_EQ(names_after({x / total, total}), Names({"fused_rows", "true_div"}));
  EXPECT_EQ(names_after({x / sum(x, 0, true)}), Names({"sum", "true_div"}));
  // Numbers of each row that are reduced again.
  EXPECT_EQ(names_after({sum(sqr(sum(sqr(x), 1)))}), Names({"fused_rows", "fused_rows"}));
  const Variable t = tensor3("t");
  EXPECT_EQ(names_after({t / sum(t, {1, 2}, true)}), Names({"fused_rows"}));
}

TEST(RowFusion, NeverClosesACycle) {
  const Variable x = matrix("x");
  const Variable a = exp(x);
  const Variable through_columns = a / sum(a, 0, true);
  EXPECT_EQ(names_after({a * sum(through_columns, 1, true)}), Names({"exp", "sum", "fused_rows"}));
}

// Every simple function in a chain, on either side of its operand; what several passes read; two
// sums of one value; functions that chains do not have between those that they have.
void expect_same_bits_of(DType dtype, const std::vector<Dims>& shapes) {
  const Variable x = tensor(dtype, {Dim(), Dim()}, "x");
  const Variable scale = tensor(dtype, {Dim()}, "scale");
  const Variable shift = tensor(dtype, {Dim()}, "shift");
  const Variable weights = tensor(dtype, {Dim(), 1}, "weights");
  const Variable centred = x - mean(x, 1, true);
  const Variable ys[] = {softmax_written_out(x),
                         normalised(x, 1, scale, shift),
                         logsumexp(x * scale, 1),
                         var(x * weights, 1),
                         sum(x * weights + shift, 1),
                         where(x > mean(x, 1, true), x, weights) - min(x - shift, 1, true),
                         prod(1 + 0.01 * x, 1, true) * weights,
                         weights / (sqrt(abs(shift - x)) + 1) * max(-sqr(x) / scale, 1, true),
                         centred * tanh(centred * weights) / sum(abs(centred) + x, 1, true),
                         x * sum(exp(x), 1, true) - max(exp(x), 1, true) * exp(x) * shift};
  for (const Dims& shape : shapes) {
    const Tensor xv = random_tensor(shape).cast(dtype);
    const Tensor row = random_tensor({shape[1]}, 0.5, 1.5, 2).cast(dtype);
    const Tensor column = random_tensor({shape[0], 1}, 0.5, 1.5, 3).cast(dtype);
    for (const Tensor& value : {xv, strided_copy(xv)}) {
      for (const Variable& y : ys) {
        SCOPED_TRACE(y.str());
        const Inputs all = {{x, value}, {scale, row}, {shift, row}, {weights, column}};
        // A reduction by itself adds strided elements in another order.
        expect_same(y, read_by(y, all), value.is_contiguous());
      }
    }
  }
}

// Lengths about those of vectors, of chains and of pieces.
TEST(RowFusion, GivesTheSameBits) {
  const std::vector<Dims> shapes = {{257, 129}, {100, 1},   {300, 7},   {64, 1500},
                                    {70, 4099}, {40, 63},   {40, 64},   {35, 65},
                                    {3, 1024},  {33, 1025}, {33, 2049}, {40, 9000}};
  expect_same_bits_of(DType::kFloat32, shapes);
  expect_same_bits_of(DType::kFloat64, shapes);
}

TEST(RowFusion, RowsOfSeveralAxesAndOfDoubles) {
  const Variable x = tensor(DType::kFloat64, {Dim(), Dim(), Dim(), Dim()}, "x");
  const Variable scale = tensor(DType::kFloat64, {Dim(), 1, 1}, "scale");
  const Variable y = normalised(x, {1, 2, 3}, scale, scale);
  const Inputs at = {{x, random_tensor({66, 3, 5, 7})}, {scale, random_tensor({3, 1, 1})}};
  EXPECT_TRUE(runs_fused(y, at));
  expect_same(y, at);
  expect_same(x - max(x, {2, 3}, true) * scale, at);
}

TEST(RowFusion, KeepsWhatIsNoNumber) {
  const Variable x = matrix("x");
  const Tensor value = random_tensor({3, 3});
  set_element(value, {0, 1}, kNaN);
  set_element(value, {1, 2}, kInf);
  set_element(value, {2, 0}, -kInf);
  for (const Variable& y : {softmax_written_out(x), logsumexp(x, 1), x * max(x, 1, true)}) {
    expect_same(y, {{x, value.cast(DType::kFloat32)}});
  }
}

TEST(RowFusion, LeavesRowsThatAreEmptyOrTooLongToOthers) {
  const Variable x = matrix("x");
  const Variable y = x - sum(sqr(x), 1, true);
  for (const Dims& shape : {Dims{0, 5}, Dims{5, 0}, Dims{0, 0}}) {
    const Inputs at = {{x, Tensor::zeros(DType::kFloat32, shape)}};
    EXPECT_FALSE(runs_fused(y, at));
    expect_same(y, at);
  }
  const Inputs longest = {{x, random_tensor({2, 100000}).cast(DType::kFloat32)}};
  EXPECT_FALSE(runs_fused(y, longest));
  expect_same(y, longest);
  const Inputs single = {{x, random_tensor({1, 5000}).cast(DType::kFloat32)}};
  EXPECT_TRUE(runs_fused(y, single));
  expect_same(y, single, /*same_bits=*/false);
}

TEST(RowFusion, CutsLongRowsThatAreOnlySummedIntoPieces) {
  const Variable x = matrix("x"), y = matrix("y"), row = vector("row"), column = col("column");
  const Variable sums[] = {sum(sqr(x - y)), sum(abs(x - row), 1),
                           max(x * column - y * 0.5, 1, true), sum(x * exp(y) * row)};
  for (const Dims& shape : {Dims{3, 8193}, Dims{1, 100000}, Dims{40, 9000}, Dims{500, 300}}) {
    const Inputs all = {{x, random_tensor(shape).cast(DType::kFloat32)},
                        {y, strided_copy(random_tensor(shape, -1, 1, 2).cast(DType::kFloat32))},
                        {row, random_tensor({shape[1]}, -1, 1, 3).cast(DType::kFloat32)},
                        {column, random_tensor({shape[0], 1}, -1, 1, 4).cast(DType::kFloat32)}};
    for (const Variable& total : sums) {
      SCOPED_TRACE(total.str());
      const Inputs at = read_by(total, all);
      EXPECT_TRUE(runs_fused(total, at));
      expect_same(total, at, /*same_bits=*/false);
    }
  }
}

TEST(RowFusion, LeavesRowsOfTwoLengthsToOthers) {
  const Variable x = matrix("x");
  const Variable v = vector("v");
  const Variable y = exp(sum(sqr(x), 1, true) * v);
  const Tensor value = random_tensor({70, 4}).cast(DType::kFloat32);
  for (const int64_t length : {1, 3, 4}) {
    const Inputs at = {{x, value}, {v, random_tensor({length}).cast(DType::kFloat32)}};
    EXPECT_EQ(runs_fused(y, at), length == 4);
    expect_same(y, at);
  }
}

TEST(RowFusion, GivesTheSameBitsForAnyNumberOfThreads) {
  const Variable x = matrix("x");
  const Variable y = softmax_written_out(x);
  const Tensor value = random_tensor({1000, 301}).cast(DType::kFloat32);
  options().threads = 1;
  const Tensor alone = eval(y, {{x, value}});
  for (const int threads : {2, 3}) {
    options().threads = threads;
    EXPECT_TRUE(equal_to(eval(y, {{x, value}}), alone)) << threads << " threads";
  }
  options().threads = 0;
}

TEST(RowFusion, NewValuesOfSharedRowsAreWrittenInPlace) {
  const Tensor start = random_tensor({300, 20}, 0.5, 1.5);
  const Variable w = shared(start, "w");
  const Function f = function({}, Variables{}, {.updates = {{w, w / sum(sqr(w) + 1, 1, true)}}});
  f();
  EXPECT_NE(f.program_dump().find("0: shared0 float64(300, 20) = fused_rows"), std::string::npos)
      << f.program_dump();
  const Variable x = dmatrix("x");
  EXPECT_TRUE(close_to(get_value(w), eval(x / sum(sqr(x) + 1, 1, true), {{x, start}})));
}

TEST(RowFusion, FormulaIsTheReplacedSubgraph) {
  const Variable x = matrix("x");
  const Variable y = softmax_written_out(x);
  FunctionGraph graph(Variables{y});
  pass_named("row_fusion").run(graph);
  const Apply& fused = *graph.outputs()[0].owner();
  EXPECT_TRUE(structurally_equal(fused.op().formula(fused.inputs()), Variables{y}));
}

TEST(RowFusion, HasTheDerivativesOfItsFormula) {
  const Variable x = tensor(DType::kFloat64, {Dim(), Dim()}, "x");
  FunctionGraph graph(Variables{softmax_written_out(x)});
  pass_named("row_fusion").run(graph);
  const auto fused = graph.outputs()[0].owner()->shared_op();
  run_op_case({.name = "softmax as fused rows",
               .inputs = {random_tensor({3, 4})},
               .build = [&](const Variables& v) { return softmax_written_out(v[0]); },
               .float32 = false});
  run_op_case({.name = "the node itself",
               .inputs = {random_tensor({3, 4})},
               .build = [&](const Variables& v) { return apply_one(fused, {v[0]}); },
               .float32 = false});
}

}  // namespace
}  // namespace bitale
