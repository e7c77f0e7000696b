// What rules say of themselves for one variable of a graph.

#include "core/rewrite/explain.h"

#include <string>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
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

TEST(WhyNot, RefusesANameThatNoRuleHas) {
  const Variable y = exp(matrix("x"));
  EXPECT_THROW(why_not("no_such_rule", y), CompileError);
  EXPECT_THROW(why_not("merge", y), CompileError);
}

}  // namespace
}  // namespace bitale
