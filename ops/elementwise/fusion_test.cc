// Fused groups: which form, and that they compute what their steps would.

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/fused_elementwise_internal.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"
#include "tests/support/pass_runs.h"

namespace bitale {
namespace {

using Names = std::vector<std::string>;

Names names_after(const Variables& outputs) {
  return names_after_pass("elementwise_fusion", outputs);
}

TEST(Fusion, TakesInChainsAndDiamonds) {
  const Variable x = matrix("x");
  EXPECT_EQ(names_after({tanh(exp(x) + 1)}), Names({"fused_elementwise"}));
  const Variable shared_value = exp(x);
  EXPECT_EQ(names_after({shared_value * (shared_value + 1)}), Names({"fused_elementwise"}));
}

TEST(Fusion, StopsAtReductionsAndBroadcasts) {
  const Variable x = matrix("x");
  EXPECT_EQ(names_after({exp(sum(exp(x) + 1) + 2)}),
            Names({"fused_elementwise", "sum", "fused_elementwise"}));
  EXPECT_EQ(names_after({x * exp(vector("v"))}), Names({"exp", "mul"}));
}

TEST(Fusion, GivesOutWhatTheFunctionWantsBesides) {
  const Variable x = matrix("x");
  const Variable kept = exp(x), also_kept = kept + 1;
  EXPECT_EQ(names_after({tanh(also_kept), kept, also_kept}), Names({"fused_elementwise"}));
  EXPECT_EQ(names_after({kept, tanh(kept), sum(kept)}), Names({"exp", "tanh", "sum"}));
}

// Adam's step: two moments and the weights, all updated in one walk through memory.
TEST(Fusion, UpdatesOfOneShapeAreOneKernelInPlace) {
  const auto step = [](Mode mode, std::string* dump) {
    const Variable w = shared(random_tensor({50, 70}), "w"), g = dmatrix("g");
    const Variable m = shared(Tensor::zeros(DType::kFloat64, {50, 70}), "m");
    const Variable v = shared(Tensor::zeros(DType::kFloat64, {50, 70}), "v");
    const Variable new_m = 0.9 * m + 0.1 * g, new_v = 0.99 * v + 0.01 * sqr(g);
    const Function f =
        function({g}, Variables{},
                 {.updates = {{m, new_m}, {v, new_v}, {w, w - 0.01 * new_m / (sqrt(new_v) + 1e-8)}},
                  .mode = mode});
    for (uint64_t call = 0; call < 3; ++call) f(random_tensor({50, 70}, -1, 1, call));
    if (dump != nullptr) *dump = f.program_dump();
    return std::vector<Tensor>{get_value(w), get_value(m), get_value(v)};
  };
  std::string dump;
  const std::vector<Tensor> fused = step(kFastRun, &dump);
  const std::vector<Tensor> apart = step(kFastRun.excluding("elementwise_fusion"), nullptr);
  for (size_t i = 0; i < fused.size(); ++i) EXPECT_TRUE(equal_to(fused[i], apart[i])) << i;
  EXPECT_NE(dump.find("1 kernels, arena 0 bytes"), std::string::npos) << dump;
}

TEST(Fusion, AnOldValueThatIsReadLaterIsNotOverwritten) {
  const Variable w = shared(random_tensor({30, 40}), "w"), m = shared(random_tensor({30, 40}), "m");
  const Tensor old_w = get_value(w), old_m = get_value(m);
  const Variable new_m = 0.5 * m;
  function({}, Variables{}, {.updates = {{m, new_m}, {w, w * (new_m + m)}}})();
  EXPECT_TRUE(close_to(get_value(m), eval(0.5 * Operand(old_m).variable())));
  EXPECT_TRUE(
      close_to(get_value(w), eval(Operand(old_w).variable() * (1.5 * Operand(old_m).variable()))));
}

TEST(Fusion, NeverClosesACycle) {
  const Variable x = matrix("x");
  const Variable a = exp(x);
  // sum(a) needs a, and b needs both: a may not join b.
  const Variable b = a + sum(a);
  EXPECT_EQ(names_after({tanh(b)}), Names({"exp", "sum", "fused_elementwise"}));
}

TEST(Fusion, LeavesHostIntegersVisible) {
  const Variable i = lscalar("i");
  EXPECT_EQ(names_after({(i + 1) * 2}), Names({"add", "mul"}));
}

TEST(Fusion, CutsLongChains) {
  Variable y = matrix("x");
  for (int i = 0; i < 100; ++i) y = tanh(y);
  const Names names = names_after({y});
  EXPECT_EQ(names.size(), 4u);
}

TEST(Fusion, GivesTheSameBits) {
  const Variable x = matrix("x");
  const Variable b = vector("b");
  const Variable c = col("c");
  const Variable t = tanh(x * c + b);
  const Variable y = where(t > 0.1, t * (1.0 - sqr(t)), sigmoid(t) / (2.0 + abs(b)));
  const Tensor xv = random_tensor({257, 129}).cast(DType::kFloat32);
  const Tensor bv = random_tensor({129}, -1, 1, 2).cast(DType::kFloat32);
  const Tensor cv = random_tensor({257, 1}, -1, 1, 3).cast(DType::kFloat32);
  const Mode apart = kFastRun.excluding("elementwise_fusion");
  for (const Tensor& value : {xv, strided_copy(xv)}) {
    const std::vector<std::pair<Variable, Tensor>> at = {{x, value}, {b, bv}, {c, cv}};
    EXPECT_TRUE(equal_to(eval(y, at), eval(y, at, apart)));
  }
}

TEST(Fusion, GivesTheSameBitsInTwoByteFloats) {
  const Variable x = tensor(DType::kFloat16, {Dim(), Dim()}, "x");
  const Variable y = where(x > 0.5, exp(x) * 3.0, x + 1.0) - tanh(x);
  const std::vector<std::pair<Variable, Tensor>> at = {
      {x, random_tensor({33, 65}).cast(DType::kFloat16)}};
  EXPECT_TRUE(equal_to(eval(y, at), eval(y, at, kFastRun.excluding("elementwise_fusion"))));
}

TEST(Fusion, FormulaIsTheReplacedSubgraph) {
  const Variable x = matrix("x");
  const Variable y = tanh(exp(x) * 2.0);
  FunctionGraph graph(Variables{y});
  pass_named("elementwise_fusion").run(graph);
  const Apply& fused = *graph.outputs()[0].owner();
  EXPECT_TRUE(structurally_equal(fused.op().formula(fused.inputs()), Variables{y}));
}

}  // namespace
}  // namespace bitale
