// What rules made of a graph, and why a rule left a node alone. For people: both answer in text.
//
//   const ExplainedGraph graph({cost});
//   std::puts(graph.explain(cost).c_str());
//   std::puts(graph.why_not("log_of_softmax", log_p).c_str());
//
// The rules are run on a copy, as `function` runs them in kFastRun: the graph that is asked about
// stays as it is. Whether a rule applies may depend on who else uses a variable, so give all
// outputs and new values of the function in question. Inner graphs (loop bodies) count as one node.

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

class ExplainedGraph {
 public:
  // Runs the symbolic phases (simplify to specialize) on a copy of the graph under `outputs`, with
  // `givens` in place of their keys. Throws what run_phases throws.
  explicit ExplainedGraph(std::span<const Variable> outputs, const RewriteOptions& options = {},
                          Replacements givens = {});
  explicit ExplainedGraph(const Variables& outputs, const RewriteOptions& options = {})
      : ExplainedGraph(std::span<const Variable>(outputs), options) {}

  // The rewritten graph.
  const Variables& outputs() const { return graph_->outputs(); }

  // What stands in the rewritten graph for `variable`, which is of either graph; not defined()
  // where nothing there needs it any more.
  Variable now(const Variable& variable) const;

  // One line for what `variable` has become, and one for each rule that had a part in it, oldest
  // first: its name, the op that it replaced, the user's site, its reason. `variable` is of either
  // graph. CompileError for a variable of neither.
  std::string explain(const Variable& variable) const;

  // Why `rule` does not apply to the node that makes `variable`, in the graph as it was written and
  // in the rewritten one: another op, a pattern that is not there, or the condition that failed and
  // the node where it did. Says so where it does apply. CompileError for a name that no rule has.
  std::string why_not(std::string_view rule, const Variable& variable) const;

 private:
  // One replacement that a variable came out of.
  struct Step {
    std::string rule;
    Variable from;
    size_t number;  // of the replacement, in order
  };

  void record(const Variable& from, const Variable& to, std::string_view rule);
  std::vector<const Step*> steps_to(const Variable& variable) const;
  std::string verdict(const Rule& rule, const FunctionGraph& graph, const Variable& variable) const;

  RewriteOptions options_;
  std::unique_ptr<FunctionGraph> written_;
  std::unique_ptr<FunctionGraph> graph_;
  // Per variable of the rewritten graph, or one on the way there: where it came from.
  absl::flat_hash_map<Variable, std::vector<Step>> steps_;
  absl::flat_hash_map<Variable, Variable> became_;
  size_t replacements_ = 0;
};

// The same for a graph whose only output is `variable`.
std::string explain(const Variable& variable, const RewriteOptions& options = {});
std::string why_not(std::string_view rule, const Variable& variable,
                    const RewriteOptions& options = {});

}  // namespace bitale

#endif  // BITALE_CORE_REWRITE_EXPLAIN_H_
