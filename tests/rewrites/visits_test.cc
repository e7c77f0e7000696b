// How often the driver looks at a node grows as the graph does: rules that send it round the whole
// graph again and again would make compiling quadratic. Counted, since times are noise.

#include <cstdint>
#include <optional>
#include <string>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/rewrite/rule.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

int64_t visits = 0;

// Looks at every node that the driver comes to and that no rule for its op has just replaced.
constexpr Rule counter(Phase phase) {
  return {.name = "count_visits",
          .phase = phase,
          .why = "for this test",
          .apply = [](const Apply&, const RuleContext&) -> std::optional<Variables> {
            ++visits;
            return std::nullopt;
          }};
}
const RuleRegistrar counters[kPhaseCount] = {
    RuleRegistrar(counter(Phase::kSimplify)),      RuleRegistrar(counter(Phase::kCanonicalize)),
    RuleRegistrar(counter(Phase::kStabilize)),     RuleRegistrar(counter(Phase::kSpecialize)),
    RuleRegistrar(counter(Phase::kPlace)),         RuleRegistrar(counter(Phase::kExpand)),
    RuleRegistrar(counter(Phase::kFuseFolds)),     RuleRegistrar(counter(Phase::kFuseRows)),
    RuleRegistrar(counter(Phase::kFuse)),          RuleRegistrar(counter(Phase::kFuseEpilogues)),
    RuleRegistrar(counter(Phase::kBundle))};

// A function of x with about this many elementwise nodes.
struct Shape {
  const char* name;
  Variable (*build)(const Variable& x, int nodes);
};

Variable chain(const Variable& x, int nodes) {
  Variable y = x;
  for (int i = 0; i < nodes; i += 4) y = tanh(y * 0.5 + x) + 1.5;
  return y;
}

// Negations and products of constants, which rules move and fold.
Variable canonicalized_chain(const Variable& x, int nodes) {
  Variable y = x;
  for (int i = 0; i < nodes; i += 4) y = -(2.0 * y) * 3.0 - x;
  return y;
}

// Every value is used twice.
Variable ladder(const Variable& x, int nodes) {
  Variable y = x;
  for (int i = 0; i < nodes; i += 3) y = sin(y) * exp(y);
  return y;
}

Variable gradient(const Variable& x, int nodes) { return grad(sum(chain(x, nodes / 3)), x); }

// Attempts while a function of `nodes` nodes is compiled and called once.
int64_t visits_of(const Shape& shape, int nodes) {
  visits = 0;
  const Variable x = vector("x");
  const Function f = function({x}, shape.build(x, nodes));
  f(Tensor::ones(DType::kFloat32, {2}));
  return visits;
}

class Visits : public testing::TestWithParam<Shape> {};

TEST_P(Visits, AreLinearInTheNumberOfNodes) {
  const int64_t few = visits_of(GetParam(), 1000), many = visits_of(GetParam(), 4000);
  EXPECT_GE(few, 1000) << "the driver looks at every node";
  EXPECT_LE(static_cast<double>(many), 4.2 * static_cast<double>(few))
      << few << " visits for 1000 nodes, " << many << " for 4000";
}

INSTANTIATE_TEST_SUITE_P(Graphs, Visits,
                         testing::Values(Shape{"chain", chain},
                                         Shape{"canonicalized_chain", canonicalized_chain},
                                         Shape{"ladder", ladder}, Shape{"gradient", gradient}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace bitale
