#include "core/compile/oracles.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/compile/lower.h"
#include "core/compile/stage_b.h"
#include "core/graph/function_graph.h"
#include "core/graph/shape_analysis.h"

namespace bitale {
namespace {

// A program as one kernel.
class ProgramKernel final : public Kernel {
 public:
  explicit ProgramKernel(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  size_t workspace_bytes() const override { return program_->workspace_bytes(); }
  void run(const KernelFrame& frame) const override {
    const std::span<void* const> inputs(frame.inputs, program_->input_count);
    const std::span<void* const> outputs(frame.outputs, program_->outputs.size());
    run_program(*program_, {inputs, {}, outputs, {}, frame.workspace}, frame.observer);
  }

 private:
  std::shared_ptr<const Program> program_;
};

std::vector<OperandLayout> with_strides(const KernelCall& call, Dims (*strides_of)(const Dims&)) {
  std::vector<OperandLayout> layouts(call.inputs.begin(), call.inputs.end());
  for (size_t i = 0; i < layouts.size(); ++i) {
    if (call.op.needs_elements(i)) layouts[i].strides = strides_of(layouts[i].shape);
  }
  return layouts;
}

// Row-major, with a gap after each element and another one after each row, plane and so on, so that
// no axis continues the next.
Dims strides_with_gaps(const Dims& shape) {
  Dims strides(shape.size());
  int64_t stride = 2;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride = stride * shape[axis] + 1;
  }
  return strides;
}

std::vector<Dims> strides_of(std::span<const OperandLayout> layouts) {
  std::vector<Dims> strides;
  for (const OperandLayout& layout : layouts) strides.push_back(layout.strides);
  return strides;
}

const KernelRegistration* reference_below(int rank, const KernelCall& call) {
  for (const KernelRegistration* candidate : kernels_of(call.op.name(), DeviceKind::kCpu)) {
    if (candidate->kind != KernelKind::kReference || candidate->rank >= rank) continue;
    if (candidate->supports == nullptr || candidate->supports(call) == nullptr) return candidate;
  }
  return nullptr;
}

// What is known of an integer operand's elements, if they are numbers by now.
void carry_over_value(const ShapeAnalysis& known, const Variable& operand, ShapeAnalysis& analysis,
                      const Variable& input) {
  const IntExprs* value = known.find_value(operand);
  if (value == nullptr || !std::ranges::all_of(*value, &IntExpr::is_constant)) return;
  analysis.set_value(input, *value);
}

bool has_concrete_dims(const FunctionGraph& graph, ShapeAnalysis& analysis) {
  for (const Apply* apply : graph.topological_order()) {
    for (const Variable& output : apply->outputs()) {
      if (!std::ranges::all_of(analysis.dims(output), &IntExpr::is_constant)) return false;
    }
  }
  return true;
}

// Without fusion, which would only make the group again that the formula is of. Null where a dim
// within the formula depends on the value of an operand.
KernelPtr make_formula(const KernelCall& call, const ShapeAnalysis& known) {
  FixedSiteScope scope(call.apply.site());
  Variables inputs;
  ShapeAnalysis analysis;
  LowerRequest request;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Variable& operand = call.apply.input(i);
    const Dims& shape = call.inputs[i].shape;
    inputs.push_back(Variable::make_input(operand.type(), operand.name(), {}));
    analysis.set_dims(inputs[i], IntExprs(shape.begin(), shape.end()));
    carry_over_value(known, operand, analysis, inputs[i]);
    request.bindings.push_back(
        {inputs[i], Region::kInput, static_cast<uint32_t>(i), shape, call.inputs[i].strides});
  }
  FunctionGraph graph(call.op.formula(inputs));
  request.stage_b.fuse = false;
  run_stage_b(graph, analysis, request.stage_b);
  if (!has_concrete_dims(graph, analysis)) return nullptr;
  request.outputs = graph.outputs();
  request.analysis = &analysis;
  return std::make_shared<ProgramKernel>(lower(request));
}

}  // namespace

std::vector<Oracle> find_oracles(const KernelCall& call, const KernelRegistration& chosen,
                                 const ShapeAnalysis& known, MakeKernel make) {
  std::vector<Oracle> oracles;
  // Of nothing there is nothing to compare, and a formula may not be defined.
  if (std::ranges::all_of(call.outputs, [](const auto& out) { return out.size() == 0; })) {
    return oracles;
  }
  const auto add = [&](MadeKernel made, std::string name, const KernelCall& made_for) {
    oracles.push_back({std::move(made.kernel), std::move(name), strides_of(made_for.inputs),
                       made.first_integer, false, !call.op.traits().elementwise});
  };

  const std::vector<OperandLayout> dense_inputs =
      with_strides(call, [](const Dims& shape) { return contiguous_strides(shape); });
  const KernelCall dense{call.op, call.apply, dense_inputs, call.outputs};
  if (const KernelRegistration* reference = reference_below(chosen.rank, dense)) {
    add(make(*reference, dense), absl::StrCat("its reference kernel ", reference->name), dense);
  }
  if (call.op.traits().composite) {
    if (KernelPtr formula = make_formula(dense, known)) {
      add({std::move(formula), 0}, "its formula", dense);
      oracles.back().is_formula = true;
    }
  }

  const std::vector<OperandLayout> spread_inputs = with_strides(call, strides_with_gaps);
  if (std::ranges::all_of(spread_inputs, &OperandLayout::contiguous)) return oracles;
  const KernelCall spread{call.op, call.apply, spread_inputs, call.outputs};
  const KernelRegistration* strided = choose_kernel(spread, DeviceKind::kCpu);
  if (strided != nullptr && strided->strided_inputs) {
    add(make(*strided, spread), absl::StrCat("kernel ", strided->name, " over strided inputs"),
        spread);
  }
  return oracles;
}

}  // namespace bitale
