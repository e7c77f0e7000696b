#include "core/rewrite/driver.h"

#include <algorithm>
#include <deque>
#include <random>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

// A phase that fires this often per node it started with is taken for one that never ends, and one
// that makes this many nodes of each for one that explodes.
constexpr size_t kMostFiringsPerNode = 60;
constexpr size_t kMostNodesPerNode = 20;
constexpr size_t kMostRoundsPerPhase = 40;

class PhaseRun {
 public:
  PhaseRun(FunctionGraph& graph, std::span<const Rule* const> rules, std::vector<TraceEntry>* trace)
      : graph_(graph), trace_(trace) {
    for (const Rule* rule : rules) by_op_[rule->op].push_back(rule);
    budget_ = kMostFiringsPerNode * (graph.apply_count() + 100);
    most_nodes_ = kMostNodesPerNode * (graph.apply_count() + 100);
  }

  // Returns whether anything changed.
  bool run() {
    if (by_op_.empty()) return false;
    graph_.set_change_listener([this](Apply* apply) { enqueue(apply); });
    for (Apply* apply : graph_.topological_order()) enqueue(apply);
    bool changed = false;
    while (!queue_.empty()) {
      Apply* apply = queue_.front();
      queue_.pop_front();
      queued_.erase(apply);
      // Addresses of dropped nodes may linger here; contains() tells.
      if (graph_.contains(apply)) changed |= visit(apply);
    }
    graph_.set_change_listener({});
    return changed;
  }

  // The name of the rule that fired last; empty before.
  const char* last_fired() const { return last_fired_; }

 private:
  void enqueue(Apply* apply) {
    if (queued_.insert(apply).second) queue_.push_back(apply);
  }

  bool visit(Apply* apply) {
    return visit_with(apply, apply->op().name()) || visit_with(apply, "");
  }

  bool visit_with(Apply* apply, std::string_view group) {
    const auto it = by_op_.find(group);
    if (it == by_op_.end()) return false;
    const RuleContext context(graph_);
    for (const Rule* rule : it->second) {
      FixedSiteScope scope(apply->site());
      const std::optional<Variables> replacements = rule->apply(*apply, context);
      if (!replacements) continue;
      fire(apply, *rule, *replacements);
      return true;
    }
    return false;
  }

  void fire(Apply* apply, const Rule& rule, const Variables& replacements) {
    if (trace_ != nullptr) {
      trace_->push_back({rule.name, rule.phase, apply->op().str(), apply->site()});
    }
    last_fired_ = rule.name;
    Record& record = records_[rule.name];
    ++record.firings;
    if (budget_-- == 0) {
      const auto& [name, most] = largest(&Record::firings);
      give_up(absl::StrCat("the rules of a phase do not come to an end: ", std::string(name),
                           " fired ", most.firings, " times"));
    }
    const Variable keep_apply = apply->output(0);
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t i = 0; i < replacements.size(); ++i) {
      if (replacements[i].defined()) pairs.push_back({apply->output(i), replacements[i]});
    }
    const size_t nodes = graph_.apply_count();
    graph_.replace(pairs, rule.name);
    if (graph_.contains(apply)) enqueue(apply);
    record.nodes_added += static_cast<int64_t>(graph_.apply_count()) - static_cast<int64_t>(nodes);
    if (graph_.apply_count() > most_nodes_) {
      const auto& [name, most] = largest(&Record::nodes_added);
      give_up(absl::StrCat("the rules of a phase make the graph explode: ", std::string(name),
                           " added ", most.nodes_added, " nodes in ", most.firings, " firings"));
    }
  }

  // What one rule did in this run.
  struct Record {
    int64_t firings = 0;
    int64_t nodes_added = 0;
  };
  using Records = absl::flat_hash_map<std::string_view, Record>;

  // The rule with the most of this; by name where several have as much.
  const Records::value_type& largest(int64_t Record::*of) const {
    return *std::max_element(records_.begin(), records_.end(), [&](const auto& a, const auto& b) {
      return std::tuple(a.second.*of, b.first) < std::tuple(b.second.*of, a.first);
    });
  }

  [[noreturn]] void give_up(std::string what) {
    graph_.set_change_listener({});
    throw CompileError(absl::StrCat(what, "\n  hint: exclude it by name"));
  }

  FunctionGraph& graph_;
  std::vector<TraceEntry>* trace_;
  absl::flat_hash_map<std::string_view, std::vector<const Rule*>> by_op_;
  std::deque<Apply*> queue_;
  absl::flat_hash_set<Apply*> queued_;
  Records records_;
  const char* last_fired_ = "";
  size_t budget_;
  size_t most_nodes_;
};

