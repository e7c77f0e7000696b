// Stage A, the symbolic half of compiling, once per function: applies givens, finds default
// updates, checks inputs, outputs and updates, and rewrites.

#ifndef BITALE_CORE_COMPILE_STAGE_A_H_
#define BITALE_CORE_COMPILE_STAGE_A_H_

#include <memory>
#include <string>
#include <vector>

#include "core/compile/debug_mode.h"
#include "core/compile/function.h"
#include "core/graph/function_graph.h"
#include "core/rewrite/driver.h"

namespace bitale {

struct SymbolicFunction {
  std::vector<In> inputs;
  size_t result_count = 0;
  // Shared variables that the graph reads or updates, by container id.
  Variables shared;
  // Per shared variable: which graph output is its new value, or -1.
  std::vector<int> update_output;
  // Results, then new values.
  std::unique_ptr<FunctionGraph> graph;
  // Pairs of .givens that the graph uses and whose value knows less of its dims than the variable.
  Givens wider_givens;
  std::vector<TraceEntry> trace;
  // In DebugMode: what must be equal. Pair i's values are graph outputs 2 i and 2 i + 1 after the
  // new values.
  std::vector<DebugPair> debug_pairs;
  // Whether the graph has transfers or runs elsewhere than on the host.
  bool placed = false;
};

SymbolicFunction run_stage_a(const Ins& inputs, const Outs& outputs, const FunctionOptions& options,
                             SourceSite site);

RewriteOptions rewrite_options(const Mode& mode);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_STAGE_A_H_
