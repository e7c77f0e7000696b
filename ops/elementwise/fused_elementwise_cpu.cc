#include "ops/elementwise/fused_elementwise_cpu.h"

namespace bitale {
namespace {

const ElementwiseOp& op_of(const FusedStep& step) {
  return static_cast<const ElementwiseOp&>(*step.op);
}

const char* supports(const KernelCall& call) {
  return group_refusal(call.op_as<FusedElementwiseOp>(), call.inputs);
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  return make_group_kernel(call.op_as<FusedElementwiseOp>(), call.inputs, call.outputs[0].shape);
}

const KernelRegistrar fused_elementwise({.op = "fused_elementwise",
                                         .name = "fused_elementwise_tiles",
                                         .strided_inputs = true,
                                         .supports = supports,
                                         .make = make});

}  // namespace

const char* steps_refusal(std::span<const FusedStep> steps, std::vector<DType> dtypes) {
  for (const FusedStep& step : steps) {
    std::vector<DType> operands;
    for (int value : step.operands) operands.push_back(dtypes[static_cast<size_t>(value)]);
    if (const char* reason = tile_refusal(op_of(step), operands)) return reason;
    dtypes.push_back(step.type.dtype);
  }
  return nullptr;
}

const char* group_refusal(const FusedElementwiseOp& op, std::span<const OperandLayout> inputs) {
  std::vector<DType> dtypes;
  for (const OperandLayout& input : inputs) dtypes.push_back(input.dtype);
  return steps_refusal(op.steps(), std::move(dtypes));
}

std::unique_ptr<const GroupKernel> make_group_kernel(const FusedElementwiseOp& op,
                                                     std::span<const OperandLayout> inputs,
                                                     const Dims& shape, bool any_ranges) {
  TileProgramBuilder program(inputs, shape);
  std::vector<int> values;
  for (const FusedElementwiseOp::Step& step : op.steps()) {
    values.push_back(program.add_step(op_of(step), step.operands, step.type.dtype));
  }
  const std::vector<size_t> outputs = op.output_steps();
  for (size_t i = 0; i < outputs.size(); ++i) {
    program.set_output(values[outputs[i]], static_cast<int>(i));
  }
  return program.build(any_ranges);
}

}  // namespace bitale
