// What rules say of themselves for one variable of a graph.

#include "core/rewrite/explain.h"

#include <string>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Explain, ListsTheRulesThatMadeAVariableOldestFirst) {
  const Variable x = matrix("x");
  const Variable p = softmax(x).named("p");
  const Variable y = (-(-log(p))).named("y");
  const ExplainedGraph graph(Variables{y});
  const std::string text = graph.explain(y);
  EXPECT_TRUE(contains(text, "y at tests/rewrites/explain_test.cc:")) << text;
  EXPECT_TRUE(contains(text, ": log_softmax{axis=1}(x)\n")) << text;
  const size_t first =
      text.find("  neg_neg replaced neg(neg.0) at tests/rewrites/explain_test.cc:");
  const size_t second = text.find("  log_of_softmax replaced log(p) at ");
  ASSERT_NE(first, std::string::npos) << text;
  ASSERT_NE(second, std::string::npos) << text;
  EXPECT_LT(first, second) << text;
  EXPECT_TRUE(contains(text, "    softmax(x) underflows to 0")) << text;
}

TEST(Explain, KnowsWhatARuleMadeOnTheWay) {
  const Variable x = matrix("x");
  const Variable y = log(sigmoid(x));
  const ExplainedGraph graph(Variables{y});
  // -softplus(-x): the rule made all three nodes.
  const Variable inner = graph.outputs()[0].owner()->input(0);
  EXPECT_TRUE(contains(graph.explain(inner), "softplus(neg.0)\n  log_of_sigmoid replaced log("))
      << graph.explain(inner);
}

TEST(Explain, FollowsWhatWasReplacedToWhatStandsForIt) {
  const Variable x = matrix("x");
  const Variable twice = -(-x);
  const Variable e = exp(twice);
  const ExplainedGraph graph(Variables{e});
  EXPECT_TRUE(graph.now(twice) == x);
  EXPECT_TRUE(contains(graph.explain(twice), ": x\n  neg_neg replaced")) << graph.explain(twice);
}

TEST(Explain, SaysThatNoRuleHadAPart) {
  const Variable x = matrix("x");
  const std::string text = explain(exp(x));
  EXPECT_TRUE(contains(text, ": exp(x)\n  no rule had a part in it")) << text;
}

TEST(Explain, SaysWhatIsNotNeededAnyMore) {
  const Variable x = matrix("x");
  const Variable p = softmax(x);
  const ExplainedGraph graph(Variables{log(p)});
  EXPECT_TRUE(contains(graph.explain(p), "nothing needs it any more")) << graph.explain(p);
}

TEST(Explain, KeepsTheUsersSiteInGradients) {
  const Variable x = matrix("x"), w = matrix("w");
  const Variable gradient = grad(sum(sqr(dot(x, w))), w);
  const Variable update = w - 0.1 * gradient;
  const ExplainedGraph graph(Variables{update});
  EXPECT_TRUE(contains(graph.explain(update), "sub_of_dot replaced sub(w, "))
      << graph.explain(update);
  EXPECT_TRUE(contains(graph.explain(gradient), " at gradient of tests/rewrites/explain_test.cc:"))
      << graph.explain(gradient);
}

TEST(Explain, LeavesTheUsersGraphAsItIs) {
  const Variable x = matrix("x");
  const Variable y = log(softmax(x));
  explain(y);
  EXPECT_EQ(y.owner()->op().name(), "log");
}

TEST(Explain, RefusesAVariableOfAnotherGraph) {
  const Variable x = matrix("x");
  const ExplainedGraph graph(Variables{exp(x)});
  EXPECT_THROW(graph.explain(sin(x)), CompileError);
}

TEST(WhyNot, NamesTheConditionThatFailedAndWhere) {
  const Variable x = matrix("x");
  const Variable e = exp(x).named("e");
  const Variable part = e[slice(0, 2)];
  const ExplainedGraph graph({part, e});
  const std::string text = graph.why_not("subtensor_of_elementwise", part);
  EXPECT_TRUE(contains(text, "as written: the whole result is needed as well: exp(x) at tests/"))
      << text;
}

TEST(WhyNot, SaysThatAnotherOpStandsThere) {
  const Variable x = matrix("x");
  const std::string text = why_not("log_of_softmax", exp(x));
  EXPECT_TRUE(contains(text, "as written: it looks at log, and this is exp")) << text;
}

TEST(WhyNot, SaysThatThePatternIsNotThere) {
  const std::string text = why_not("log_of_softmax", log(matrix("x")));
  EXPECT_TRUE(contains(text, "as rewritten: its pattern is not at log(x)")) << text;
}

