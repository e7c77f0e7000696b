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
constexpr std::array kFusionPhases = {Phase::kFuseFolds, Phase::kFuseRows, Phase::kFuse,
                                      Phase::kFuseEpilogues, Phase::kBundle};

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

// "  merge replaced exp(x) at mlp.cc:31" and the reason below it; `more` ends the first line.
std::string line_of(std::string_view rule, const Variable& from, std::string_view more = "") {
  return absl::StrCat("  ", std::string(rule), " replaced ", call_of(from), place_of(from),
                      std::string(more), "\n    ", reason_of(rule), "\n");
}

bool gives_reasons(Phase phase) {
  const std::vector<const GraphPass*> passes = all_graph_passes();
  return std::any_of(passes.begin(), passes.end(), [&](const GraphPass* pass) {
    return pass->phase == phase && pass->why_not != nullptr;
  });
}

}  // namespace

ExplainedGraph::ExplainedGraph(std::span<const Variable> outputs, const RewriteOptions& options,
                               Replacements givens, ExplainedPhases phases)
    : options_(options),
      written_(std::make_unique<FunctionGraph>(outputs, givens)),
      graph_(std::make_unique<FunctionGraph>(outputs, std::move(givens))) {
  graph_->set_observer([this](const Variable& from, const Variable& to, std::string_view rule) {
    record(from, to, rule);
  });
  for (const Phase phase : kSymbolicPhases) run(phase);
  if (phases == ExplainedPhases::kWithFusion) {
    for (const Phase phase : kFusionPhases) run(phase);
  }
  graph_->set_observer({});
}

void ExplainedGraph::run(Phase phase) {
  if (gives_reasons(phase)) {
    found_.push_back({phase, std::make_unique<FunctionGraph>(graph_->outputs())});
  }
  run_phases(*graph_, {&phase, 1}, options_);
}

