#include "core/compile/lower_inner.h"

#include "core/compile/stage_b.h"
#include "core/graph/function_graph.h"
#include "core/graph/shape_analysis.h"

namespace bitale {

std::shared_ptr<const Program> lower_inner(const Op& op, std::span<const Dims> inner_input_dims,
                                           Device device, const LowerRequest& outer) {
  FunctionGraph graph(op.inner_outputs());
  ShapeAnalysis analysis;
  LowerRequest request;
  for (size_t i = 0; i < op.inner_inputs().size(); ++i) {
    const Variable& input = op.inner_inputs()[i];
    const Dims& dims = inner_input_dims[i];
    analysis.set_dims(input, IntExprs(dims.begin(), dims.end()));
    request.bindings.push_back(
        {input, Region::kInput, static_cast<uint32_t>(i), dims, contiguous_strides(dims), device});
  }
  request.stage_b = outer.stage_b;
  request.stage_b.home = device;
  request.stage_b.placed = false;
  run_stage_b(graph, analysis, request.stage_b);
  request.home = device;
  request.inner = true;
  request.reuse_buffers = outer.reuse_buffers;
  request.find_oracles = outer.find_oracles;
  request.outputs = graph.outputs();
  request.analysis = &analysis;
  return lower(request);
}

}  // namespace bitale
