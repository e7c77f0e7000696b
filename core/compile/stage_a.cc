#include "core/compile/stage_a.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/placement.h"
#include "core/graph/op.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "core/tensor/container.h"
#include "core/tensor/device_memory.h"

namespace bitale {
namespace {

std::string at(SourceSite site) { return "\n  at: " + resolve_site(site).str(); }

std::string made_at(const Variable& variable) { return "\n  made at: " + variable.site().str(); }

void check_inputs(const std::vector<In>& inputs, SourceSite site) {
  absl::flat_hash_set<Variable> seen;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Variable& v = inputs[i].variable;
    if (!v.defined()) {
      throw CompileError(absl::StrCat("function: input ", i, " is no variable", at(site)));
    }
    if (v.is_constant() || v.is_shared()) {
      throw CompileError(absl::StrCat(
          "function: input ", i, " (", v.str(), ") is a ",
          v.is_shared() ? "shared variable" : "constant", ", not an input", made_at(v), at(site),
          v.is_shared() ? "\n  hint: shared variables need not be listed; givens can replace one"
                        : ""));
    }
    if (v.is_output()) {
      throw CompileError(absl::StrCat("function: input ", i, " (", v.str(),
                                      ") is computed by the graph, so it cannot be an input",
                                      made_at(v), at(site),
                                      "\n  hint: replace it by an input through .givens"));
    }
    if (!seen.insert(v).second) {
      throw CompileError(absl::StrCat("function: ", v.str(), " is listed twice among the inputs",
                                      made_at(v), at(site)));
    }
  }
}

// The values of givens, cloned so that the user's nodes stay untouched.
Replacements checked_givens(const Givens& givens, SourceSite site) {
  Variables values;
  absl::flat_hash_set<Variable> seen;
  for (const auto& [from, to] : givens) {
    if (!from.defined() || !to.defined()) {
      throw CompileError(absl::StrCat("function: a pair of .givens has no variable", at(site)));
    }
    if (!seen.insert(from).second) {
      throw CompileError(
          absl::StrCat("function: ", from.str(), " is given twice", made_at(from), at(site)));
    }
    bool fits = from.dtype() == to.dtype() && from.rank() == to.rank();
    for (int64_t axis = 0; fits && axis < from.rank(); ++axis) {
      fits = compatible(from.type().dims[axis], to.type().dims[axis]);
    }
    if (!fits) {
      throw TypeError(absl::StrCat(
          "function: what is given for ", from.str(), " has another type: ", to.type().str(),
          " for ", from.type().str(), "\n  variable: ", from.str(), ", made at ", from.site().str(),
          "\n  given: ", to.str(), ", made at ", to.site().str(), at(site),
          "\n  hint: cast() and reshape() change types"));
    }
    values.push_back(to);
  }
  Replacements own_clones;
  const Variables clones = clone_graph(values, own_clones);
  Replacements replacements;
  for (size_t i = 0; i < givens.size(); ++i) replacements.emplace(givens[i].first, clones[i]);
  return replacements;
}

Givens wider_givens(const Replacements& givens, const Variables& roots) {
  if (givens.empty()) return {};
  absl::flat_hash_set<Variable> used(roots.begin(), roots.end());
  for (const Apply* apply : topological_order(roots)) {
    used.insert(apply->inputs().begin(), apply->inputs().end());
  }
  Givens wider;
  for (const auto& [from, to] : givens) {
    if (used.contains(from) && !equals_or_narrows(to.type(), from.type())) {
      wider.emplace_back(from, to);
    }
  }
  return wider;
}

void check_update(const Variable& variable, const Variable& value, SourceSite site) {
  if (!variable.defined() || !value.defined()) {
    throw CompileError(absl::StrCat("function: a pair of .updates has no variable", at(site)));
  }
  if (!variable.is_shared()) {
    throw CompileError(absl::StrCat("function: ", variable.str(),
                                    " cannot be updated: it is not a shared variable",
                                    made_at(variable), at(site)));
  }
  bool fits = variable.dtype() == value.dtype() && variable.rank() == value.rank();
  for (int64_t axis = 0; fits && axis < variable.rank(); ++axis) {
    fits = compatible(variable.type().dims[axis], value.type().dims[axis]);
  }
  if (fits) return;
  std::string culprit;
  if (variable.dtype() != value.dtype()) {
    for (Apply* apply : topological_order({&value, 1})) {
      if (apply->output(0).dtype() != value.dtype()) continue;
      culprit = absl::StrCat("\n  first ", std::string(name_of(value.dtype())), ": ",
                             apply->op().str(), ", made at ", apply->site().str());
      break;
    }
  }
  throw TypeError(absl::StrCat("function: the update of ", variable.str(),
                               " has another type: ", value.type().str(), " for ",
                               variable.type().str(), "\n  shared variable: ", variable.str(),
                               ", made at ", variable.site().str(), "\n  new value: ", value.str(),
                               ", made at ", value.site().str(), culprit, at(site)));
}

Updates all_updates(const Outs& outputs, const FunctionOptions& options, const Replacements& givens,
                    SourceSite site) {
  Updates updates;
  absl::flat_hash_set<Variable> updated;
  for (const auto& [variable, value] : options.updates) {
    check_update(variable, value, site);
    if (!updated.insert(variable).second) {
      throw CompileError(absl::StrCat("function: ", variable.str(), " is updated twice",
                                      made_at(variable), at(site)));
    }
    updates.emplace_back(variable, value);
  }
  if (options.no_default_updates) return updates;
  Variables roots;
  for (const Out& out : outputs.list()) roots.push_back(out.variable);
  for (const auto& [variable, value] : updates) roots.push_back(value);
  for (const auto& [from, to] : givens) roots.push_back(to);
  for (Apply* apply : topological_order(roots)) {
    if (!apply->op().traits().random_draw || !apply->input(0).is_shared()) continue;
    if (updated.insert(apply->input(0)).second) {
      updates.emplace_back(apply->input(0), apply->output(0));
    }
  }
  return updates;
}

void check_leaves(const SymbolicFunction& compiled, const FunctionOptions& options,
                  SourceSite site) {
  absl::flat_hash_set<Variable> listed;
  for (const In& in : compiled.inputs) listed.insert(in.variable);
  absl::flat_hash_set<Variable> used;
  for (const Variable& leaf : leaves(compiled.graph->outputs())) {
    used.insert(leaf);
    if (!leaf.is_input() || listed.contains(leaf)) continue;
    std::string needed_by;
    for (const Use& use : compiled.graph->uses(leaf)) {
      if (use.user == nullptr) continue;
      needed_by = absl::StrCat("\n  needed by: ", use.user->op().str(), ", made at ",
                               use.user->site().str());
      break;
    }
    throw CompileError(
        absl::StrCat("function: the graph needs ", leaf.str(), " ", leaf.type().str(),
                     ", which is not among the inputs", made_at(leaf), needed_by, at(site),
                     "\n  hint: add it to the inputs, or replace it through .givens"));
  }
  if (options.on_unused_input == OnUnusedInput::kIgnore) return;
  const auto replaced = [&](const Variable& variable) {
    return std::any_of(options.givens.begin(), options.givens.end(),
                       [&](const auto& given) { return given.first == variable; });
  };
  for (const In& in : compiled.inputs) {
    if (used.contains(in.variable)) continue;
    const std::string what = absl::StrCat(
        "function: input ", in.variable.str(), " ", in.variable.type().str(),
        " is not used by any output or update", made_at(in.variable), at(site),
        replaced(in.variable)
            ? "\n  hint: .givens replaces it everywhere, so leave it out"
            : "\n  hint: leave it out, or set .on_unused_input = OnUnusedInput::kIgnore");
    if (options.on_unused_input == OnUnusedInput::kRaise) throw CompileError(what);
    std::fprintf(stderr, "warning: %s\n", what.c_str());
  }
}

void check_device(const Mode& mode, SourceSite site) {
  if (mode.device.is_cpu()) return;
  if (mode.kind == Mode::Kind::kDebug || mode.kind == Mode::Kind::kNanGuard) {
    const char* name = mode.kind == Mode::Kind::kDebug ? "kDebugMode" : "kNanGuardMode";
    throw CompileError(
        absl::StrCat("function: ", name, " runs on cpu, not on ", mode.device.str(), at(site)));
  }
  if (!has_device_memory(mode.device.kind)) {
    throw DeviceError(absl::StrCat("function: no backend for device ", mode.device.str(),
                                   " is linked in", at(site)));
  }
}

// A misspelt name would leave the rule running.
void check_excluded_rules(const Mode& mode, SourceSite site) {
  std::set<std::string, std::less<>> names;
  for (const Rule* rule : all_rules()) names.insert(rule->name);
  for (const GraphPass* pass : all_graph_passes()) names.insert(pass->name);
  for (const std::string& name : mode.excluded) {
    if (!names.contains(name)) {
      throw CompileError(absl::StrCat("function: the mode excludes \"", name,
                                      "\", and no rule has this name", at(site)));
    }
  }
}

// Puts every node on its device and inserts the transfers that this takes.
void place(SymbolicFunction& compiled, const Mode& mode) {
  compiled.placed = !mode.device.is_cpu() || has_transfers(*compiled.graph);
  if (!compiled.placed) return;
  ShapeAnalysis analysis;
  insert_transfers(*compiled.graph, analysis, mode.device);
  compiled.graph = std::make_unique<FunctionGraph>(
      results_on_host(*compiled.graph, analysis, mode.device, compiled.result_count));
}

// Makes both sides of every pair outputs of the graph, which is rewritten no further.
void add_debug_outputs(SymbolicFunction& compiled) {
  compiled.graph->set_observer({});
  Variables roots = compiled.graph->outputs();
  for (const DebugPair& pair : compiled.debug_pairs) {
    roots.push_back(pair.old_value);
    roots.push_back(pair.new_value);
  }
  compiled.graph = std::make_unique<FunctionGraph>(roots);
}

}  // namespace

