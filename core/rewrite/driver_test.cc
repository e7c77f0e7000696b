// The driver on rules of its own: order, exclusion, trace, and an end where rules find none.

#include "core/rewrite/driver.h"

#include <string>

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/graph/shape_context.h"
#include "core/rewrite/pattern.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

// A function of one operand, known by its name only.
class NamedOp final : public Op {
 public:
  explicit NamedOp(const char* name) : name_(name) {}
  std::string_view name() const override { return name_; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }

 private:
  const char* name_;
};

Variable apply_named(const char* name, const Variable& x) {
  return apply_one(std::make_shared<NamedOp>(name), {x});
}
Variable ping(const Variable& x) { return apply_named("test_ping", x); }
Variable pong(const Variable& x) { return apply_named("test_pong", x); }
Variable twice(const Variable& x) { return apply_named("test_twice", x); }

constexpr Rule kPingToPong = {
    .name = "ping_to_pong",
    .op = "test_ping",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      return Variables{pong(apply.input(0))};
    }};
constexpr Rule kPongToPing = {
    .name = "pong_to_ping",
    .op = "test_pong",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      return Variables{ping(apply.input(0))};
    }};
constexpr Rule kDropTwice = {
    .name = "drop_twice",
    .op = "test_twice",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* inner = made_by(apply.input(0), "test_twice");
      if (inner == nullptr) return std::nullopt;
      return Variables{inner->input(0)};
    }};

TEST(Driver, FiresUntilNothingIsLeft) {
  const Variable x = matrix("x");
  FunctionGraph graph(Variables{twice(twice(twice(twice(twice(x)))))});
  const Rule* rules[] = {&kDropTwice};
  std::vector<TraceEntry> trace;
  run_rules(graph, rules, {.verify = true}, &trace);
  EXPECT_TRUE(structurally_equal(graph.outputs(), Variables{twice(x)}));
  EXPECT_EQ(trace.size(), 2u);
}

TEST(Driver, TracesTheRuleTheOpAndTheSite) {
  const Variable x = matrix("x");
  FunctionGraph graph(Variables{ping(x)});
  const Rule* rules[] = {&kPingToPong};
  std::vector<TraceEntry> trace;
  run_rules(graph, rules, {}, &trace);
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(trace[0].rule, "ping_to_pong");
  EXPECT_EQ(trace[0].replaced, "test_ping");
  EXPECT_EQ(trace[0].phase, Phase::kSimplify);
}

TEST(Driver, NamesTheRuleThatFindsNoEnd) {
  FunctionGraph graph(Variables{ping(matrix("x"))});
  const Rule* rules[] = {&kPingToPong, &kPongToPing};
  try {
    run_rules(graph, rules);
    FAIL() << "rules that undo each other came to an end";
  } catch (const CompileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("the rules of a phase do not come to an end: p"), 0u) << text;
    EXPECT_NE(text.find("_to_p"), std::string::npos) << text;
    EXPECT_NE(text.find("hint: exclude it by name"), std::string::npos) << text;
  }
}

// x -> h(g(x), g(x)) doubles what it finds.
class PairOp final : public Op {
 public:
  std::string_view name() const override { return "test_pair"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
};

TEST(Driver, NamesTheRuleThatMakesTheGraphExplode) {
  constexpr Rule kDouble = {
      .name = "double_what_it_finds",
      .op = "test_ping",
      .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
        const Variable& x = apply.input(0);
        return Variables{apply_one(std::make_shared<PairOp>(), {ping(x), pong(ping(x))})};
      }};
  FunctionGraph graph(Variables{twice(twice(ping(matrix("x"))))});
  const Rule* rules[] = {&kDropTwice, &kDouble};
  try {
    run_rules(graph, rules);
    FAIL() << "a rule that doubles the graph came to an end";
  } catch (const CompileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("the rules of a phase make the graph explode: double_what_it_finds added "),
              0u)
        << text;
    EXPECT_NE(text.find("hint: exclude it by name"), std::string::npos) << text;
  }
}

