#include <algorithm>

#include "core/base/options.h"
#include "core/graph/function_graph.h"
#include "core/graph/inputs.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_bundle_internal.h"

namespace bitale {
namespace {

// A kernel takes this many elements on one thread: in a bundle, threads share such members. What is
// larger keeps all threads busy by itself, and its operands are large too: all operands of a bundle
// are in memory until it runs. For updates of shared variables that costs nothing, since these come
// last in a program at any rate; for results of the function it costs no more than this for each.
constexpr int64_t kMostElements = 32768;
// Longer bundles are cut: what the compiler does for every pair of operands would be felt.
constexpr size_t kMostMembers = 64;

// Lengths that only a call knows are taken for large ones. Shared variables have fixed ones unless
// the user frees them, and so have their new values.
bool is_small(const TensorType& type) {
  if (!type.all_fixed()) return false;
  int64_t elements = 1;
  for (const Dim& dim : type.dims) {
    elements *= dim.length();
    if (elements > kMostElements) return false;
  }
  return true;
}

bool is_read(const FunctionGraph& graph, const Variable& variable) {
  return std::ranges::any_of(graph.uses(variable),
                             [](const Use& use) { return use.user != nullptr; });
}

// Why `apply` can be no member of a bundle; null where it can.
const char* why_no_member(const FunctionGraph& graph, const Apply& apply) {
  if (!is_small(apply.output(0).type())) {
    return "it is large, or its lengths are known at a call only";
  }
  for (const Variable& output : apply.outputs()) {
    if (is_read(graph, output)) return "a node of the graph reads it";
  }
  if (group_of(apply) == nullptr) return "it is not elementwise, or shape rules may have to see it";
  return nullptr;
}

// Applications that nobody in the graph reads, and the members that they become.
struct Bundle {
  std::vector<Apply*> applies;
  std::vector<ElementwiseBundleOp::Member> members;
};

void replace_bundle(FunctionGraph& graph, Bundle bundle) {
  Variables inputs, replaced;
  for (const Apply* apply : bundle.applies) {
    inputs.insert(inputs.end(), apply->inputs().begin(), apply->inputs().end());
    for (const Variable& output : apply->outputs()) replaced.push_back(output);
  }
  FixedSiteScope scope(bundle.applies.front()->site());
  const Variables bundled =
      apply_op(std::make_shared<ElementwiseBundleOp>(std::move(bundle.members)), inputs);
  std::vector<FunctionGraph::Replacement> pairs;
  for (size_t i = 0; i < bundled.size(); ++i) pairs.push_back({replaced[i], bundled[i]});
  graph.replace(pairs, "elementwise_bundling");
}

// What nobody in the graph reads cannot lead to another member, so that bundling closes no cycle.
// Neighbours in the order of the graph are bundled, whose operands are made at about the same time.
std::vector<Bundle> bundles_of(const FunctionGraph& graph) {
  std::vector<Bundle> bundles(1);
  for (Apply* apply : graph.topological_order()) {
    if (why_no_member(graph, *apply) != nullptr) continue;
    if (bundles.back().members.size() == kMostMembers) bundles.emplace_back();
    bundles.back().applies.push_back(apply);
    bundles.back().members.push_back(group_of(*apply));
  }
  return bundles;
}

bool is_worthwhile(const Bundle& bundle) { return bundle.members.size() > 1; }

bool bundle(FunctionGraph& graph) {
  bool changed = false;
  for (Bundle& candidate : bundles_of(graph)) {
    if (!is_worthwhile(candidate)) continue;
    replace_bundle(graph, std::move(candidate));
    changed = true;
  }
  return changed;
}

const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  if (const char* reason = why_no_member(graph, apply)) return reason;
  for (const Bundle& candidate : bundles_of(graph)) {
    if (std::ranges::find(candidate.applies, &apply) == candidate.applies.end()) continue;
    if (is_worthwhile(candidate)) return nullptr;
  }
  return "nothing else can be bundled with it";
}

Variable small(const char* name, SymbolicDims dims) {
  return tensor(float_x(), std::move(dims), name);
}

ElementwiseBundleOp::Member one_step(const Variable& v, std::vector<int> operands) {
  return std::make_shared<const FusedElementwiseOp>(
      operands.size(), std::vector<FusedStep>{{v.owner()->shared_op(), operands, v.type()}});
}

std::vector<RuleExample> examples() {
  const Variable x = small("x", {2, 3});
  const Variable b = small("b", {4});
  const Variable sum = x + x;
  const Variable root = tanh(b);
  const Variable total = x * x;
  const Variable power = exp(b);
  // As elementwise fusion leaves it.
  const auto group = std::make_shared<const FusedElementwiseOp>(
      1, std::vector<FusedStep>{{power.owner()->shared_op(), {0}, power.type()},
                                {root.owner()->shared_op(), {1}, root.type()}});
  return {{{sum, root},
           apply_op(std::make_shared<ElementwiseBundleOp>(std::vector<ElementwiseBundleOp::Member>{
                        one_step(sum, {0, 1}), one_step(root, {0})}),
                    {x, x, b})},
          {{total, apply_one(group, {b})},
           apply_op(std::make_shared<ElementwiseBundleOp>(
                        std::vector<ElementwiseBundleOp::Member>{one_step(total, {0, 1}), group}),
                    {x, x, b})}};
}

// One alone; a value that the other one reads; a length that only a call knows; too many elements.
std::vector<Variables> counterexamples() {
  const Variable b = small("b", {4});
  const Variable power = exp(b);
  return {{tanh(b)},
          {power, tanh(power)},
          {tanh(b), tanh(vector("v"))},
          {tanh(b), tanh(small("w", {kMostElements + 1}))}};
}

const GraphPassRegistrar elementwise_bundling(
    {.name = "elementwise_bundling",
     .phase = Phase::kBundle,
     .why = "updates of small parameters are one kernel, whose threads share them",
     .run = bundle,
     .examples = examples,
     .counterexamples = counterexamples,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
