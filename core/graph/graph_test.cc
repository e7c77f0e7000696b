// Walking, copying, comparing, printing and changing graphs.

#include <string>

#include "core/base/error.h"
#include "core/graph/function_graph.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/printer.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> op_names(const std::vector<Apply*>& applies) {
  std::vector<std::string> names;
  for (const Apply* apply : applies) names.emplace_back(apply->op().name());
  return names;
}

TEST(Traversal, ProducersComeFirstAndEachNodeOnce) {
  const Variable x = fvector("x"), y = exp(x);
  EXPECT_THAT(op_names(topological_order(Variables{y * y + tanh(y)})),
              ElementsAre("exp", "mul", "tanh", "add"));
}

TEST(Traversal, StopsAtTheGivenVariables) {
  const Variable x = fvector("x"), y = exp(x);
  EXPECT_THAT(op_names(topological_order(Variables{tanh(y)}, Variables{y})), ElementsAre("tanh"));
}

TEST(Traversal, LeavesComeInOrderOfFirstEncounter) {
  const Variable x = fvector("x"), y = fvector("y");
  EXPECT_THAT(leaves(Variables{y * x + y}), ElementsAre(y, x));
}

TEST(Traversal, DependsOnSeesThroughTheWholeGraph) {
  const Variable x = fvector("x"), y = fvector("y"), cost = sum(exp(x) * 2.0);
  EXPECT_TRUE(depends_on(Variables{cost}, x));
  EXPECT_TRUE(depends_on(Variables{cost}, cost));
  EXPECT_FALSE(depends_on(Variables{cost}, y));
}

TEST(CloneGraph, PutsReplacementsInPlaceAndLeavesTheOriginal) {
  const Variable x = fvector("x"), y = fvector("y"), f = tanh(exp(x) + x);
  Replacements replacements{{x, y}};
  const Variable copy = clone_graph(Variables{f}, replacements)[0];
  EXPECT_TRUE(structurally_equal(Variables{copy}, Variables{tanh(exp(y) + y)}));
  EXPECT_TRUE(structurally_equal(Variables{f}, Variables{tanh(exp(x) + x)}));
  EXPECT_EQ(replacements.at(f), copy);
}

TEST(CloneGraph, ReplacesWhatIsInTheMiddle) {
  const Variable x = fvector("x"), middle = exp(x), f = middle * middle;
  Replacements replacements{{middle, x}};
  EXPECT_TRUE(structurally_equal(clone_graph(Variables{f}, replacements), Variables{x * x}));
}

TEST(CloneGraph, KeepsNamesTypesAndSites) {
  const Variable x = fvector("x");
  const Variable f = exp(x).named("f");
  Replacements replacements;
  const Variable copy = clone_graph(Variables{f}, replacements)[0];
  EXPECT_NE(copy, f);
  EXPECT_EQ(copy.name(), "f");
  EXPECT_EQ(copy.type().str(), f.type().str());
  EXPECT_EQ(copy.site().str(), f.site().str());
}

TEST(CloneGraph, RefusesReplacementsOfOtherTypes) {
  const Variable x = tensor(DType::kFloat64, {2, 3}, "x"), y = exp(x);
  const auto clone_with = [&](const Variable& replacement) {
    Replacements replacements{{x, replacement}};
    return clone_graph(Variables{y}, replacements);
  };
  EXPECT_THROW(clone_with(tensor(DType::kFloat32, {2, 3}, "z")), TypeError);
  EXPECT_THROW(clone_with(dvector("z")), TypeError);
  EXPECT_THROW(clone_with(Variable()), TypeError);
  EXPECT_THROW(clone_with(tensor(DType::kFloat64, {2, 4}, "z")), ShapeError);
  EXPECT_THROW(clone_with(dmatrix("z")), ShapeError);
  EXPECT_EQ(clone_with(tensor(DType::kFloat64, {2, 3}, "z")).size(), 1u);
}

TEST(StructurallyEqual, TellsStructureLeavesAttributesAndConstantsApart) {
  const Variable x = fmatrix("x"), y = fmatrix("y");
  const auto equal = [](const Variable& a, const Variable& b) {
    return structurally_equal(Variables{a}, Variables{b});
  };
  EXPECT_TRUE(equal(sum(x * 2.0, {1}), sum(x * 2.0, {1})));
  EXPECT_FALSE(equal(sum(x, {1}), sum(x, {0})));
  EXPECT_FALSE(equal(x * 2.0, x * 3.0));
  EXPECT_FALSE(equal(x - y, y - x));
  EXPECT_FALSE(equal(exp(x), exp(y)));
  EXPECT_FALSE(structurally_equal(Variables{x}, Variables{x, x}));
}

