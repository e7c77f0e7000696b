#include "autograd/backward.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "autograd/stabilize.h"
#include "core/base/error.h"
#include "core/graph/traversal.h"
#include "ops/elementwise/elementwise.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

using NodeSet = absl::flat_hash_set<const VariableNode*>;

// The pass over one request. `order` keeps nothing alive: the request's variables do.
class Backward {
 public:
  explicit Backward(const BackwardRequest& request) : request_(request) {}

  BackwardResult run() {
    for (const Variable& constant : request_.constants) constants_.insert(constant.node());
    for (const auto& [variable, gradient] : request_.known) known_[variable.node()] = gradient;
    Variables starts;
    for (const auto& [variable, gradient] : request_.seeds) {
      starts.push_back(variable);
      contribute(variable, gradient);
    }
    for (const auto& [variable, gradient] : request_.known) starts.push_back(variable);
    const std::vector<Apply*> order = topological_order(starts, request_.constants);
    mark_relevant(order);
    for (auto it = order.rbegin(); it != order.rend(); ++it) pull_through(**it);
    BackwardResult result;
    for (const Variable& variable : request_.wrt) result.gradients.push_back(total(variable));
    result.cuts = std::move(cuts_);
    return result;
  }

 private:
  using Contributions = absl::InlinedVector<Variable, 1>;

  void contribute(const Variable& variable, const Variable& gradient) {
    if (constants_.contains(variable.node())) return;
    contributions_[variable.node()].push_back(gradient);
  }

  // What depends on wrt: gradients need not go anywhere else.
  void mark_relevant(const std::vector<Apply*>& order) {
    for (const Variable& variable : request_.wrt) mark(variable);
    for (const Apply* apply : order) {
      bool any = false;
      for (const Variable& input : apply->inputs()) any |= relevant_.contains(input.node());
      if (!any) continue;
      for (size_t i = 0; i < apply->output_count(); ++i) mark(apply->output(i));
    }
  }

  void mark(const Variable& variable) {
    if (!constants_.contains(variable.node())) relevant_.insert(variable.node());
  }

  // The whole gradient of a variable all of whose users have been pulled through.
  Variable total(const Variable& variable) {
    const auto known = known_.find(variable.node());
    if (known != known_.end()) return known->second;
    const auto it = contributions_.find(variable.node());
    if (it == contributions_.end()) return Variable();
    Contributions& parts = it->second;
    if (parts.size() > 1) {
      GradientSiteScope scope(variable.site());
      Variable sum = parts[0];
      for (size_t i = 1; i < parts.size(); ++i) sum = add(sum, parts[i]);
      parts = {sum};
    }
    parts[0] = fit_derivative(parts[0], variable, "grad: internal error in adding gradients");
    return parts[0];
  }

  void pull_through(const Apply& apply) {
    const size_t count = apply.inputs().size();
    absl::InlinedVector<bool, 4> wanted(count);
    bool any_wanted = false;
    for (size_t i = 0; i < count; ++i) {
      wanted[i] = relevant_.contains(apply.input(i).node());
      any_wanted |= wanted[i];
    }
    if (!any_wanted) return;
    absl::InlinedVector<Variable, 2> outputs, gradients;
    bool any_gradient = false;
    for (size_t i = 0; i < apply.output_count(); ++i) {
      outputs.push_back(apply.output(i));
      gradients.push_back(total(outputs[i]));
      any_gradient |= gradients[i].defined();
    }
    if (!any_gradient) return;

    GradientSiteScope scope(apply.site());
    const PullbackContext context{apply,
                                  apply.inputs(),
                                  {outputs.data(), outputs.size()},
                                  {gradients.data(), gradients.size()},
                                  {wanted.data(), wanted.size()},
                                  &inner_pullback};
    const Variables results = apply.op().pullback(context);
    if (results.size() != count) {
      throw GradientError(absl::StrCat("grad: internal error: the pullback of ", apply.op().str(),
                                       " gave ", results.size(), " gradients for ", count,
                                       " operands\n  at: ", apply.site().str()));
    }
    for (size_t i = 0; i < count; ++i) {
      if (!wanted[i]) continue;
      const Variable& input = apply.input(i);
      if (!results[i].defined()) {
        cuts_.push_back({outputs[0], i});
        continue;
      }
      contribute(input, fit_derivative(results[i], input,
                                       absl::StrCat("grad: internal error: the pullback of ",
                                                    apply.op().str(), ", operand ", i)));
    }
  }

  const BackwardRequest& request_;
  NodeSet constants_;
  NodeSet relevant_;
  absl::flat_hash_map<const VariableNode*, Variable> known_;
  absl::flat_hash_map<const VariableNode*, Contributions> contributions_;
  std::vector<GradientCut> cuts_;
};

}  // namespace

BackwardResult run_backward(const BackwardRequest& request) { return Backward(request).run(); }

Variable fit_derivative(const Variable& derivative, const Variable& variable,
                        const std::string& what) {
  const TensorType& have = derivative.type();
  const TensorType& want = variable.type();
  bool fits = is_floating(want.dtype) && have.dtype == want.dtype && have.rank() == want.rank();
  for (size_t axis = 0; fits && axis < want.dims.size(); ++axis) {
    fits = compatible(have.dims[axis], want.dims[axis]);
  }
  if (!fits) {
    throw GradientError(absl::StrCat(what, ": ", have.str(), " does not fit ", variable.str(),
                                     ", which is ", want.str(),
                                     "\n  made at: ", variable.site().str()));
  }
  if (equals_or_narrows(have, want)) return derivative;
  return specify_shape(derivative, want.dims);
}

Variables inner_pullback(std::span<const Variable> costs, std::span<const Variable> weights,
                         std::span<const Variable> wrt) {
  BackwardRequest request;
  request.wrt.assign(wrt.begin(), wrt.end());
  const Variables outputs = stabilized_clone({costs.begin(), costs.end()}, request.wrt);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!weights[i].defined()) continue;
    request.seeds.emplace_back(
        outputs[i], fit_derivative(weights[i], outputs[i], "grad: weight of an inner output"));
  }
  return run_backward(request).gradients;
}

}  // namespace bitale
