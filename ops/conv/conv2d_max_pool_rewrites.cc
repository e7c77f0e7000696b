// A convolution and the max-pool behind it become one node.

#include <memory>

#include "core/graph/inputs.h"
#include "core/rewrite/pattern.h"
#include "core/rewrite/rule.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/pool/positions.h"

namespace bitale {
namespace {

// What is done with the result of a convolution.
struct Readers {
  std::vector<const Apply*> pools;
  std::vector<const Apply*> positions;
};

// The readers of `convolved` if all of its elements go into max-pools with this window; those that
// need its dims only do not count.
std::optional<Readers> find_readers(const FunctionGraph& graph, const Variable& convolved,
                                    const Op& pool) {
  Readers readers;
  const MaxPoolPositionsOp positions(static_cast<const MaxPoolOp&>(pool).window());
  for (const Use& use : graph.uses(convolved)) {
    if (use.user == nullptr) return std::nullopt;
    if (!use.user->op().needs_elements(use.index)) continue;
    if (use.user->op().equals(pool)) {
      readers.pools.push_back(use.user);
    } else if (use.user->op().equals(positions)) {
      readers.positions.push_back(use.user);
    } else {
      return std::nullopt;
    }
  }
  return readers;
}

bool fuse(FunctionGraph& graph) {
  bool changed = false;
  for (Apply* pool : graph.topological_order()) {
    if (!graph.contains(pool) || pool->op().name() != "max_pool") continue;
    const Apply* conv = made_by(pool->input(0), "conv2d");
    if (conv == nullptr) continue;
    const std::optional<Readers> readers = find_readers(graph, pool->input(0), pool->op());
    if (!readers) continue;
    FixedSiteScope scope(conv->site());
    const auto op = std::make_shared<Conv2dMaxPoolOp>(
        static_cast<const Conv2dOp&>(conv->op()).options(),
        static_cast<const MaxPoolOp&>(pool->op()).window(), !readers->positions.empty());
    const Variables outputs = apply_op(op, conv->inputs());
    std::vector<FunctionGraph::Replacement> pairs;
    for (const Apply* reader : readers->pools) pairs.push_back({reader->output(0), outputs[0]});
    for (const Apply* reader : readers->positions) pairs.push_back({reader->output(0), outputs[1]});
    graph.replace(pairs, "conv2d_max_pool_fusion");
    changed = true;
  }
  return changed;
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
     .exactness = Exactness::kReassociates});

}  // namespace
}  // namespace bitale
