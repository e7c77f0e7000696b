// Walks all rules: each fires on its examples and gives the exact graph, does not fire on its
// counterexamples, and keeps values and gradients.

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "autograd/grad.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/printer.h"
#include "core/rewrite/driver.h"
#include "core/rewrite/rule.h"
#include "gtest/gtest.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr Phase kStageAPhases[] = {Phase::kSimplify, Phase::kCanonicalize, Phase::kStabilize,
                                   Phase::kSpecialize};

// Examples are built in the dtype of exact comparisons.
class Rules : public ::testing::Test {
 protected:
  void SetUp() override { options().float_x = DType::kFloat64; }
  void TearDown() override { options().float_x = DType::kFloat32; }
};

// A rule or a pass, as far as examples go.
struct Subject {
  std::string name;
  Exactness exactness;
  std::vector<RuleExample> examples;
  std::vector<Variables> counterexamples;
  const Rule* rule;
  const GraphPass* pass;
};

// core registers these two and knows no op to show them on.
void add_examples_of_core(std::string_view name, Subject& subject) {
  const Variable x = matrix("x");
  if (name == "merge") {
    const Variable e = exp(x);
    subject.examples = {{{exp(x), exp(x)}, {e, e}}, {{(x + 2) * (x + 2)}, [&] {
                                                       const Variable sum = x + 2;
                                                       return Variables{sum * sum};
                                                     }()}};
    subject.counterexamples = {{exp(x), log(x)}, {sum(x, 0), sum(x, 1)}};
  }
  if (name == "constant_folding") {
    const Variable two = scalar_constant(x.dtype(), 2);
    subject.examples = {{{x * exp(log(two) - log(two))}, {x * scalar_constant(x.dtype(), 1)}}};
    subject.counterexamples = {{x * two}, {full_like(x, 2)}};
  }
}

std::vector<Subject> all_subjects() {
  std::vector<Subject> subjects;
  const auto enter = [&](const auto& entry, const Rule* rule, const GraphPass* pass) {
    subjects.push_back({absl::StrCat(std::string(name_of(entry.phase)), "/", entry.name),
                        entry.exactness,
                        {},
                        {},
                        rule,
                        pass});
    if (entry.examples != nullptr) subjects.back().examples = entry.examples();
    if (entry.counterexamples != nullptr) subjects.back().counterexamples = entry.counterexamples();
    if (subjects.back().examples.empty()) add_examples_of_core(entry.name, subjects.back());
  };
  for (const Rule* rule : all_rules()) enter(*rule, rule, nullptr);
  for (const GraphPass* pass : all_graph_passes()) enter(*pass, nullptr, pass);
  return subjects;
}

// Applies the subject alone; returns the firings.
size_t apply_alone(const Subject& subject, FunctionGraph& graph) {
  std::vector<TraceEntry> trace;
  if (subject.rule != nullptr) {
    run_rules(graph, {&subject.rule, 1}, {.verify = true}, &trace);
  } else {
    run_pass(graph, *subject.pass, &trace);
    graph.verify();
  }
  return trace.size();
}

// Values for the leaves of a graph: two to three elements along free axes, equal for equal names.
std::vector<std::pair<Variable, Tensor>> values_for(std::span<const Variable> outputs,
                                                    uint64_t seed) {
  std::vector<std::pair<Variable, Tensor>> values;
  for (const Variable& leaf : leaves(outputs)) {
    if (!leaf.is_input()) continue;
    Dims shape;
    for (const Dim& dim : leaf.type().dims) shape.push_back(dim.is_fixed() ? dim.length() : 3);
    Tensor value = is_floating(leaf.dtype())
                       ? random_tensor(shape, 0.2, 1.8, ++seed).cast(leaf.dtype())
                       : random_integers(shape, 0, 2, DType::kInt64, ++seed).cast(leaf.dtype());
    values.emplace_back(leaf, value);
  }
  return values;
}

std::vector<Tensor> evaluate(const Variables& outputs,
                             const std::vector<std::pair<Variable, Tensor>>& values) {
  std::vector<Tensor> results;
  for (const Variable& output : outputs) {
    std::vector<std::pair<Variable, Tensor>> needed;
    for (const auto& pair : values) {
      if (depends_on({&output, 1}, pair.first)) needed.push_back(pair);
    }
    results.push_back(eval(output, needed, kFastCompile));
  }
  return results;
}

std::string text_of(const Variables& outputs) {
  std::string text;
  for (const Variable& output : outputs) absl::StrAppend(&text, debugprint(output), "\n");
  return text;
}

TEST_F(Rules, SayWhyAndHaveExamples) {
  for (const Subject& subject : all_subjects()) {
    const char* why = subject.rule != nullptr ? subject.rule->why : subject.pass->why;
    EXPECT_GT(std::string(why).size(), 8u) << subject.name;
    EXPECT_FALSE(subject.examples.empty()) << subject.name << " has no example";
    EXPECT_FALSE(subject.counterexamples.empty()) << subject.name << " has no counterexample";
  }
}

