// Walking, copying, comparing, printing and changing graphs.

#include <string>

#include "core/base/error.h"
#include "core/graph/function_graph.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/printer.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "core/graph/variable_node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/control/map.h"
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
  EXPECT_FALSE(structurally_equal(Variables{exp(x) * exp(x)}, Variables{once * once}));
  // A node that both graphs have, read once here and twice there.
  EXPECT_FALSE(structurally_equal(Variables{once * exp(x)}, Variables{once * once}));
  EXPECT_FALSE(structurally_equal(Variables{once * once}, Variables{once * exp(x)}));
  EXPECT_TRUE(structurally_equal(Variables{once * once}, Variables{once * once}));
  const Variable above = tanh(once);
  EXPECT_FALSE(structurally_equal(Variables{above, exp(x)}, Variables{above, once}));
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

// y[i] = tanh(x[i]) * w
Variable scaled_tanh_loop() {
  const Variable x = dvector("x"), w = dscalar("w");
  return map([&](const Variables& e) { return tanh(e[0]) * w; }, {x});
}

TEST(Debugprint, ShowsTheBodyOfALoopAboveItsInputs) {
  EXPECT_EQ(debugprint(scaled_tanh_loop()),
            "map{sequences=1} [1] float64 (?,)\n"
            " |body of map [1]:\n"
            " | |mul [2] float64 ()\n"
            " | | |tanh [3] float64 ()\n"
            " | | | |input 0 'x[i]' [4] float64 ()\n"
            " | | |input 1 'w' [5] float64 ()\n"
            " |x [6] float64 (?,)\n"
            " |w [7] float64 ()\n");
}

TEST(Debugprint, ShowsALoopInALoopAndInputsWithoutNames) {
  const Variable x = dvector(), y = dvector();
  const Variable products = map(
      [&](const Variables& a) { return map([&](const Variables& b) { return a[0] * b[0]; }, {y}); },
      {x});
  EXPECT_EQ(debugprint(products, {.types = false}),
            "map{sequences=1} [1]\n"
            " |body of map [1]:\n"
            " | |map{sequences=1} [2]\n"
            " | | |body of map [2]:\n"
            " | | | |mul [3]\n"
            " | | | | |input 1 [4]\n"
            " | | | | |input 0 [5]\n"
            " | | |input 1 [6]\n"
            " | | |input 0 [7]\n"
            " |input [8]\n"
            " |input [9]\n");
}

TEST(Debugprint, ShowsEachBodyOnce) {
  const Variable x = dvector("x");
  const Variables both = map_all(
      [](const Variables& e) {
        return Variables{exp(e[0]), e[0]};
      },
      {x});
  EXPECT_EQ(debugprint(both, {.types = false}),
            "map{sequences=1}.0 [1]\n"
            " |body of map [1]:\n"
            " | |exp [2]\n"
            " | | |input 0 'x[i]' [3]\n"
            " | |input 0 'x[i]' [3]\n"
            " |x [4]\n"
            "map{sequences=1}.1 [5]\n"
            " |body of map [1]\n"
            " |x [4]\n");
}