TEST(WhyNot, TellsThatAndWhereItDidApply) {
  const std::string text = why_not("log_of_softmax", log(softmax(matrix("x"))));
  EXPECT_TRUE(contains(text, "as written: it applies")) << text;
  EXPECT_TRUE(contains(text, "it did apply: to log(softmax.0)")) << text;
}

TEST(WhyNot, KnowsWhatTheOptionsForbid) {
  const Variable y = log(softmax(matrix("x")));
  EXPECT_TRUE(contains(why_not("log_of_softmax", y, {.excluded = {"log_of_softmax"}}),
                       "it is excluded by name"));
  EXPECT_TRUE(contains(why_not("mul_zero", matrix("x") * 0), "it holds for finite values only"));
}

TEST(WhyNot, RefusesANameThatNeitherARuleNorAPassHas) {
  const Variable y = exp(matrix("x"));
  EXPECT_THROW(why_not("no_such_rule", y), CompileError);
}

TEST(WhyNot, SaysThatAPassGivesNoReasons) {
  const std::string text = why_not("merge", exp(matrix("x")));
  EXPECT_TRUE(contains(text, "  it is a pass over the whole graph, without reasons for single "))
      << text;
}

// --- Fusion --------------------------------------------------------------------------------------

constexpr ExplainedPhases kFused = ExplainedPhases::kWithFusion;

// What `pass` says of `variable` in the function of `outputs`.
std::string fusion_of(const char* pass, const Variable& variable, const Variables& outputs) {
  return ExplainedGraph(outputs, {}, kFused).why_not(pass, variable);
}

TEST(ExplainFusion, IsLeftOutUnlessAskedFor) {
  const Variable x = matrix("x");
  const Variable y = tanh(x + x * x);
  EXPECT_TRUE(contains(explain(y), ": tanh(add.0)\n")) << explain(y);
  const std::string text = why_not("elementwise_fusion", y);
  EXPECT_TRUE(contains(text, "its phase, fuse, was not run: ExplainedPhases::kWithFusion does"))
      << text;
}

TEST(ExplainFusion, NamesTheGroupThatANodeBecame) {
  const Variable x = matrix("x"), y = matrix("y");
  const Variable total = x + y;
  const Variable root = tanh(total);
  const ExplainedGraph graph(Variables{root}, {}, kFused);
  const std::string of_root = graph.explain(root);
  EXPECT_TRUE(contains(of_root, ": fused_elementwise{")) << of_root;
  EXPECT_TRUE(contains(of_root, "  elementwise_fusion replaced tanh(add.0) at ")) << of_root;
  EXPECT_TRUE(contains(of_root, "    values between elementwise steps stay in the first cache"))
      << of_root;
  // The sum is no variable any more, and went where the hyperbolic tangent did.
  const std::string of_total = graph.explain(total);
  EXPECT_TRUE(contains(of_total, ": nothing needs it any more\n")) << of_total;
  EXPECT_TRUE(contains(of_total, "  elementwise_fusion replaced tanh(add.0) at ")) << of_total;
  EXPECT_TRUE(contains(of_total, ", which all its uses led to\n")) << of_total;
  const std::string why = graph.why_not("elementwise_fusion", total);
  EXPECT_TRUE(contains(why, "  before fuse: it applies: add(x, y) at ")) << why;
  EXPECT_TRUE(contains(why, "  it did apply: to tanh(add.0) at ")) << why;
}

TEST(ExplainFusion, KnowsWhatIsExcludedByName) {
  const Variable x = matrix("x");
  const Variable y = tanh(x + x * x);
  const std::string text =
      why_not("elementwise_fusion", y, {.excluded = {"elementwise_fusion"}}, kFused);
  EXPECT_TRUE(contains(text, "  it is excluded by name\n")) << text;
  EXPECT_FALSE(contains(text, "it did apply")) << text;
}

TEST(ExplainFusion, KnowsNoNodeOfALaterPhase) {
  const Variable x = matrix("x");
  const ExplainedGraph graph({tanh(x + x * x)}, {}, kFused);
  const std::string text = graph.why_not("elementwise_fusion", graph.outputs()[0]);
  EXPECT_TRUE(contains(text, " was not in the graph")) << text;
  EXPECT_TRUE(contains(graph.why_not("elementwise_fusion", x), "x is not the result of an op"));
}