TEST(StructurallyEqual, TellsASharedNodeFromTwoOfItsKind) {
  const Variable x = fvector("x"), once = exp(x);
  EXPECT_FALSE(structurally_equal(Variables{once * once}, Variables{exp(x) * exp(x)}));
}

TEST(Debugprint, IsATreeThatRefersToWhatWasPrinted) {
  const Variable x = fmatrix("x"), w = shared(Tensor::ones(DType::kFloat32, {3, 2}), "w");
  const Variable y = dot(x, w).named("y");
  EXPECT_EQ(debugprint(sum(y * y + 1.0, {0})),
            "sum{axes=(0,), keepdims=false} [1] float32 (2,)\n"
            " |add{broadcast=(0, 3)} [2] float32 (?, 2)\n"
            " | |mul [3] float32 (?, 2)\n"
            " | | |dot 'y' [4] float32 (?, 2)\n"
            " | | | |x [5] float32 (?, ?)\n"
            " | | | |w [6] float32 (3, 2)\n"
            " | | |dot 'y' [4]\n"
            " | |constant 1 [7] float32 ()\n");
}

TEST(Debugprint, CutsBelowTheGreatestDepth) {
  const Variable x = fvector("x");
  EXPECT_EQ(debugprint(exp(tanh(x)), {.types = false, .max_depth = 1}),
            "exp [1]\n"
            " |...\n");
}

TEST(Debugprint, SaysWhereEachLineWasMade) {
  const Variable x = fvector("x");
  EXPECT_THAT(debugprint(x, {.sites = true}), HasSubstr("graph_test.cc:"));
}

TEST(DotGraph, HasANodePerVariableAndAnEdgePerUse) {
  const Variable x = fvector("x\"");
  const std::string text = dot_graph(exp(x) * x);
  EXPECT_THAT(text, HasSubstr("[shape=ellipse, label=\"x\\\"\\nfloat32 (?,)\"]"));
  EXPECT_THAT(text, HasSubstr("label=\"exp\""));
  EXPECT_THAT(text, HasSubstr("n0 -> n1 [label=\"0: float32 (?,)\"]"));
  EXPECT_THAT(text, HasSubstr("n1 -> n2 [label=\"0: float32 (?,)\"]"));
  EXPECT_THAT(text, HasSubstr("n0 -> n2 [label=\"1: float32 (?,)\"]"));
  EXPECT_THAT(text, HasSubstr("n2 -> out0"));
  EXPECT_EQ(text.substr(0, 8), "digraph ");
}

TEST(FunctionGraph, ReplacesEveryUseAndDropsWhatNothingNeeds) {
  const Variable x = fvector("x"), y = exp(x);
  FunctionGraph graph(Variables{y * y, tanh(y)});
  const Variable clone = graph.clones().at(y);
  graph.replace(clone, x, "test");
  graph.verify();
  EXPECT_TRUE(structurally_equal(graph.outputs(), Variables{x * x, tanh(x)}));
  EXPECT_EQ(graph.apply_count(), 2u);
  EXPECT_TRUE(structurally_equal(Variables{y}, Variables{exp(x)}));
}

TEST(FunctionGraph, RefusesAReplacementOfAnotherType) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{exp(x)});
  EXPECT_THROW(graph.replace(graph.outputs()[0], dvector("z"), "test"), CompileError);
  EXPECT_THROW(graph.replace(graph.outputs()[0], fmatrix("z"), "test"), CompileError);
  graph.verify();
}

TEST(FunctionGraph, TellsItsObserverBeforeAndItsListenerAfter) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{tanh(exp(x))});
  std::vector<std::string> events;
  graph.set_observer([&](const Variable& from, const Variable&, std::string_view reason) {
    events.push_back(std::string(from.owner()->op().name()) + " by " + std::string(reason));
  });
  graph.set_change_listener(
      [&](Apply* apply) { events.push_back(std::string(apply->op().name()) + " changed"); });
  graph.replace(graph.outputs()[0].owner()->input(0), sin(x), "rule");
  EXPECT_THAT(events, testing::UnorderedElementsAre("exp by rule", "sin changed", "tanh changed"));
  EXPECT_EQ(events[0], "exp by rule");
}

}  // namespace
}  // namespace bitale
