#include "core/graph/formula_derivatives.h"

#include <algorithm>

#include "core/graph/inputs.h"
#include "core/graph/traversal.h"

namespace bitale {
namespace {

// The formula over inputs of its own in place of the floating ones. Integers, which carry no
// derivative, stay: what is known of their values decides on dims.
class Apart {
 public:
  Apart(const Op& op, std::span<const Variable> originals)
      : originals_(originals.begin(), originals.end()), inputs_(originals_) {
    for (Variable& input : inputs_) {
      if (is_discrete(input.dtype())) continue;
      input = Variable::make_input(input.type(), "", SourceSite::current());
    }
    outputs_ = op.formula(inputs_);
  }

  std::span<const Variable> inputs() const { return inputs_; }
  std::span<const Variable> outputs() const { return outputs_; }

  // `graph`, which is over the inputs apart, over the originals; what is not defined() stays so.
  Variables put_back(Variables graph) const {
    Replacements replacements;
    for (size_t i = 0; i < inputs_.size(); ++i) replacements.emplace(inputs_[i], originals_[i]);
    Variables defined;
    for (const Variable& v : graph) {
      if (v.defined()) defined.push_back(v);
    }
    defined = clone_graph(defined, replacements);
    auto next = defined.begin();
    for (Variable& v : graph) {
      if (v.defined()) v = *next++;
    }
    return graph;
  }

 private:
  Variables originals_;
  Variables inputs_;
  Variables outputs_;
};

}  // namespace

Variables pullback_of_formula(const Op& op, const PullbackContext& context) {
  Variables gradients(context.inputs.size());
  Variables costs, weights;
  const Apart apart(op, context.inputs);
  for (size_t o = 0; o < context.output_gradients.size(); ++o) {
    if (!context.output_gradients[o].defined() || is_discrete(context.outputs[o].dtype())) continue;
    costs.push_back(apart.outputs()[o]);
    weights.push_back(context.output_gradients[o]);
  }
  if (costs.empty()) return gradients;
  Variables wrt;
  std::vector<size_t> places;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    if (is_discrete(context.inputs[i].dtype())) continue;
    places.push_back(i);
    wrt.push_back(apart.inputs()[i]);
  }
  const Variables found = apart.put_back(context.inner_pullback(costs, weights, wrt));
  for (size_t i = 0; i < places.size(); ++i) gradients[places[i]] = found[i];
  return gradients;
}

Variables pushforward_of_formula(const Op& op, const PushforwardContext& context) {
  const Apart apart(op, context.inputs);
  Variables wrt, tangents;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    if (!context.tangents[i].defined() || is_discrete(context.inputs[i].dtype())) continue;
    wrt.push_back(apart.inputs()[i]);
    tangents.push_back(context.tangents[i]);
  }
  if (wrt.empty()) return Variables(context.outputs.size());
  return apart.put_back(context.inner_pushforward(apart.outputs(), wrt, tangents));
}

}  // namespace bitale
