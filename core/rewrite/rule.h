// A rewrite rule as data: where it stands in the pipeline, why it exists, what it replaces,
// examples where it fires and counterexamples where it must not, and how exact it is.
//
// Registration, at namespace scope of an ops/**/*_rewrites.cc file:
//
//   const RuleRegistrar log_softmax({.name = "log_of_softmax", .phase = Phase::kStabilize,
//       .why = "log(softmax(x)) underflows to -inf; log_softmax does not",
//       .op = "log", .apply = apply, .examples = examples, .counterexamples = counterexamples,
//       .exactness = Exactness::kReassociates});

#ifndef BITALE_CORE_REWRITE_RULE_H_
#define BITALE_CORE_REWRITE_RULE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/function_graph.h"

namespace bitale {

// Stage A (once per function, symbolic) up to kPlace; stage B (per shapes) from kExpand on.
enum class Phase : uint8_t {
  kSimplify,       // useless nodes, merge, constant folding
  kCanonicalize,   // one spelling for equal things
  kStabilize,      // numerically safe forms
  kSpecialize,     // cheaper forms
  kPlace,          // devices and transfers
  kExpand,         // composites without a kernel become their formula
  kFuseFolds,      // reductions over leading axes, with what they reduce
  kFuseRows,       // rows that are reduced, with what is made of them
  kFuse,           // elementwise groups
  kFuseEpilogues,  // elementwise groups with the products and convolutions before them
  kBundle,         // what has nothing to do with each other, in one kernel
};
inline constexpr int kPhaseCount = 11;
std::string_view name_of(Phase phase);

enum class Exactness : uint8_t {
  kSameBits,
  // The same real-number function in another order of operations: equal within a few ulp times the
  // terms' size.
  kReassociates,
  // Equal only where no value is NaN or infinite; off unless asked for.
  kAssumesFinite,
};

// What a rule may ask while it looks at an Apply.
class RuleContext {
 public:
  explicit RuleContext(const FunctionGraph& graph) : graph_(graph) {}

  // How many operands and graph outputs use this variable.
  size_t use_count(const Variable& variable) const { return graph_.uses(variable).size(); }
  const FunctionGraph& graph() const { return graph_; }

  // What a rule returns that finds its pattern but may not apply it: `why` (a literal) and the node
  // that stands against it are kept for why_not() of core/rewrite/explain.h. Costs two stores.
  std::nullopt_t refuse(const char* why, const Apply* where = nullptr) const {
    refusal_ = why;
    refused_at_ = where;
    return std::nullopt;
  }
  // The last refusal; null if there was none.
  const char* refusal() const { return refusal_; }
  const Apply* refused_at() const { return refused_at_; }

 private:
  const FunctionGraph& graph_;
  mutable const char* refusal_ = nullptr;
  mutable const Apply* refused_at_ = nullptr;
};

struct RuleExample {
  Variables before;
  // The exact graph afterwards (compared by structurally_equal with the rule alone applied).
  Variables after;
};

struct Rule {
  const char* name = "";
  Phase phase = Phase::kSimplify;
  const char* why = "";
  // The op whose applications are looked at; "" for all.
  const char* op = "";
  // One replacement per output (not defined() to keep that output), or nothing if the rule does not
  // apply. New nodes take the site of the node they replace. Must make progress: never returns what
  // it would rewrite back.
  std::optional<Variables> (*apply)(const Apply& apply, const RuleContext& context) = nullptr;
  std::vector<RuleExample> (*examples)() = nullptr;
  std::vector<Variables> (*counterexamples)() = nullptr;
  Exactness exactness = Exactness::kSameBits;
  // Names of rules of the same phase that go first at a node where both apply.
  const char* after = "";
};

// A pass over a whole graph, for what no local pattern can say (merge, fusion).
struct GraphPass {
  const char* name = "";
  Phase phase = Phase::kSimplify;
  const char* why = "";
  // Returns whether it changed anything.
  bool (*run)(FunctionGraph& graph) = nullptr;
  std::vector<RuleExample> (*examples)() = nullptr;
  std::vector<Variables> (*counterexamples)() = nullptr;
  Exactness exactness = Exactness::kSameBits;
  // Optional, for why_not() of core/rewrite/explain.h: why the pass would leave this node of the
  // graph alone, as a literal; null where it would take it. Reads the very plan that `run` carries
  // out, so that the two cannot differ.
  const char* (*why_not)(const FunctionGraph& graph, const Apply& apply) = nullptr;
};

// Enter a rule or a pass before main; allocate nothing.
class RuleRegistrar {
 public:
  explicit RuleRegistrar(const Rule& rule);

 private:
  friend std::vector<const Rule*> all_rules();
  Rule rule_;
  const RuleRegistrar* next_;
};
class GraphPassRegistrar {
 public:
  explicit GraphPassRegistrar(const GraphPass& pass);

 private:
  friend std::vector<const GraphPass*> all_graph_passes();
  GraphPass pass_;
  const GraphPassRegistrar* next_;
};

// Sorted by phase, then name (after declared order).
std::vector<const Rule*> all_rules();
std::vector<const GraphPass*> all_graph_passes();

// --- Helpers for patterns -----------------------------------------------------------------------

// The Apply that makes `variable`, if its op has this name; else null.
const Apply* made_by(const Variable& variable, std::string_view op_name);

}  // namespace bitale

#endif  // BITALE_CORE_REWRITE_RULE_H_
