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

// What the rules and passes of one phase may do to a graph, from the start of the phase on: growth
// that is small in each round adds up.
class PhaseBudget {
 public:
  explicit PhaseBudget(const FunctionGraph& graph)
      : graph_(graph),
        firings_left_(kMostFiringsPerNode * (graph.apply_count() + 100)),
        most_nodes_(kMostNodesPerNode * (graph.apply_count() + 100)) {}

  // For each firing of a rule or pass of this name. Throws CompileError if the phase has fired too
  // often.
  void count_firing(const char* name) {
    ++records_[name].firings;
    if (firings_left_-- > 0) return;
    const auto& [most_often, most] = largest(&Record::firings);
    give_up(absl::StrCat("the rules of a phase do not come to an end: ", std::string(most_often),
                         " fired ", most.firings, " times"));
  }

  // After what a rule or pass of this name did to a graph of `nodes_before` nodes. Throws
  // CompileError if the graph is many times as large as the phase found it.
  void check_size(const char* name, size_t nodes_before) {
    records_[name].nodes_added +=
        static_cast<int64_t>(graph_.apply_count()) - static_cast<int64_t>(nodes_before);
    if (graph_.apply_count() <= most_nodes_) return;
    const auto& [grown_by, most] = largest(&Record::nodes_added);
    give_up(absl::StrCat("the rules of a phase make the graph explode: ", std::string(grown_by),
                         " added ", most.nodes_added, " nodes in ", most.firings, " firings"));
  }

 private:
  // What one rule or pass did in this phase.
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

  [[noreturn]] static void give_up(std::string what) {
    throw CompileError(absl::StrCat(what, "\n  hint: exclude it by name"));
  }

  const FunctionGraph& graph_;
  Records records_;
  size_t firings_left_;
  size_t most_nodes_;
};

// One round of a phase's rules.
class PhaseRun {
 public:
  PhaseRun(FunctionGraph& graph, std::span<const Rule* const> rules, PhaseBudget& budget,
           std::vector<TraceEntry>* trace)
      : graph_(graph), budget_(budget), trace_(trace) {
    for (const Rule* rule : rules) by_op_[rule->op].push_back(rule);
  }
  // The graph outlives an alarm, too.
  ~PhaseRun() { graph_.set_change_listener({}); }
  PhaseRun(const PhaseRun&) = delete;
  PhaseRun& operator=(const PhaseRun&) = delete;

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
    budget_.count_firing(rule.name);
    const Variable keep_apply = apply->output(0);
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t i = 0; i < replacements.size(); ++i) {
      if (replacements[i].defined()) pairs.push_back({apply->output(i), replacements[i]});
    }
    const size_t nodes = graph_.apply_count();
    graph_.replace(pairs, rule.name);
    if (graph_.contains(apply)) enqueue(apply);
    budget_.check_size(rule.name, nodes);
  }

  FunctionGraph& graph_;
  PhaseBudget& budget_;
  std::vector<TraceEntry>* trace_;
  absl::flat_hash_map<std::string_view, std::vector<const Rule*>> by_op_;
  std::deque<Apply*> queue_;
  absl::flat_hash_set<Apply*> queued_;
  const char* last_fired_ = "";
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
  PhaseBudget budget(graph);
  PhaseRun(graph, rules, budget, trace).run();
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
    PhaseBudget budget(graph);
    for (size_t round = 0;; ++round) {
      bool changed = false;
      const char* last = "";
      for (const GraphPass* pass : passes) {
        const size_t nodes = graph.apply_count();
        if (!run_pass(graph, *pass, trace)) continue;
        budget.count_firing(pass->name);
        budget.check_size(pass->name, nodes);
        changed = true;
        last = pass->name;
      }
      PhaseRun run(graph, rules, budget, trace);
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
