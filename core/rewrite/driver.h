// Runs rules and passes over a graph, phase by phase, each phase to a fixpoint. Inner graphs (loop
// bodies, branches) are rewritten too, each by itself, before the graph around them.

#ifndef BITALE_CORE_REWRITE_DRIVER_H_
#define BITALE_CORE_REWRITE_DRIVER_H_

#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/rewrite/rule.h"

namespace bitale {

// One firing of a rule.
struct TraceEntry {
  std::string rule;
  Phase phase;
  std::string replaced;  // the op that was looked at
  Site site;
};

struct RewriteOptions {
  // Names of rules and passes that must not run.
  std::set<std::string, std::less<>> excluded = {};
  // Run rules that are exact for finite values only.
  bool assume_finite = false;
  // Check the graph's invariants after every phase.
  bool verify = false;
  // Fixed order of rules by phase, `after`, name; with a seed, shuffled within each phase (tests).
  uint64_t shuffle_seed = 0;
};

// Applies the registered rules and passes of `phases`, in order. Appends every firing to `trace` if
// given. Throws CompileError naming the rule or pass if a phase does not come to an end, or makes
// the graph many times as large as it found it.
void run_phases(FunctionGraph& graph, std::span<const Phase> phases,
                const RewriteOptions& options = {}, std::vector<TraceEntry>* trace = nullptr);

// Applies these rules only, to a fixpoint. For tests of one rule, and for grad.
void run_rules(FunctionGraph& graph, std::span<const Rule* const> rules,
               const RewriteOptions& options = {}, std::vector<TraceEntry>* trace = nullptr);

// Applies one pass once. Returns whether it changed anything.
bool run_pass(FunctionGraph& graph, const GraphPass& pass,
              std::vector<TraceEntry>* trace = nullptr);

}  // namespace bitale

#endif  // BITALE_CORE_REWRITE_DRIVER_H_
