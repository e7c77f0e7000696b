#include "core/graph/inputs.h"
#include "core/rewrite/rule.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/gradient_control/gradient_control_internal.h"

namespace bitale {
namespace {

std::optional<Variables> remove(const Apply& apply, const RuleContext&) {
  if (dynamic_cast<const IdentityOp*>(&apply.op()) == nullptr) return std::nullopt;
  return Variables{apply.input(0)};
}

std::vector<RuleExample> examples() {
  const Variable x = matrix("x");
  return {{{disconnected_grad(x)}, {x}},
          {{zero_grad(x)}, {x}},
          {{grad_clip(x, -1, 1)}, {x}},
          {{grad_scale(x, 2)}, {x}}};
}

std::vector<Variables> counterexamples() { return {{matrix("x")}}; }

const RuleRegistrar gradient_control_removal(
    {.name = "gradient_control_removal",
     .phase = Phase::kCanonicalize,
     .why = "once gradients are formed, what steered them is the identity",
     .apply = remove,
     .examples = examples,
     .counterexamples = counterexamples});

}  // namespace
}  // namespace bitale