TEST(Driver, WhatIsReplacedKeepsItsSiteAndName) {
  const Variable x = matrix("x");
  const Variable y = ping(x).named("y");
  FunctionGraph graph(Variables{y});
  const Rule* rules[] = {&kPingToPong};
  run_rules(graph, rules);
  EXPECT_EQ(graph.outputs()[0].name(), "y");
  EXPECT_EQ(graph.outputs()[0].site().str(), y.site().str());
}

// Registered for the phase that no other test runs, and harmless: nothing else builds these ops.
const RuleRegistrar registered({.name = "test_drop_twice",
                                .phase = Phase::kPlace,
                                .why = "two in sequence cancel",
                                .op = "test_twice",
                                .apply = kDropTwice.apply});
const RuleRegistrar finite_only({.name = "test_finite_only",
                                 .phase = Phase::kPlace,
                                 .why = "as an example of what finite values allow",
                                 .op = "test_ping",
                                 .apply = kPingToPong.apply,
                                 .exactness = Exactness::kAssumesFinite});

// A rule that doubles what it finds, and a pass that lets it find that anew: no round grows much.
const RuleRegistrar doubles_seeds(
    {.name = "test_seeds_bear_two",
     .phase = Phase::kPlace,
     .why = "as an example of growth that only shows over many rounds",
     .op = "test_seed",
     .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
       const Variable& x = apply.input(0);
       return Variables{apply_one(std::make_shared<PairOp>(),
                                  {apply_named("test_fruit", x), apply_named("test_fruit", x)})};
     }});

// Replaces every application of the op `name` by what `make` makes of its operand.
template <typename Make>
bool replace_all(FunctionGraph& graph, std::string_view name, const Make& make) {
  bool changed = false;
  for (Apply* apply : graph.topological_order()) {
    if (apply->op().name() != name) continue;
    graph.replace(apply->output(0), make(apply->input(0)), "test");
    changed = true;
  }
  return changed;
}

const GraphPassRegistrar sows_fruits({.name = "test_fruits_are_seeds",
                                      .phase = Phase::kPlace,
                                      .why = "as an example of a pass that wakes a rule",
                                      .run = [](FunctionGraph& graph) {
                                        return replace_all(graph, "test_fruit", [](Variable x) {
                                          return apply_named("test_seed", x);
                                        });
                                      }});
const GraphPassRegistrar doubles_cells(
    {.name = "test_cells_divide",
     .phase = Phase::kPlace,
     .why = "as an example of a pass that grows the graph by itself",
     .run = [](FunctionGraph& graph) {
       return replace_all(graph, "test_cell", [](Variable x) {
         return apply_one(std::make_shared<PairOp>(),
                          {apply_named("test_cell", x), apply_named("test_cell", x)});
       });
     }});

const GraphPassRegistrar grows_stems({.name = "test_stems_grow",
                                      .phase = Phase::kPlace,
                                      .why = "as an example of growth by one node a round",
                                      .run = [](FunctionGraph& graph) {
                                        return replace_all(graph, "test_stem", [](Variable x) {
                                          return apply_named("test_stem",
                                                             apply_named("test_leaf", x));
                                        });
                                      }});
const RuleRegistrar unfolds_buds({.name = "test_buds_unfold",
                                  .phase = Phase::kPlace,
                                  .why = "as an example of growth that comes to an end",
                                  .op = "test_bud",
                                  .apply = [](const Apply& apply,
                                              const RuleContext&) -> std::optional<Variables> {
                                    Variable x = apply.input(0);
                                    for (int i = 0; i < 15; ++i) x = apply_named("test_leaf", x);
                                    return Variables{x};
                                  }});

constexpr Phase kPlaceOnly[] = {Phase::kPlace};

void expect_explosion(const char* op, const std::string& grown_by) {
  FunctionGraph graph(Variables{apply_named(op, matrix("x"))});
  try {
    run_phases(graph, kPlaceOnly);
    FAIL() << "a graph that doubles in each round came to an end";
  } catch (const CompileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("the rules of a phase make the graph explode: " + grown_by + " added "), 0u)
        << text;
  }
  // A doubling or two past what is allowed, and not one for every round.
  EXPECT_LT(graph.apply_count(), 10000u);
}