RewriteOptions rewrite_options(const Mode& mode) {
  RewriteOptions options;
  options.excluded.insert(mode.excluded.begin(), mode.excluded.end());
  options.assume_finite = mode.assume_finite;
  return options;
}

SymbolicFunction run_stage_a(const Ins& inputs, const Outs& outputs, const FunctionOptions& options,
                             SourceSite site) {
  SymbolicFunction compiled;
  compiled.inputs = inputs.list();
  check_device(options.mode, site);
  check_excluded_rules(options.mode, site);
  check_inputs(compiled.inputs, site);
  for (size_t i = 0; i < outputs.list().size(); ++i) {
    if (!outputs.list()[i].variable.defined()) {
      throw CompileError(absl::StrCat("function: output ", i, " is no variable", at(site)));
    }
  }
  Replacements givens = checked_givens(options.givens, site);
  const Updates updates = all_updates(outputs, options, givens, site);

  Variables roots;
  for (const Out& out : outputs.list()) roots.push_back(out.variable);
  compiled.result_count = roots.size();
  for (const auto& [variable, value] : updates) roots.push_back(value);
  compiled.wider_givens = wider_givens(givens, roots);
  compiled.graph = std::make_unique<FunctionGraph>(roots, std::move(givens));
  check_leaves(compiled, options, site);

  // Stage A's phases in order.
  const std::vector<Phase> phases = options.mode.kind == Mode::Kind::kFastCompile
                                        ? std::vector<Phase>{}
                                        : std::vector<Phase>{Phase::kSimplify, Phase::kCanonicalize,
                                                             Phase::kStabilize, Phase::kSpecialize};
  if (options.mode.kind == Mode::Kind::kFastCompile) {
    for (const GraphPass* pass : all_graph_passes()) {
      if (pass->phase == Phase::kSimplify && std::string_view(pass->name) == "merge") {
        run_pass(*compiled.graph, *pass, &compiled.trace);
      }
    }
  }
  const bool debug = options.mode.kind == Mode::Kind::kDebug;
  if (debug) record_replacements(*compiled.graph, compiled.debug_pairs);
  run_phases(*compiled.graph, phases, rewrite_options(options.mode), &compiled.trace);
  place(compiled, options.mode);
  const Phase place_phase = Phase::kPlace;
  if (compiled.placed) {
    run_phases(*compiled.graph, {&place_phase, 1}, rewrite_options(options.mode), &compiled.trace);
  }
  if (debug) add_debug_outputs(compiled);

  for (const Variable& leaf : leaves(compiled.graph->outputs())) {
    if (leaf.is_shared()) compiled.shared.push_back(leaf);
  }
  for (const auto& [variable, value] : updates) {
    if (std::find(compiled.shared.begin(), compiled.shared.end(), variable) ==
        compiled.shared.end()) {
      compiled.shared.push_back(variable);
    }
  }
  std::sort(compiled.shared.begin(), compiled.shared.end(),
            [](const Variable& a, const Variable& b) {
              return a.container()->id() < b.container()->id();
            });
  compiled.update_output.assign(compiled.shared.size(), -1);
  for (size_t u = 0; u < updates.size(); ++u) {
    const auto it = std::find(compiled.shared.begin(), compiled.shared.end(), updates[u].first);
    compiled.update_output[it - compiled.shared.begin()] =
        static_cast<int>(compiled.result_count + u);
  }
  return compiled;
}

}  // namespace bitale
