#include "core/rewrite/explain.h"

#include <algorithm>
#include <array>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

constexpr std::array kSymbolicPhases = {Phase::kSimplify, Phase::kCanonicalize, Phase::kStabilize,
                                        Phase::kSpecialize};

// The reason that a rule or pass of this name gives; empty for neither.
std::string reason_of(std::string_view name) {
  for (const Rule* rule : all_rules()) {
    if (name == rule->name) return rule->why;
  }
  for (const GraphPass* pass : all_graph_passes()) {
    if (name == pass->name) return pass->why;
  }
  return "";
}

// "add{...}(x, dot.0)", or the name of a leaf.
std::string call_of(const Variable& variable) {
  const Apply* apply = variable.owner();
  if (apply == nullptr) return variable.str();
  std::string text = absl::StrCat(apply->op().str(), "(");
  for (size_t i = 0; i < apply->inputs().size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", apply->input(i).str());
  }
  return text + ")";
}

std::string place_of(const Variable& variable) {
  const std::string site = variable.site().str();
  return site.empty() ? "" : absl::StrCat(" at ", site);
}

}  // namespace

ExplainedGraph::ExplainedGraph(std::span<const Variable> outputs, const RewriteOptions& options,
                               Replacements givens)
    : options_(options),
      written_(std::make_unique<FunctionGraph>(outputs, givens)),
      graph_(std::make_unique<FunctionGraph>(outputs, std::move(givens))) {
  graph_->set_observer([this](const Variable& from, const Variable& to, std::string_view rule) {
    record(from, to, rule);
  });
  run_phases(*graph_, kSymbolicPhases, options_);
  graph_->set_observer({});
}

// Everything new under `to` was made by the rule, not only `to` itself.
void ExplainedGraph::record(const Variable& from, const Variable& to, std::string_view rule) {
  const size_t number = replacements_++;
  became_[from] = to;
  Variables pending = {to};
  absl::flat_hash_set<const Apply*> seen;
  while (!pending.empty()) {
    const Variable variable = pending.back();
    pending.pop_back();
    const Apply* apply = variable.owner();
    const bool is_new = apply != nullptr && !graph_->contains(apply) && seen.insert(apply).second;
    if (is_new || variable == to) {
      steps_[variable].push_back({std::string(rule), from, number});
    }
    if (!is_new) continue;
    pending.insert(pending.end(), apply->inputs().begin(), apply->inputs().end());
  }
}

Variable ExplainedGraph::now(const Variable& variable) const {
  Variable current = variable;
  const auto clone = graph_->clones().find(variable);
  if (clone != graph_->clones().end()) current = clone->second;
  for (auto it = became_.find(current); it != became_.end(); it = became_.find(current)) {
    // What took over may since have been replaced by what it replaced.
    if (!graph_->uses(current).empty()) break;
    current = it->second;
  }
  return graph_->uses(current).empty() ? Variable() : current;
}

std::vector<const ExplainedGraph::Step*> ExplainedGraph::steps_to(const Variable& variable) const {
  std::vector<const Step*> steps;
  absl::flat_hash_set<Variable> seen;
  Variables pending = {variable};
  while (!pending.empty()) {
    const Variable next = pending.back();
    pending.pop_back();
    if (!seen.insert(next).second) continue;
    const auto it = steps_.find(next);
    if (it == steps_.end()) continue;
    for (const Step& step : it->second) {
      steps.push_back(&step);
      pending.push_back(step.from);
    }
  }
  std::sort(steps.begin(), steps.end(),
            [](const Step* a, const Step* b) { return a->number < b->number; });
  return steps;
}

