// A convolution and the max-pool behind it become one node.

#include <memory>

#include "core/graph/inputs.h"
#include "core/rewrite/pattern.h"
#include "core/rewrite/rule.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/pool/positions.h"

namespace bitale {
namespace {

// A convolution and what is done with its result.
struct Match {
  const Apply* conv = nullptr;
  std::vector<const Apply*> pools;
  std::vector<const Apply*> positions;
};

// Finds the convolution before `pool`, all of whose elements go into max-pools with this window;
// readers that need its dims only do not count. Returns why there is none; null where there is.
const char* find_match(const FunctionGraph& graph, const Apply& pool, Match& match) {
  if (pool.op().name() != "max_pool") return "it is no max-pool";
  match.conv = made_by(pool.input(0), "conv2d");
  if (match.conv == nullptr) return "what is pooled is not the result of a convolution";
  const MaxPoolPositionsOp positions(static_cast<const MaxPoolOp&>(pool.op()).window());
  for (const Use& use : graph.uses(pool.input(0))) {
    if (use.user == nullptr) return "what is convolved is a result of the function as well";
    if (!use.user->op().needs_elements(use.index)) continue;
    if (use.user->op().equals(pool.op())) {
      match.pools.push_back(use.user);
    } else if (use.user->op().equals(positions)) {
      match.positions.push_back(use.user);
    } else {
      return "what is convolved is needed besides, or pooled by another window too";
    }
  }
  return nullptr;
}

bool fuse(FunctionGraph& graph) {
  bool changed = false;
  for (Apply* pool : graph.topological_order()) {
    Match match;
    if (!graph.contains(pool) || find_match(graph, *pool, match) != nullptr) continue;
    FixedSiteScope scope(match.conv->site());
    const auto op = std::make_shared<Conv2dMaxPoolOp>(
        static_cast<const Conv2dOp&>(match.conv->op()).options(),
        static_cast<const MaxPoolOp&>(pool->op()).window(), !match.positions.empty());
    const Variables outputs = apply_op(op, match.conv->inputs());
    std::vector<FunctionGraph::Replacement> pairs;
    for (const Apply* reader : match.pools) pairs.push_back({reader->output(0), outputs[0]});
    for (const Apply* reader : match.positions) pairs.push_back({reader->output(0), outputs[1]});
    graph.replace(pairs, "conv2d_max_pool_fusion");
    changed = true;
  }
  return changed;
}

// Of a max-pool, or of a convolution by the first max-pool that reads it.
const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  Match match;
  if (apply.op().name() != "conv2d") return find_match(graph, apply, match);
  for (const Use& use : graph.uses(apply.output(0))) {
    const bool pools = use.user != nullptr && use.user->op().name() == "max_pool";
    if (pools) return find_match(graph, *use.user, match);
  }
  return "no max-pool reads what is convolved";
}

constexpr PoolWindow kTwo = {{2, 2}, {2, 2}, {0, 0}, true};

// Variables of the examples.
struct Example {
  Variable x = tensor4("x"), w = tensor4("w");
  Variable convolved = conv2d(x, w);
  Variable pooled = pool_2d(convolved, {2, 2});

  Variables fused(bool positions) const {
    return apply_op(std::make_shared<Conv2dMaxPoolOp>(Conv2dOptions(), kTwo, positions), {x, w});
  }
};

std::vector<RuleExample> examples() {
  const Example e;
  return {{{e.pooled}, e.fused(false)},
          {{e.pooled, max_pool_positions(e.convolved, {2, 2})}, e.fused(true)}};
}

// Elements that are needed besides, and pools of different windows.
std::vector<Variables> counterexamples() {
  const Example e;
  return {{e.pooled, e.convolved},
          {e.pooled, pool_2d(e.convolved, {3, 3})},
          {e.pooled, max_pool_positions(e.convolved, {3, 3})},
          {pool_2d(e.x, {2, 2})}};
}

const GraphPassRegistrar conv2d_max_pool_fusion(
    {.name = "conv2d_max_pool_fusion",
     .phase = Phase::kSpecialize,
     .why = "what is convolved is pooled in cache, and three quarters of it never reach memory",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples,
     // The convolution alone may be summed another way, by Winograd's.
     .exactness = Exactness::kReassociates,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
