#include "autograd/derivative_checks.h"

#include <iostream>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/graph/traversal.h"

namespace bitale {
namespace {

using NodeSet = absl::flat_hash_set<const VariableNode*>;

// `wrt` and everything under `outputs` that depends on it.
NodeSet dependents(const Variables& outputs, const Variable& wrt) {
  NodeSet reached = {wrt.node()};
  for (const Apply* apply : topological_order(outputs)) {
    bool any = false;
    for (const Variable& input : apply->inputs()) any |= reached.contains(input.node());
    if (!any) continue;
    for (size_t i = 0; i < apply->output_count(); ++i) reached.insert(apply->output(i).node());
  }
  return reached;
}

// The application that turned floating operands into the discrete `variable`, or the last one
// known.
Variable first_discrete(Variable variable, const NodeSet& reached) {
  while (variable.owner() != nullptr) {
    const Variable* next = nullptr;
    for (const Variable& input : variable.owner()->inputs()) {
      if (!reached.contains(input.node())) continue;
      if (is_floating(input.dtype())) return variable;
      next = &input;
    }
    if (next == nullptr) return variable;
    variable = Variable(*next);
  }
  return variable;
}

// A dependence on the shape is seldom what the user meant to differentiate.
bool depends_on_shape_only(const GradientCut& cut, const NodeSet& reached) {
  const Op& op = cut.output.owner()->op();
  const Variable& input = cut.output.owner()->input(cut.input);
  if (!is_discrete(input.dtype())) {
    return op.traits().shape_only || !op.needs_elements(cut.input);
  }
  const Variable source = first_discrete(input, reached);
  return source.owner() != nullptr && source.owner()->op().traits().shape_only;
}

std::string describe_cut(const GradientCut& cut, const NodeSet& reached) {
  const Apply& apply = *cut.output.owner();
  const Op& op = apply.op();
  const Variable& input = apply.input(cut.input);
  const std::string place = absl::StrCat(op.str(), " at ", apply.site().str());
  if (op.name() == "disconnected_grad") return absl::StrCat(place, " cuts the gradient");
  if (is_discrete(input.dtype())) {
    const Variable source = first_discrete(input, reached);
    if (source.owner() != nullptr && source.owner()->op().traits().shape_only) {
      return absl::StrCat("the path goes through ", source.owner()->op().str(), " at ",
                          source.site().str(), ", which depends on the shape only");
    }
    return absl::StrCat("the path goes through ", describe(source),
                        ", and no gradient flows through ",
                        source.dtype() == DType::kBool ? "bool" : "integers");
  }
  if (op.traits().shape_only || !op.needs_elements(cut.input)) {
    return absl::StrCat(place, " depends on the shape of ", input.str(), " only");
  }
  return absl::StrCat(place, " passes no gradient on to operand ", cut.input, ", ", input.str());
}

}  // namespace

std::string describe(const Variable& variable) {
  return absl::StrCat(variable.str(), " ", variable.type().str(), ", made at ",
                      variable.site().str());
}

void require_defined(std::string_view what, std::string_view role, const Variables& variables,
                     SourceSite site) {
  for (size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].defined()) continue;
    throw GradientError(absl::StrCat(
        std::string(what), ": ", std::string(role), " ", i,
        " is no variable (a default-constructed Variable)\n  at: ", resolve_site(site).str()));
  }
}

void require_floating(std::string_view what, std::string_view role, const Variables& variables,
                      SourceSite site) {
  require_defined(what, role, variables, site);
  for (size_t i = 0; i < variables.size(); ++i) {
    const std::string name = absl::StrCat(std::string(role), " ", i);
    if (is_floating(variables[i].dtype())) continue;
    throw GradientError(absl::StrCat(
        std::string(what), ": ", name, " is ", std::string(bitale::name_of(variables[i].dtype())),
        "; only floating variables have derivatives\n  ", name, ": ", describe(variables[i]),
        "\n  at: ", resolve_site(site).str(), "\n  hint: cast to a floating dtype first"));
  }
}

Variables require_derivatives(std::string_view what, std::string_view role,
                              const Variables& derivatives, const Variables& variables,
                              SourceSite site) {
  if (derivatives.size() != variables.size()) {
    throw GradientError(absl::StrCat(std::string(what), ": ", derivatives.size(), " ",
                                     std::string(role), "s for ", variables.size(),
                                     " variables\n  at: ", resolve_site(site).str()));
  }
  require_defined(what, role, derivatives, site);
  Variables fitted;
  for (size_t i = 0; i < derivatives.size(); ++i) {
    const std::string name = absl::StrCat(std::string(what), ": ", std::string(role), " ", i);
    SiteScope scope(site, "");
    try {
      fitted.push_back(fit_derivative(derivatives[i], variables[i], name));
    } catch (const GradientError& error) {
      throw GradientError(absl::StrCat(error.what(), "\n  at: ", resolve_site(site).str()));
    }
  }
  return fitted;
}

void report_disconnected(Disconnected mode, const std::string& message) {
  if (mode == Disconnected::kRaise) {
    throw GradientError(absl::StrCat(
        message, "\n  hint: leave it out, or ask for Disconnected::kIgnore to get zeros"));
  }
  if (mode == Disconnected::kWarn) std::cerr << "warning: " << message << "\n";
}

std::string why_disconnected(const Variables& outputs, const Variable& wrt,
                             const Variables& constants, std::span<const GradientCut> cuts) {
  const NodeSet reached = dependents(outputs, wrt);
  const auto on_path = [&](const Variable& v) { return reached.contains(v.node()); };
  bool depends = false;
  for (const Variable& output : outputs) depends |= on_path(output);
  if (!depends) return "there is no path: nothing that is differentiated depends on it";
  for (const Variable& constant : constants) {
    if (constant == wrt) return "it is in consider_constant";
  }
  const GradientCut* reason = nullptr;
  for (const GradientCut& cut : cuts) {
    if (!on_path(cut.output.owner()->input(cut.input))) continue;
    if (reason == nullptr) reason = &cut;
    if (depends_on_shape_only(cut, reached)) continue;
    reason = &cut;
    break;
  }
  if (reason != nullptr) return describe_cut(*reason, reached);
  for (const Variable& constant : constants) {
    if (on_path(constant)) {
      return absl::StrCat("the path goes through ", describe(constant),
                          ", which is in consider_constant");
    }
  }
  return "a known gradient replaces what would flow to it";
}

}  // namespace bitale