TEST_F(Rules, FireOnTheirExamplesAndGiveTheExactGraph) {
  for (const Subject& subject : all_subjects()) {
    for (size_t i = 0; i < subject.examples.size(); ++i) {
      const RuleExample& example = subject.examples[i];
      FunctionGraph graph(example.before);
      EXPECT_GT(apply_alone(subject, graph), 0u) << subject.name << ", example " << i;
      EXPECT_TRUE(structurally_equal(graph.outputs(), example.after))
          << subject.name << ", example " << i << " gave\n"
          << text_of(graph.outputs()) << "expected\n"
          << text_of(example.after);
    }
  }
}

TEST_F(Rules, DoNotFireOnTheirCounterexamples) {
  for (const Subject& subject : all_subjects()) {
    for (size_t i = 0; i < subject.counterexamples.size(); ++i) {
      FunctionGraph graph(subject.counterexamples[i]);
      EXPECT_EQ(apply_alone(subject, graph), 0u)
          << subject.name << " fires on counterexample " << i << " and gives\n"
          << text_of(graph.outputs());
    }
  }
}

TEST_F(Rules, KeepValues) {
  for (const Subject& subject : all_subjects()) {
    for (size_t i = 0; i < subject.examples.size(); ++i) {
      const RuleExample& example = subject.examples[i];
      SCOPED_TRACE(absl::StrCat(subject.name, ", example ", i));
      const auto values = values_for(example.before, 100 * i);
      const std::vector<Tensor> before = evaluate(example.before, values);
      const std::vector<Tensor> after = evaluate(example.after, values);
      ASSERT_EQ(before.size(), after.size());
      for (size_t k = 0; k < before.size(); ++k) {
        EXPECT_TRUE(subject.exactness == Exactness::kSameBits ? equal_to(after[k], before[k])
                                                              : close_to(after[k], before[k]));
      }
    }
  }
}

// The gradients of a weighted sum of all elements, for all floating inputs.
Variables gradients_of(const Variables& outputs, const Variables& wrt) {
  Variable cost;
  for (const Variable& output : outputs) {
    if (!is_floating(output.dtype())) continue;
    const Variable term = sum(sin(cast(output, DType::kFloat64)));
    cost = cost.defined() ? cost + term : term;
  }
  if (!cost.defined()) return {};
  return grad(cost, wrt, {.disconnected_inputs = Disconnected::kIgnore});
}

TEST_F(Rules, KeepGradients) {
  for (const Subject& subject : all_subjects()) {
    for (size_t i = 0; i < subject.examples.size(); ++i) {
      const RuleExample& example = subject.examples[i];
      SCOPED_TRACE(absl::StrCat(subject.name, ", example ", i));
      // It is there to drop what steers gradients, and runs when they are formed.
      if (subject.name == "canonicalize/gradient_control_removal") continue;
      Variables wrt;
      for (const Variable& leaf : leaves(example.before)) {
        if (leaf.is_input() && leaf.dtype() == DType::kFloat64) wrt.push_back(leaf);
      }
      if (wrt.empty()) continue;
      const Variables before = gradients_of(example.before, wrt);
      const Variables after = gradients_of(example.after, wrt);
      const auto values = values_for(example.before, 100 * i);
      const std::vector<Tensor> expected = evaluate(before, values);
      const std::vector<Tensor> got = evaluate(after, values);
      for (size_t k = 0; k < expected.size(); ++k) EXPECT_TRUE(close_to(got[k], expected[k]));
    }
  }
}

TEST_F(Rules, InAnyOrderGiveTheSameCanonicalGraph) {
  constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize};
  for (const Subject& subject : all_subjects()) {
    for (size_t i = 0; i < subject.examples.size(); ++i) {
      FunctionGraph expected(subject.examples[i].before);
      run_phases(expected, kPhases, {.verify = true});
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        FunctionGraph graph(subject.examples[i].before);
        run_phases(graph, kPhases, {.verify = true, .shuffle_seed = seed});
        EXPECT_TRUE(structurally_equal(graph.outputs(), expected.outputs()))
            << subject.name << ", example " << i << ", order " << seed << " gave\n"
            << text_of(graph.outputs()) << "expected\n"
            << text_of(expected.outputs());
      }
    }
  }
}

TEST_F(Rules, TogetherComeToAnEndOnEveryExample) {
  for (const Subject& subject : all_subjects()) {
    for (const RuleExample& example : subject.examples) {
      FunctionGraph graph(example.before);
      EXPECT_NO_THROW(run_phases(graph, kStageAPhases, {.assume_finite = true, .verify = true}))
          << subject.name;
    }
  }
}

TEST_F(Rules, HaveOneMeaningPerName) {
  std::set<std::pair<std::string, std::string>> why;
  std::set<std::string> names;
  for (const Rule* rule : all_rules()) {
    if (std::string(rule->name) == "constant_folding") continue;  // says why, phase by phase
    why.emplace(rule->name, rule->why);
    names.insert(rule->name);
  }
  EXPECT_EQ(why.size(), names.size()) << "two rules share a name";
}

}  // namespace
}  // namespace bitale