std::string ExplainedGraph::explain(const Variable& variable) const {
  const bool of_written = graph_->clones().contains(variable);
  if (!of_written && graph_->uses(variable).empty() && !steps_.contains(variable)) {
    throw CompileError(absl::StrCat("explain: ", variable.str(),
                                    " is in neither the graph nor what became of it\n  hint: give "
                                    "all outputs of the function to ExplainedGraph"));
  }
  const Variable result = now(variable);
  std::string text = absl::StrCat(variable.str(), place_of(variable), ": ");
  absl::StrAppend(&text, result.defined() ? call_of(result) : "nothing needs it any more", "\n");
  // Where it went: what was replaced last tells how it disappeared.
  Variable last = result;
  if (!last.defined()) {
    last = variable;
    const auto clone = graph_->clones().find(variable);
    if (clone != graph_->clones().end()) last = clone->second;
    for (auto it = became_.find(last); it != became_.end(); it = became_.find(last)) {
      last = it->second;
      if (last == variable) break;
    }
  }
  const std::vector<const Step*> steps = steps_to(last);
  if (steps.empty() && result.defined()) absl::StrAppend(&text, "  no rule had a part in it\n");
  for (const Step* step : steps) {
    absl::StrAppend(&text, "  ", step->rule, " replaced ", call_of(step->from),
                    place_of(step->from), "\n    ", reason_of(step->rule), "\n");
  }
  return text;
}

std::string ExplainedGraph::verdict(const Rule& rule, const FunctionGraph& graph,
                                    const Variable& variable) const {
  const Apply* apply = variable.owner();
  if (apply == nullptr) return absl::StrCat(variable.str(), " is not the result of an op");
  const std::string_view op = apply->op().name();
  if (*rule.op != '\0' && op != rule.op) {
    return absl::StrCat("it looks at ", rule.op, ", and this is ", std::string(op));
  }
  const RuleContext context(graph);
  FixedSiteScope scope(apply->site());
  if (rule.apply(*apply, context)) return "it applies";
  if (context.refusal() == nullptr) {
    return absl::StrCat("its pattern is not at ", call_of(variable));
  }
  std::string text = context.refusal();
  if (const Apply* where = context.refused_at()) {
    absl::StrAppend(&text, ": ", call_of(where->output(0)), place_of(where->output(0)));
  }
  return text;
}

std::string ExplainedGraph::why_not(std::string_view name, const Variable& variable) const {
  const std::vector<const Rule*> rules = all_rules();
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const Rule* rule) { return name == rule->name; });
  if (found == rules.end()) {
    const bool is_pass = !reason_of(name).empty();
    throw CompileError(absl::StrCat(
        "why_not: ",
        is_pass ? "a pass over the whole graph, no rule, is called " : "no rule is called ",
        std::string(name), "\n  hint: ops/rewrites/README.md lists the rules"));
  }
  const Rule& rule = **found;
  std::string text = absl::StrCat(rule.name, " at ", variable.str(), place_of(variable), ":\n");
  if (options_.excluded.contains(name)) absl::StrAppend(&text, "  it is excluded by name\n");
  if (rule.exactness == Exactness::kAssumesFinite && !options_.assume_finite) {
    absl::StrAppend(&text, "  it holds for finite values only, and assume_finite is not set\n");
  }
  const auto clone = written_->clones().find(variable);
  if (clone != written_->clones().end()) {
    absl::StrAppend(&text, "  as written: ", verdict(rule, *written_, clone->second), "\n");
  }
  const Variable result = now(variable);
  absl::StrAppend(&text, "  as rewritten: ",
                  result.defined() ? verdict(rule, *graph_, result) : "nothing needs it any more",
                  "\n");
  for (const Step* step : result.defined() ? steps_to(result) : std::vector<const Step*>()) {
    if (step->rule != name) continue;
    absl::StrAppend(&text, "  it did apply: to ", call_of(step->from), place_of(step->from), "\n");
  }
  return text;
}

std::string explain(const Variable& variable, const RewriteOptions& options) {
  return ExplainedGraph(Variables{variable}, options).explain(variable);
}

std::string why_not(std::string_view rule, const Variable& variable,
                    const RewriteOptions& options) {
  return ExplainedGraph(Variables{variable}, options).why_not(rule, variable);
}

}  // namespace bitale