TEST(Driver, NamesTheRuleThatGrowsTheGraphALittleInEachRound) {
  expect_explosion("test_seed", "test_seeds_bear_two");
}

TEST(Driver, NamesThePassThatMakesTheGraphExplode) {
  expect_explosion("test_cell", "test_cells_divide");
}

TEST(Driver, NamesThePassThatGrowsTheGraphByOneNodeInEachRound) {
  FunctionGraph graph(Variables{apply_named("test_stem", matrix("x"))});
  try {
    run_phases(graph, kPlaceOnly);
    FAIL() << "a graph that grows in each round came to an end";
  } catch (const CompileError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("does not come to a fixpoint: the last to fire was test_stems_grow"),
              std::string::npos)
        << text;
  }
}

TEST(Driver, LetsABigGraphGrowAsFarAsItsRulesEnd) {
  constexpr size_t kBuds = 5000;
  Variable x = matrix("x");
  for (size_t i = 0; i < kBuds; ++i) x = apply_named("test_bud", x);
  FunctionGraph graph(Variables{x});
  run_phases(graph, kPlaceOnly);
  EXPECT_EQ(graph.apply_count(), 15 * kBuds);
}

TEST(Driver, LeavesOutWhatIsExcludedByName) {
  const Variable x = matrix("x");
  const Variables before = {twice(twice(x))};
  FunctionGraph kept(before);
  run_phases(kept, kPlaceOnly, {.excluded = {"test_drop_twice"}, .verify = true});
  EXPECT_TRUE(structurally_equal(kept.outputs(), before));
  FunctionGraph rewritten(before);
  run_phases(rewritten, kPlaceOnly, {.verify = true});
  EXPECT_TRUE(structurally_equal(rewritten.outputs(), Variables{x}));
}

TEST(Driver, RunsRulesForFiniteValuesOnlyWhenAsked) {
  const Variable x = matrix("x");
  FunctionGraph graph(Variables{ping(x)});
  run_phases(graph, kPlaceOnly);
  EXPECT_TRUE(structurally_equal(graph.outputs(), Variables{ping(x)}));
  run_phases(graph, kPlaceOnly, {.assume_finite = true});
  EXPECT_TRUE(structurally_equal(graph.outputs(), Variables{pong(x)}));
}

TEST(Driver, ShuffledOrderGivesTheSame) {
  const Variable x = matrix("x");
  for (uint64_t seed = 1; seed < 5; ++seed) {
    FunctionGraph graph(Variables{twice(ping(twice(twice(x)))), ping(x)});
    run_phases(graph, kPlaceOnly, {.verify = true, .shuffle_seed = seed});
    EXPECT_TRUE(structurally_equal(graph.outputs(), Variables{twice(ping(x)), ping(x)}));
  }
}

TEST(Pattern, AUniformNumberIsSeenThroughViewsOnly) {
  const Variable x = matrix("x");
  EXPECT_EQ(uniform_number(scalar_constant(DType::kFloat32, 2)), 2.0);
  EXPECT_EQ(uniform_number(constant(Tensor::ones(DType::kFloat32, {1, 1}))), 1.0);
  EXPECT_EQ(uniform_number(constant(Tensor::ones(DType::kFloat32, {2, 1}))), std::nullopt);
  EXPECT_EQ(uniform_number(ping(scalar_constant(DType::kFloat32, 2))), std::nullopt);
  EXPECT_EQ(uniform_number(x), std::nullopt);
}

TEST(Pattern, AReplacementKeepsWhatConsumersDecidedOn) {
  const Variable x = matrix("x");
  const Variable y = ping(x);
  EXPECT_TRUE(replace_with(*y.owner(), x).has_value());
  EXPECT_FALSE(replace_with(*y.owner(), vector("v")).has_value());
  EXPECT_FALSE(replace_with(*y.owner(), row("r")).has_value());
  EXPECT_FALSE(replace_with(*y.owner(), imatrix("i")).has_value());
  EXPECT_TRUE(replace_with(*y.owner(), tensor(x.dtype(), {2, 3}, "t")).has_value());
}

}  // namespace
}  // namespace bitale
