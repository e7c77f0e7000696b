// Stage B, the concrete half of compiling: with all dims known, composites without a kernel become
// their formula, rows and elementwise groups fuse, small groups without users are bundled, and the
// graph is lowered.

#ifndef BITALE_CORE_COMPILE_STAGE_B_H_
#define BITALE_CORE_COMPILE_STAGE_B_H_

#include "core/graph/function_graph.h"
#include "core/graph/shape_analysis.h"
#include "core/rewrite/driver.h"
#include "core/tensor/device.h"

namespace bitale {

struct StageBOptions {
  RewriteOptions rewrite = {};
  bool fuse = true;
  // Where applications run that no transfer() places elsewhere.
  Device home = kCpu;
  // Whether the graph has transfers or a home other than the host.
  bool placed = false;
};

// `analysis` has the concrete dims of all leaves of `graph`.
void run_stage_b(FunctionGraph& graph, ShapeAnalysis& analysis, const StageBOptions& options = {},
                 std::vector<TraceEntry>* trace = nullptr);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_STAGE_B_H_
