// Constant folding: what depends on constants alone is computed once, when compiling.

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/compile/lower.h"
#include "core/compile/stage_b.h"
#include "core/compile/transfer.h"
#include "core/graph/op.h"
#include "core/rewrite/rule.h"
#include "core/runtime/execution_context.h"

namespace bitale {
namespace {

// A folded value may be no larger than this, unless it is smaller than what it is made of: a fill
// of zeros is cheaper as an op than as a block of memory.
constexpr int64_t kMostFoldedElements = 256;

bool all_constant(const Apply& apply) {
  return std::all_of(apply.inputs().begin(), apply.inputs().end(),
                     [](const Variable& v) { return v.is_constant(); });
}

// The values of all outputs of an Apply of constants, or nothing where it must stay a node.
std::optional<std::vector<Tensor>> evaluate(const Apply& apply) {
  ShapeAnalysis analysis;
  FunctionGraph graph(apply.outputs());
  int64_t input_elements = 0;
  for (const Variable& input : apply.inputs()) input_elements += input.value().size();
  analysis.analyze(graph.outputs());
  for (const Variable& output : graph.outputs()) {
    int64_t count = 1;
    for (const IntExpr& dim : analysis.dims(output)) {
      if (!dim.is_constant()) return std::nullopt;
      count *= dim.constant();
    }
    if (count > std::max(kMostFoldedElements, input_elements)) return std::nullopt;
  }
  LowerRequest request;
  request.stage_b.fuse = false;
  run_stage_b(graph, analysis, request.stage_b);
  request.outputs = graph.outputs();
  request.analysis = &analysis;
  const std::shared_ptr<const Program> program = lower(request);
  ExecutionContext context(*program);
  std::vector<Tensor> values;
  for (size_t i = 0; i < program->outputs.size(); ++i) {
    values.push_back(Tensor::empty(program->outputs[i].dtype, program->outputs[i].shape));
    context.outputs[i] = values.back().raw_data();
  }
  run_program(*program, {context.inputs, context.shared, context.outputs, {}, context.workspace()});
  return values;
}

std::optional<Variables> fold(const Apply& apply, const RuleContext&) {
  if (apply.inputs().empty() || !all_constant(apply)) return std::nullopt;
  const Traits traits = apply.op().traits();
  if (traits.never_merge || traits.random_draw) return std::nullopt;
  if (made_by_transfer(apply.output(0)) != nullptr) return std::nullopt;  // says where, not what
  try {
    const std::optional<std::vector<Tensor>> values = evaluate(apply);
    if (!values) return std::nullopt;
    Variables constants;
    for (const Tensor& value : *values) constants.push_back(Variable::make_constant(value, "", {}));
    return constants;
  } catch (const Error&) {
    // An index out of range, a failed assertion: the call itself shall raise it.
    return std::nullopt;
  }
}

const RuleRegistrar constant_folding(
    {.name = "constant_folding",
     .phase = Phase::kSimplify,
     .why = "what depends on constants alone need not be computed at every call",
     .apply = fold});
const RuleRegistrar constant_folding_again({.name = "constant_folding",
                                            .phase = Phase::kCanonicalize,
                                            .why = "rules bring constants together",
                                            .apply = fold});
const RuleRegistrar constant_folding_special({.name = "constant_folding",
                                              .phase = Phase::kSpecialize,
                                              .why = "rules bring constants together",
                                              .apply = fold});

}  // namespace
}  // namespace bitale
