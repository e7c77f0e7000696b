// Computing cheap values twice rather than keeping them.

#ifndef BITALE_CORE_COMPILE_REMATERIALIZE_H_
#define BITALE_CORE_COMPILE_REMATERIALIZE_H_

#include <cstdint>
#include <vector>

#include "core/graph/function_graph.h"
#include "core/graph/shape_analysis.h"

namespace bitale {

// Looks for elementwise results that lie in memory, unused, while the most bytes of `order` (the
// applications as they will run) are in use, and lets those who read them afterwards compute them
// anew, where what that takes is there anyway or small. Stops once `excess` bytes are saved at that
// point; returns whether anything changed. Dims in `analysis` are concrete. Values keep their bits:
// the same op computes them from the same operands.
bool rematerialize(FunctionGraph& graph, ShapeAnalysis& analysis, const std::vector<Apply*>& order,
                   int64_t excess);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_REMATERIALIZE_H_
