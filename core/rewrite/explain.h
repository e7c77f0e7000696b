// What rules made of a graph, and why a rule left a node alone. For people: both answer in text.
//
//   const ExplainedGraph graph({cost});
//   std::puts(graph.explain(cost).c_str());
//   std::puts(graph.why_not("log_of_softmax", log_p).c_str());
//
// The rules are run on a copy, as `function` runs them in kFastRun: the graph that is asked about
// stays as it is. Whether a rule applies may depend on who else uses a variable, so give all
// outputs and new values of the function in question. Inner graphs (loop bodies) count as one node.
//
// Fusion is explained where it is asked for:
//
//   const ExplainedGraph fused({cost}, {}, ExplainedPhases::kWithFusion);
//   std::puts(fused.why_not("elementwise_fusion", hidden).c_str());

#ifndef BITALE_CORE_REWRITE_EXPLAIN_H_
#define BITALE_CORE_REWRITE_EXPLAIN_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/rewrite/driver.h"

namespace bitale {

// How far an ExplainedGraph runs the rules.
enum class ExplainedPhases : uint8_t {
  // Simplify to specialize: what is done once per function.
  kSymbolic,
  // And the fusions, which a compiled function does per shapes of a call. Here shapes are what the
  // graph says of them, and every composite is taken to have a kernel: what a call's lengths make
  // of a composite or of a fused node (its formula, where no kernel takes it) is not explained.
  kWithFusion,
};

class ExplainedGraph {
 public:
  // Runs `phases` on a copy of the graph under `outputs`, with `givens` in place of their keys.
  // Throws what run_phases throws.
  explicit ExplainedGraph(std::span<const Variable> outputs, const RewriteOptions& options = {},
                          Replacements givens = {},
                          ExplainedPhases phases = ExplainedPhases::kSymbolic);
  explicit ExplainedGraph(const Variables& outputs, const RewriteOptions& options = {},
                          ExplainedPhases phases = ExplainedPhases::kSymbolic)
      : ExplainedGraph(std::span<const Variable>(outputs), options, {}, phases) {}

  // The rewritten graph.
  const Variables& outputs() const { return graph_->outputs(); }

  // What stands in the rewritten graph for `variable`, which is of either graph; not defined()
  // where nothing there needs it any more.
  Variable now(const Variable& variable) const;

  // One line for what `variable` has become, and one for each rule or pass that had a part in it,
  // oldest first: its name, the op that it replaced, the user's site, its reason. A node that went
  // with the one that alone needed it, as into a fused group, names that one. `variable` is of
  // either graph. CompileError for a variable of neither.
  std::string explain(const Variable& variable) const;

  // Why `rule` does not apply to the node that makes `variable`, in the graph as it was written and
  // in the rewritten one: another op, a pattern that is not there, or the condition that failed and
  // the node where it did. Says so where it does apply. A pass over the whole graph is asked about
  // the graph that its phase found, and says so where it gives no reasons. CompileError for a name
  // that neither a rule nor a pass has.
  std::string why_not(std::string_view rule, const Variable& variable) const;

 private:
  // One replacement that a variable came out of.
  struct Step {
    std::string rule;
    Variable from;
    size_t number;  // of the replacement, in order
  };

  // The graph that a phase found whose passes give reasons.
  struct Found {
    Phase phase;
    std::unique_ptr<FunctionGraph> graph;
  };

  void run(Phase phase);
  void record(const Variable& from, const Variable& to, std::string_view rule);
  void record_what_goes(const Step& step);
  Variable copy_of(const Variable& variable) const;
  Variable last(const Variable& variable) const;
  std::vector<const Step*> steps_to(const Variable& variable) const;
  std::string heading(std::string_view name, Exactness exactness, const Variable& variable) const;
  std::string applications(std::string_view name, const Variable& variable) const;
  std::string verdict(const Rule& rule, const FunctionGraph& graph, const Variable& variable) const;
  std::string verdict(const GraphPass& pass, const Variable& variable) const;

  RewriteOptions options_;
  std::unique_ptr<FunctionGraph> written_;
  std::unique_ptr<FunctionGraph> graph_;
  std::vector<Found> found_;
  // Per variable of the rewritten graph, or one on the way there: where it came from.
  absl::flat_hash_map<Variable, std::vector<Step>> steps_;
  absl::flat_hash_map<Variable, Variable> became_;
  // Per variable that only a replaced one needed: that replacement.
  absl::flat_hash_map<Variable, Step> went_with_;
  size_t replacements_ = 0;
};

// The same for a graph whose only output is `variable`.
std::string explain(const Variable& variable, const RewriteOptions& options = {},
                    ExplainedPhases phases = ExplainedPhases::kSymbolic);
std::string why_not(std::string_view rule, const Variable& variable,
                    const RewriteOptions& options = {},
                    ExplainedPhases phases = ExplainedPhases::kSymbolic);

}  // namespace bitale

#endif  // BITALE_CORE_REWRITE_EXPLAIN_H_