TEST(Debugprint, CutsBodiesBelowTheGreatestDepth) {
  EXPECT_EQ(debugprint(scaled_tanh_loop(), {.types = false, .max_depth = 2}),
            "map{sequences=1} [1]\n"
            " |body of map [1]:\n"
            " | |...\n"
            " |x [2]\n"
            " |w [3]\n");
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

TEST(DotGraph, DrawsTheBodyOfALoopAsACluster) {
  EXPECT_EQ(dot_graph(scaled_tanh_loop()),
            "digraph bitale {\n"
            "  rankdir=TB;\n"
            "  node [fontname=\"Helvetica\"];\n"
            "  n0 [shape=ellipse, label=\"x\\nfloat64 (?,)\"];\n"
            "  n1 [shape=ellipse, label=\"w\\nfloat64 ()\"];\n"
            "  n2 [shape=box, style=filled, fillcolor=\"#cfdff5\", label=\"map{sequences=1}\"];\n"
            "  n0 -> n2 [label=\"0: float64 (?,)\"];\n"
            "  n1 -> n2 [label=\"1: float64 ()\"];\n"
            "  subgraph cluster_n2 {\n"
            "    label=\"body of map{sequences=1}\";\n"
            "    n3 [shape=ellipse, label=\"input 0 'x[i]'\\nfloat64 ()\"];\n"
            "    n4 [shape=ellipse, label=\"input 1 'w'\\nfloat64 ()\"];\n"
            "    n5 [shape=box, style=filled, fillcolor=\"#cfe8cf\", label=\"tanh\"];\n"
            "    n3 -> n5 [label=\"0: float64 ()\"];\n"
            "    n6 [shape=box, style=filled, fillcolor=\"#cfe8cf\", label=\"mul\"];\n"
            "    n5 -> n6 [label=\"0: float64 ()\"];\n"
            "    n4 -> n6 [label=\"1: float64 ()\"];\n"
            "  }\n"
            "  n6 -> n2 [style=dashed, label=\"result 0\"];\n"
            "  out0 [shape=ellipse, style=bold, label=\"output 0\"];\n"
            "  n2 -> out0;\n"
            "}\n");
}

TEST(DotGraph, DrawsABodyThatSeveralNodesRunOnce) {
  const Variable x = dvector("x"), y = dvector("y");
  const Variable once = map([](const Variables& e) { return exp(e[0]); }, {x});
  const Variable again = apply_one(once.owner()->shared_op(), {y});
  const std::string text = dot_graph(Variables{once, again});
  EXPECT_EQ(text.find("subgraph"), text.rfind("subgraph"));
  EXPECT_THAT(text, HasSubstr("n4 -> n2 [style=dashed, label=\"result 0\"];\n"
                              "  n4 -> n5 [style=dashed, label=\"result 0\"];\n"));
}

TEST(FunctionGraph, TakesInNothingForWhatIsNotUsed) {
  const Variable x = fvector("x"), y = tanh(x);
  FunctionGraph graph(Variables{y});
  const Variable unused = exp(x);
  graph.replace(unused, sqr(x), "test");
  graph.verify();
  EXPECT_EQ(graph.apply_count(), 1u);
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

// --- Broken graphs: only a fault of the library makes them, so the tests reach behind its back. -

void set_operand(Apply* apply, size_t i, const Variable& to) {
  const_cast<Variable&>(apply->input(i)) = to;
}

void set_output(const FunctionGraph& graph, size_t i, const Variable& to) {
  const_cast<Variable&>(graph.outputs()[i]) = to;
}

// What verify() says is broken; empty where it finds nothing.
std::string broken_invariant(const FunctionGraph& graph) {
  try {
    graph.verify();
    return "";
  } catch (const CompileError& error) {
    return error.what();
  }
}

TEST(Verify, FindsAnOperandThatIsNotAmongTheUses) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{tanh(exp(x))});
  EXPECT_EQ(broken_invariant(graph), "");
  set_operand(graph.outputs()[0].owner(), 0, x);
  EXPECT_THAT(broken_invariant(graph),
              HasSubstr("operand 0 of tanh is not among the uses of its variable"));
}

TEST(Verify, FindsANodeThatIsNotRegistered) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{tanh(exp(x))});
  set_operand(graph.outputs()[0].owner(), 0, sin(x));
  EXPECT_THAT(broken_invariant(graph), HasSubstr("a reachable node is not registered"));
}

TEST(Verify, FindsANodeThatNothingReaches) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{exp(x), tanh(x)});
  set_output(graph, 1, graph.outputs()[0]);
  EXPECT_THAT(broken_invariant(graph), HasSubstr("an unreachable node is registered"));
}

TEST(Verify, FindsAnOutputThatIsNotAmongTheUses) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{exp(x), x});
  EXPECT_EQ(broken_invariant(graph), "");
  set_output(graph, 1, graph.outputs()[0]);
  EXPECT_THAT(broken_invariant(graph), HasSubstr("output 1 is not among the uses of exp.0"));
}

TEST(Verify, FindsACycle) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{tanh(exp(x))});
  const Variable y = graph.outputs()[0];
  Apply* const first = y.owner()->input(0).owner();
  set_operand(first, 0, y);
  EXPECT_THAT(broken_invariant(graph), HasSubstr("there is a cycle"));
  set_operand(first, 0, x);  // nodes of a cycle would keep each other alive
}

TEST(Verify, FindsAnOutputOfAnotherType) {
  const Variable x = fvector("x");
  FunctionGraph graph(Variables{exp(x)});
  graph.outputs()[0].node()->type.dtype = DType::kFloat64;
  EXPECT_THAT(broken_invariant(graph),
              HasSubstr("output 0 changed its type from float32 (?,) to float64 (?,)"));
}

TEST(Verify, FindsAnInnerGraphThatReachesOutside) {
  const Variable w = dscalar("w");
  FunctionGraph graph(Variables{scaled_tanh_loop()});
  EXPECT_EQ(broken_invariant(graph), "");
  const Op& loop = graph.outputs()[0].owner()->op();
  set_operand(loop.inner_outputs()[0].owner(), 1, w);
  EXPECT_THAT(
      broken_invariant(graph),
      HasSubstr("the graph inside map{sequences=1} needs w, which is not among its inputs"));
}

TEST(Verify, FindsACycleInALoopInALoop) {
  const Variable x = dmatrix("x");
  FunctionGraph graph(Variables{map(
      [](const Variables& row) {
        return map([](const Variables& e) { return tanh(exp(e[0])); }, {row[0]});
      },
      {x})});
  EXPECT_EQ(broken_invariant(graph), "");
  const Op& outer = graph.outputs()[0].owner()->op();
  const Op& inner = outer.inner_outputs()[0].owner()->op();
  const Variable y = inner.inner_outputs()[0];
  Apply* const first = y.owner()->input(0).owner();
  set_operand(first, 0, y);
  EXPECT_THAT(broken_invariant(graph), HasSubstr("there is a cycle"));
  set_operand(first, 0, inner.inner_inputs()[0]);  // nodes of a cycle would keep each other alive
}

}  // namespace
}  // namespace bitale
