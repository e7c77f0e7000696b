// Ten thousand random graphs give the same with all rules, in any order, as with none.

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/printer.h"
#include "core/rewrite/driver.h"
#include "gtest/gtest.h"
#include "tests/rewrites/random_graph.h"

namespace bitale {
namespace {

constexpr uint64_t kGraphs = 10000;
constexpr uint64_t kGraphsPerTest = 250;
// Of how many graphs one is evaluated after rules in another order.
constexpr uint64_t kShuffledEvery = 8;

Variables variables_of(const std::vector<Tracked>& outputs) {
  Variables variables;
  for (const Tracked& output : outputs) variables.push_back(output.v);
  return variables;
}

// The values of `outputs`, the graph's own or what rules made of them.
std::vector<Tensor> run(const RandomGraph& graph, const Variables& outputs, const Mode& mode) {
  const Function f =
      function(graph.inputs, outputs, {.on_unused_input = OnUnusedInput::kIgnore, .mode = mode});
  const std::vector<Arg> args(graph.values.begin(), graph.values.end());
  const Results results = f.call(args);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < graph.outputs.size(); ++i) tensors.push_back(results[i]);
  return tensors;
}

// What differs between two results of one output by more than rounding explains; empty if nothing.
std::string difference(const Tracked& output, const Tensor& plain, const Tensor& rewritten) {
  if (plain.dtype() != rewritten.dtype() || plain.shape() != rewritten.shape()) {
    return absl::StrCat("another type: ", to_string(plain.shape()), " and ",
                        to_string(rewritten.shape()));
  }
  const std::vector<double> a = plain.cast(DType::kFloat64).to_vector<double>();
  const std::vector<double> b = rewritten.cast(DType::kFloat64).to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) {
    // Both may be off by the bound. NaN, which no graph here makes, is no number of any size.
    if (std::fabs(a[i] - b[i]) <= 2 * output.error) continue;
    return absl::StrCat("element ", i, " is ", a[i], " without rules and ", b[i],
                        " with them; rounding explains ", 2 * output.error);
  }
  return "";
}

class RandomGraphs : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomGraphs, GiveTheSameWithAndWithoutRules) {
  for (uint64_t i = 0; i < kGraphsPerTest; ++i) {
    const uint64_t seed = GetParam() * kGraphsPerTest + i + 1;
    const RandomGraph graph = make_random_graph(seed);
    const Variables outputs = variables_of(graph.outputs);
    try {
      const std::vector<Tensor> plain = run(graph, outputs, kFastCompile);
      const auto compare = [&](const std::vector<Tensor>& rewritten, const char* order) {
        for (size_t k = 0; k < plain.size(); ++k) {
          const std::string found = difference(graph.outputs[k], plain[k], rewritten[k]);
          ASSERT_EQ(found, "") << "seed " << seed << order << ", output " << k << " of\n"
                               << debugprint(outputs);
        }
      };
      compare(run(graph, outputs, kFastRun), "");
      constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize, Phase::kStabilize,
                                   Phase::kSpecialize};
      FunctionGraph verified(outputs);
      run_phases(verified, kPhases, {.verify = true, .shuffle_seed = seed});
      if (i % kShuffledEvery == 0) {
        compare(run(graph, verified.outputs(), kFastCompile), " in another order of rules");
      }
    } catch (const Error& error) {
      FAIL() << "seed " << seed << ": " << error.what() << "\n" << debugprint(outputs);
    }
  }
}

TEST(RandomGraph, GivesRulesSomethingToDo) {
  constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize, Phase::kStabilize,
                               Phase::kSpecialize};
  std::set<std::string> fired;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    FunctionGraph graph(variables_of(make_random_graph(seed).outputs));
    std::vector<TraceEntry> trace;
    run_phases(graph, kPhases, {}, &trace);
    for (const TraceEntry& entry : trace) fired.insert(entry.rule);
  }
  EXPECT_GE(fired.size(), 50u) << absl::StrJoin(fired, ", ");
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphs,
                         ::testing::Range<uint64_t>(0, kGraphs / kGraphsPerTest));

}  // namespace
}  // namespace bitale