TEST(WhyNotFused, ElementwiseNodes) {
  const Variable x = matrix("x"), r = row("r");
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return fusion_of("elementwise_fusion", variable, outputs);
  };
  const Variable e = exp(x);
  EXPECT_TRUE(contains(why(e, {e}), "no node reads it, and none of its operands may join it"));
  EXPECT_TRUE(contains(why(e, {dot(e, x)}), "a node that is in no group reads it"));
  const Variable shared = r + 1;
  EXPECT_TRUE(contains(why(shared, {tanh(shared), shared * x}), "several groups read it"));
  const Variable repeated = exp(r);
  EXPECT_TRUE(contains(why(repeated, {repeated * x}), "a node repeats it along an axis"));
  const Variable product = dot(x, x);
  EXPECT_TRUE(contains(why(product, {product}), "it is not elementwise, or shape rules may"));
}

TEST(WhyNotFused, Rows) {
  const Variable x = matrix("x");
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return fusion_of("row_fusion", variable, outputs);
  };
  const Variable total = sum(x, 1, true);
  const Variable share = x / total;
  EXPECT_TRUE(contains(why(total, {share}), "it applies"));
  EXPECT_TRUE(contains(why(total, {share, total}), "it is a result of the function, which is"));
  EXPECT_TRUE(contains(why(share, {share, total}), "nothing in its group is reduced"));
  EXPECT_TRUE(contains(why(total, {total}), "nothing is made of the rows in its group but"));
  const Variable columns = sum(x * x, 0);
  EXPECT_TRUE(contains(why(columns, {columns}), "no reduction of the last axes"));
}

TEST(WhyNotFused, ReductionsOverLeadingAxes) {
  const Variable x = matrix("x");
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return fusion_of("fold_fusion", variable, outputs);
  };
  const Variable power = exp(x);
  const Variable total = sum(power, 0);
  EXPECT_TRUE(contains(why(power, {total}), "it applies"));
  EXPECT_TRUE(contains(why(total, {total}), "it applies"));
  EXPECT_TRUE(contains(why(total, {total, power}), "what it reduces is no elementwise value"));
  EXPECT_TRUE(contains(why(power, {total, power}), "or others read it too"));
  const Variable along = sum(x * x, 1);
  EXPECT_TRUE(contains(why(along, {along}), "no reduction over other axes than the last ones"));
}

TEST(WhyNotFused, ProductsAndWhatReadsThem) {
  const Variable x = matrix("x");
  const Variable product = dot(x, matrix("w"));
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return fusion_of("epilogue_fusion", variable, outputs);
  };
  const Variable root = tanh(product);
  EXPECT_TRUE(contains(why(product, {root}), "it applies"));
  EXPECT_TRUE(contains(why(root, {root}), "it applies"));
  const char* alone = "its result is not read by one node alone";
  EXPECT_TRUE(contains(why(product, {root, product}), alone));
  EXPECT_TRUE(contains(why(root, {root, product}), alone));
  const Variable rounded = cast(product, DType::kInt32);
  EXPECT_TRUE(contains(why(rounded, {rounded}), "what reads it changes the dtype"));
  const Variable e = exp(x);
  EXPECT_TRUE(contains(why(e, {e}), "neither it nor an operand of it is a product"));
}

TEST(WhyNotFused, BundledNodes) {
  const Variable b = tensor(float_x(), {4}, "b");
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return fusion_of("elementwise_bundling", variable, outputs);
  };
  const Variable t = tanh(b), e = exp(b);
  EXPECT_TRUE(contains(why(t, {t, e}), "it applies"));
  EXPECT_TRUE(contains(why(t, {t}), "nothing else can be bundled with it"));
  const Variable unknown = tanh(vector("v"));
  EXPECT_TRUE(contains(why(unknown, {unknown, t}), "its lengths are known at a call only"));
  const Variable total = sum(b);
  EXPECT_TRUE(contains(why(total, {total, t}), "it is not elementwise"));
}

TEST(WhyNotFused, PooledConvolutions) {
  const Variable convolved = conv2d(tensor4("x"), tensor4("w"));
  const Variable pooled = pool_2d(convolved, {2, 2});
  const auto why = [](const Variable& variable, const Variables& outputs) {
    return ExplainedGraph(outputs).why_not("conv2d_max_pool_fusion", variable);
  };
  EXPECT_TRUE(contains(why(pooled, {pooled}), "before specialize: it applies"));
  EXPECT_TRUE(contains(why(convolved, {pooled}), "before specialize: it applies"));
  EXPECT_TRUE(contains(why(pooled, {pooled, convolved}), "is a result of the function as well"));
  EXPECT_TRUE(contains(why(pooled, {pooled, pool_2d(convolved, {3, 3})}), "by another window too"));
  EXPECT_TRUE(contains(why(convolved, {convolved}), "no max-pool reads what is convolved"));
  const Variable of_input = pool_2d(tensor4("x"), {2, 2});
  EXPECT_TRUE(contains(why(of_input, {of_input}), "is not the result of a convolution"));
}

}  // namespace
}  // namespace bitale