// Everything new under `to` was made by the rule, not only `to` itself.
void ExplainedGraph::record(const Variable& from, const Variable& to, std::string_view rule) {
  const size_t number = replacements_++;
  became_[from] = to;
  record_what_goes({std::string(rule), from, number});
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

// What all uses lead to the replaced variable of, unless the replacement needs it too: only asked
// for where nothing stands for it any more.
void ExplainedGraph::record_what_goes(const Step& step) {
  if (!step.from.is_output()) return;
  absl::flat_hash_map<const Apply*, size_t> uses_gone;
  std::vector<const Apply*> pending = {step.from.owner()};
  while (!pending.empty()) {
    const Apply* gone = pending.back();
    pending.pop_back();
    for (const Variable& input : gone->inputs()) {
      if (!input.is_output()) continue;
      const Apply* producer = input.owner();
      size_t uses = 0;
      for (const Variable& output : producer->outputs()) uses += graph_->uses(output).size();
      if (++uses_gone[producer] < uses) continue;
      for (const Variable& output : producer->outputs()) {
        went_with_.insert_or_assign(output, step);
      }
      pending.push_back(producer);
    }
  }
}

// The variable of the changed graph that stood for `variable` before any rule ran.
Variable ExplainedGraph::copy_of(const Variable& variable) const {
  const auto clone = graph_->clones().find(variable);
  return clone == graph_->clones().end() ? variable : clone->second;
}

Variable ExplainedGraph::now(const Variable& variable) const {
  Variable current = copy_of(variable);
  for (auto it = became_.find(current); it != became_.end(); it = became_.find(current)) {
    // What took over may since have been replaced by what it replaced.
    if (!graph_->uses(current).empty()) break;
    current = it->second;
  }
  return graph_->uses(current).empty() ? Variable() : current;
}

// What stands for `variable`, or stood for it last.
Variable ExplainedGraph::last(const Variable& variable) const {
  if (const Variable result = now(variable); result.defined()) return result;
  Variable current = copy_of(variable);
  for (auto it = became_.find(current); it != became_.end(); it = became_.find(current)) {
    current = it->second;
    if (current == variable) break;
  }
  return current;
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
  // What was replaced last tells how it disappeared.
  const Variable end = last(variable);
  const std::vector<const Step*> steps = steps_to(end);
  if (steps.empty() && result.defined()) absl::StrAppend(&text, "  no rule had a part in it\n");
  for (const Step* step : steps) absl::StrAppend(&text, line_of(step->rule, step->from));
  const auto with = went_with_.find(end);
  if (!result.defined() && with != went_with_.end()) {
    const Step& step = with->second;
    absl::StrAppend(&text, line_of(step.rule, step.from, ", which all its uses led to"));
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

// What the pass says of the node that stood for `variable` when its phase began.
std::string ExplainedGraph::verdict(const GraphPass& pass, const Variable& variable) const {
  const std::string phase(name_of(pass.phase));
  const auto found = std::find_if(found_.begin(), found_.end(),
                                  [&](const Found& f) { return f.phase == pass.phase; });
  if (found == found_.end()) {
    return absl::StrCat("its phase, ", phase, ", was not run: ExplainedPhases::kWithFusion does");
  }
  const Replacements& clones = found->graph->clones();
  absl::flat_hash_set<Variable> seen;
  Variable then = copy_of(variable);
  while (!clones.contains(then) && seen.insert(then).second) {
    const auto it = became_.find(then);
    if (it == became_.end()) break;
    then = it->second;
  }
  const std::string start = absl::StrCat("before ", phase, ": ");
  if (!then.is_output()) return absl::StrCat(start, then.str(), " is not the result of an op");
  const auto clone = clones.find(then);
  if (clone == clones.end()) return absl::StrCat(start, then.str(), " was not in the graph");
  const char* reason = pass.why_not(*found->graph, *clone->second.owner());
  return absl::StrCat(start, reason == nullptr ? "it applies" : reason, ": ",
                      call_of(clone->second), place_of(clone->second));
}

// The start of every answer: what is asked, and what the options forbid.
std::string ExplainedGraph::heading(std::string_view name, Exactness exactness,
                                    const Variable& variable) const {
  std::string text =
      absl::StrCat(std::string(name), " at ", variable.str(), place_of(variable), ":\n");
  if (options_.excluded.contains(name)) absl::StrAppend(&text, "  it is excluded by name\n");
  if (exactness == Exactness::kAssumesFinite && !options_.assume_finite) {
    absl::StrAppend(&text, "  it holds for finite values only, and assume_finite is not set\n");
  }
  return text;
}

// The end of every answer: where it did apply.
std::string ExplainedGraph::applications(std::string_view name, const Variable& variable) const {
  std::string text;
  const auto add = [&](const Step& step) {
    if (step.rule != name) return;
    absl::StrAppend(&text, "  it did apply: to ", call_of(step.from), place_of(step.from), "\n");
  };
  const Variable end = last(variable);
  for (const Step* step : steps_to(end)) add(*step);
  const auto with = went_with_.find(end);
  if (with != went_with_.end() && !now(variable).defined()) add(with->second);
  return text;
}

std::string ExplainedGraph::why_not(std::string_view name, const Variable& variable) const {
  for (const Rule* rule : all_rules()) {
    if (name != rule->name) continue;
    std::string text = heading(name, rule->exactness, variable);
    const auto clone = written_->clones().find(variable);
    if (clone != written_->clones().end()) {
      absl::StrAppend(&text, "  as written: ", verdict(*rule, *written_, clone->second), "\n");
    }
    const Variable result = now(variable);
    absl::StrAppend(
        &text, "  as rewritten: ",
        result.defined() ? verdict(*rule, *graph_, result) : "nothing needs it any more", "\n",
        applications(name, variable));
    return text;
  }
  for (const GraphPass* pass : all_graph_passes()) {
    if (name != pass->name) continue;
    return absl::StrCat(heading(name, pass->exactness, variable), "  ",
                        pass->why_not != nullptr
                            ? verdict(*pass, variable)
                            : "it is a pass over the whole graph, without reasons for single nodes",
                        "\n", applications(name, variable));
  }
  throw CompileError(absl::StrCat("why_not: no rule is called ", std::string(name),
                                  "\n  hint: ops/rewrites/README.md lists the rules"));
}

std::string explain(const Variable& variable, const RewriteOptions& options,
                    ExplainedPhases phases) {
  return ExplainedGraph(Variables{variable}, options, phases).explain(variable);
}

std::string why_not(std::string_view rule, const Variable& variable, const RewriteOptions& options,
                    ExplainedPhases phases) {
  return ExplainedGraph(Variables{variable}, options, phases).why_not(rule, variable);
}

}  // namespace bitale