bool enabled(const char* name, Exactness exactness, const RewriteOptions& options) {
  return !options.excluded.contains(std::string_view(name)) &&
         (exactness != Exactness::kAssumesFinite || options.assume_finite);
}

// The name of the least exact of the rules that fired, which is what the whole is as exact as.
const char* least_exact(const std::vector<TraceEntry>& fired) {
  const char* name = "inner graph";
  Exactness worst = Exactness::kSameBits;
  const auto consider = [&](const auto& candidates) {
    for (const auto* candidate : candidates) {
      if (candidate->exactness <= worst) continue;
      for (const TraceEntry& entry : fired) {
        if (entry.rule != candidate->name) continue;
        name = candidate->name;
        worst = candidate->exactness;
        break;
      }
    }
  };
  consider(all_rules());
  consider(all_graph_passes());
  return name;
}

// Loop bodies and branches are graphs of their own: each is rewritten by `run(inner graph, trace)`,
// and its op replaced where anything fired.
template <typename Run>
void rewrite_inner_graphs(FunctionGraph& graph, std::vector<TraceEntry>* trace, const Run& run) {
  for (Apply* apply : graph.topological_order()) {
    if (apply->op().inner_outputs().empty()) continue;
    FunctionGraph inner(apply->op().inner_outputs());
    std::vector<TraceEntry> fired;
    run(inner, &fired);
    if (fired.empty()) continue;
    FixedSiteScope scope(apply->site());
    const Variables outputs =
        apply_op(apply->op().with_inner_outputs(inner.outputs()), apply->inputs());
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t i = 0; i < outputs.size(); ++i) pairs.push_back({apply->output(i), outputs[i]});
    graph.replace(pairs, least_exact(fired));
    if (trace != nullptr) trace->insert(trace->end(), fired.begin(), fired.end());
  }
}

}  // namespace

void run_rules(FunctionGraph& graph, std::span<const Rule* const> rules,
               const RewriteOptions& options, std::vector<TraceEntry>* trace) {
  rewrite_inner_graphs(graph, trace, [&](FunctionGraph& inner, std::vector<TraceEntry>* fired) {
    run_rules(inner, rules, options, fired);
  });
  PhaseRun(graph, rules, trace).run();
  if (options.verify) graph.verify();
}

bool run_pass(FunctionGraph& graph, const GraphPass& pass, std::vector<TraceEntry>* trace) {
  const bool changed = pass.run(graph);
  if (changed && trace != nullptr) trace->push_back({pass.name, pass.phase, "graph", {}});
  return changed;
}

void run_phases(FunctionGraph& graph, std::span<const Phase> phases, const RewriteOptions& options,
                std::vector<TraceEntry>* trace) {
  const std::vector<const Rule*> registered_rules = all_rules();
  const std::vector<const GraphPass*> registered_passes = all_graph_passes();
  for (Phase phase : phases) {
    std::vector<const Rule*> rules;
    for (const Rule* rule : registered_rules) {
      if (rule->phase == phase && enabled(rule->name, rule->exactness, options)) {
        rules.push_back(rule);
      }
    }
    std::vector<const GraphPass*> passes;
    for (const GraphPass* pass : registered_passes) {
      if (pass->phase == phase && enabled(pass->name, pass->exactness, options)) {
        passes.push_back(pass);
      }
    }
    if (options.shuffle_seed != 0) {
      std::mt19937_64 generator(options.shuffle_seed);
      std::shuffle(rules.begin(), rules.end(), generator);
      std::shuffle(passes.begin(), passes.end(), generator);
    }
    rewrite_inner_graphs(graph, trace, [&](FunctionGraph& inner, std::vector<TraceEntry>* fired) {
      run_phases(inner, {&phase, 1}, options, fired);
    });
    for (size_t round = 0;; ++round) {
      bool changed = false;
      const char* last = "";
      for (const GraphPass* pass : passes) {
        if (!run_pass(graph, *pass, trace)) continue;
        changed = true;
        last = pass->name;
      }
      PhaseRun run(graph, rules, trace);
      if (run.run()) {
        changed = true;
        last = run.last_fired();
      }
      if (!changed) break;
      if (round == kMostRoundsPerPhase) {
        throw CompileError(absl::StrCat("phase ", std::string(name_of(phase)),
                                        " does not come to a fixpoint: the last to fire was ", last,
                                        "\n  hint: exclude it by name"));
      }
    }
    if (options.verify) graph.verify();
  }
}

}  // namespace bitale
