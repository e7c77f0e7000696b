#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/epilogue/fused_epilogue_internal.h"
#include "ops/linalg/dot.h"

namespace bitale {
namespace {

// Whether any kernel of the op tells of the parts of its result. Whether the one that is chosen for
// concrete shapes does is seen later; where not, the two fall apart again.
bool has_partwise_kernel(const Op& op) {
  return std::ranges::any_of(
      kernels_of(op.name(), DeviceKind::kCpu),
      [](const KernelRegistration* registration) { return registration->partwise; });
}

// Whether the group reads the elements of this input, and each once.
bool reads_whole(const FusedElementwiseOp& group, size_t input) {
  for (const FusedStep& step : group.steps()) {
    for (size_t k = 0; k < step.operands.size(); ++k) {
      if (step.operands[k] != static_cast<int>(input)) continue;
      const auto& op = static_cast<const ElementwiseOp&>(*step.op);
      if (!op.is_whole(k) || !op.needs_elements(k)) return false;
    }
  }
  return true;
}

using Order = absl::flat_hash_map<const Apply*, size_t>;

// Whether `apply`, or what it is made of, is `producer`. What stands before the producer in the
// order is not.
bool depends_on(const Apply& apply, const Apply& producer, const Order& order) {
  absl::flat_hash_set<const Apply*> seen;
  std::vector<const Apply*> open = {&apply};
  while (!open.empty()) {
    const Apply* next = open.back();
    open.pop_back();
    if (next == &producer) return true;
    if (order.at(next) < order.at(&producer) || !seen.insert(next).second) continue;
    for (const Variable& input : next->inputs()) {
      if (input.is_output()) open.push_back(input.owner());
    }
  }
  return false;
}

// A producer and the elementwise node that alone reads its result.
struct Pair {
  Apply* producer;
  Apply* user;
  size_t position;
};

// Why the two cannot become one node; null where they can.
const char* why_apart(const Pair& pair, const Order& order) {
  const Variable produced = pair.producer->output(0);
  const auto group = group_of(*pair.user);
  if (group == nullptr) return "what reads the product is not elementwise";
  if (pair.user->output(0).dtype() != produced.dtype()) return "what reads it changes the dtype";
  if (!reads_whole(*group, pair.position)) {
    return "what reads it repeats it, or needs its dims only";
  }
  // Updates are made in place by a kernel of their own: here the producer's result would take the
  // memory of the new value while the old one is still read.
  for (size_t i = 0; i < pair.user->inputs().size(); ++i) {
    if (pair.user->input(i).is_shared() && reads_whole(*group, i)) {
      return "what reads it reads a shared variable of these dims, as updates in place do";
    }
  }
  if (pair.producer->output_count() == 1) return nullptr;
  // What else the producer makes may lead to another operand of the user.
  for (size_t i = 0; i < pair.user->inputs().size(); ++i) {
    const Variable& input = pair.user->input(i);
    if (i != pair.position && input.is_output() &&
        depends_on(*input.owner(), *pair.producer, order)) {
      return "another operand of what reads it needs what its producer makes besides";
    }
  }
  return nullptr;
}

void replace_pair(FunctionGraph& graph, const Pair& pair) {
  Variables inputs(pair.producer->inputs().begin(), pair.producer->inputs().end());
  for (size_t i = 0; i < pair.user->inputs().size(); ++i) {
    if (i != pair.position) inputs.push_back(pair.user->input(i));
  }
  Variables replaced = pair.user->outputs();
  for (size_t i = 1; i < pair.producer->output_count(); ++i) {
    replaced.push_back(pair.producer->output(i));
  }
  FixedSiteScope scope(pair.producer->site());
  const Variables fused = apply_op(
      std::make_shared<FusedEpilogueOp>(pair.producer->shared_op(), pair.producer->inputs().size(),
                                        group_of(*pair.user), pair.position),
      inputs);
  std::vector<FunctionGraph::Replacement> pairs;
  for (size_t i = 0; i < fused.size(); ++i) pairs.push_back({replaced[i], fused[i]});
  graph.replace(pairs, "epilogue_fusion");
}

// The pairs that become one node, and for each other producer why it is in none.
struct Plan {
  std::vector<Pair> pairs;
  absl::flat_hash_map<const Apply*, const char*> apart;
};

Plan plan_of(const FunctionGraph& graph) {
  Plan plan;
  Order order;
  absl::flat_hash_set<const Apply*> taken;  // as users: of several producers the first gets them
  for (Apply* apply : graph.topological_order()) {
    order[apply] = order.size();
    if (!has_partwise_kernel(apply->op())) continue;
    const auto& uses = graph.uses(apply->output(0));
    if (uses.size() != 1 || uses[0].user == nullptr) {
      plan.apart[apply] = "its result is not read by one node alone";
    } else if (!taken.insert(uses[0].user).second) {
      plan.apart[apply] = "what reads it is fused with another producer";
    } else {
      plan.pairs.push_back({apply, uses[0].user, uses[0].index});
    }
  }
  std::erase_if(plan.pairs, [&](const Pair& pair) {
    const char* const reason = why_apart(pair, order);
    if (reason != nullptr) plan.apart[pair.producer] = reason;
    return reason != nullptr;
  });
  return plan;
}

bool fuse(FunctionGraph& graph) {
  const Plan plan = plan_of(graph);
  for (const Pair& pair : plan.pairs) replace_pair(graph, pair);
  return !plan.pairs.empty();
}

// Of a producer, or of what reads one.
const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  const Plan plan = plan_of(graph);
  for (const Pair& pair : plan.pairs) {
    if (pair.producer == &apply || pair.user == &apply) return nullptr;
  }
  const auto own = plan.apart.find(&apply);
  if (own != plan.apart.end()) return own->second;
  for (const Variable& input : apply.inputs()) {
    const auto producer = plan.apart.find(input.owner());
    if (producer != plan.apart.end()) return producer->second;
  }
  return "neither it nor an operand of it is a product or convolution that is made part by part";
}

std::vector<RuleExample> examples() {
  const Variable x = matrix("x");
  const Variable w = matrix("w");
  const Variable product = dot(x, w);
  const Variable root = tanh(product);
  const auto group = std::make_shared<const FusedElementwiseOp>(
      1, std::vector<FusedStep>{{root.owner()->shared_op(), {0}, root.type()}});
  return {{{root},
           apply_op(std::make_shared<FusedEpilogueOp>(product.owner()->shared_op(), 2, group, 0),
                    {x, w})}};
}

// A product that two nodes read, one whose dtype changes, one that is repeated, one that is the
// function's result too, and one that a shared variable's update depends on.
std::vector<Variables> counterexamples() {
  const Variable x = matrix("x");
  const Variable product = dot(x, matrix("w"));
  const Variable r = row("r");
  return {{tanh(product), exp(product)},
          {cast(product, DType::kInt32)},
          {x + dot(r, x)},
          {tanh(product), product},
          {shared(Tensor::zeros(product.dtype(), {2, 3})) * dot(x, matrix("v"))}};
}

const GraphPassRegistrar epilogue_fusion(
    {.name = "epilogue_fusion",
     .phase = Phase::kFuseEpilogues,
     .why = "bias and activation are applied to each part of a product while that is in cache",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
