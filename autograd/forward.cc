#include "autograd/forward.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "autograd/backward.h"
#include "autograd/stabilize.h"
#include "core/base/error.h"
#include "core/graph/traversal.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

// What PushforwardContext offers to ops with inner graphs.
Variables inner_pushforward(std::span<const Variable> outputs, std::span<const Variable> wrt,
                            std::span<const Variable> tangents) {
  const Variables boundary(wrt.begin(), wrt.end());
  return run_forward(stabilized_clone({outputs.begin(), outputs.end()}, boundary), wrt, tangents);
}

}  // namespace

Variables run_forward(std::span<const Variable> outputs, std::span<const Variable> wrt,
                      std::span<const Variable> tangents) {
  absl::flat_hash_map<const VariableNode*, Variable> moves;
  absl::flat_hash_map<const VariableNode*, bool> is_wrt;
  for (size_t i = 0; i < wrt.size(); ++i) {
    is_wrt[wrt[i].node()] = true;
    if (!tangents[i].defined()) continue;
    Variable& move = moves[wrt[i].node()];
    move = move.defined() ? add(move, tangents[i]) : tangents[i];  // the same wrt twice
  }
  const auto tangent_of = [&](const Variable& variable) {
    const auto it = moves.find(variable.node());
    return it == moves.end() ? Variable() : it->second;
  };

  for (const Apply* apply : topological_order(outputs, wrt)) {
    absl::InlinedVector<Variable, 4> moving;
    bool any = false;
    for (const Variable& input : apply->inputs()) {
      moving.push_back(tangent_of(input));
      any |= moving.back().defined();
    }
    if (!any) continue;
    absl::InlinedVector<Variable, 2> results;
    for (size_t i = 0; i < apply->output_count(); ++i) results.push_back(apply->output(i));

    GradientSiteScope scope(apply->site());
    const PushforwardContext context{*apply,
                                     apply->inputs(),
                                     {results.data(), results.size()},
                                     {moving.data(), moving.size()},
                                     &inner_pushforward};
    const Variables moved = apply->op().pushforward(context);
    const std::string what =
        absl::StrCat("rop: internal error: the pushforward of ", apply->op().str());
    if (moved.size() != results.size()) {
      throw GradientError(absl::StrCat(what, " gave ", moved.size(), " tangents for ",
                                       results.size(), " outputs\n  at: ", apply->site().str()));
    }
    for (size_t i = 0; i < moved.size(); ++i) {
      if (!moved[i].defined() || is_wrt.contains(results[i].node())) continue;
      moves[results[i].node()] =
          fit_derivative(moved[i], results[i], absl::StrCat(what, ", output ", i));
    }
  }

  Variables result;
  for (const Variable& output : outputs) result.push_back(tangent_of(output));
  return result;
}

}  // namespace bitale
