#include "ops/elementwise/elementwise_op.h"
#include "ops/elementwise/fused_steps_internal.h"

namespace bitale {

bool has_room(size_t member_count, size_t input_count, const Apply& next) {
  constexpr size_t kMostSteps = 32;
  constexpr size_t kMostInputs = 32;
  return member_count < kMostSteps && input_count + next.inputs().size() <= kMostInputs;
}

// The length is that of some input which is not repeated along the axis.
IntExpr dim_of_value(ShapeContext& context, size_t first_input, size_t input_count,
                     std::span<const FusedStep> steps, int value, int64_t axis) {
  const auto is_step = [&](int v) { return v >= static_cast<int>(input_count); };
  int64_t rank = 0;  // of the value, where that is a step
  if (is_step(value)) rank = steps[static_cast<size_t>(value) - input_count].type.rank();
  while (is_step(value)) {
    const FusedStep& step = steps[static_cast<size_t>(value) - input_count];
    const auto& op = static_cast<const ElementwiseOp&>(*step.op);
    size_t k = 0;
    while (k + 1 < step.operands.size() && op.broadcasts(k, axis)) ++k;
    value = step.operands[k];
  }
  const size_t input = first_input + static_cast<size_t>(value);
  const int64_t lacking = rank == 0 ? 0 : rank - context.apply().input(input).rank();
  return context.dim(input, static_cast<size_t>(axis - lacking));
}

NumberedGroup::NumberedGroup(std::span<Apply* const> members, std::span<const Variable> also_read) {
  for (const Apply* member : members) numbers.emplace(member->output(0), -1);
  const auto read = [this](std::span<const Variable> variables) {
    for (const Variable& input : variables) {
      if (numbers.emplace(input, static_cast<int>(inputs.size())).second) inputs.push_back(input);
    }
  };
  for (const Apply* member : members) read(member->inputs());
  read(also_read);
  for (const Apply* member : members) {
    FusedStep step{member->shared_op(), {}, member->output(0).type()};
    for (const Variable& input : member->inputs()) step.operands.push_back(numbers.at(input));
    numbers[member->output(0)] = static_cast<int>(inputs.size() + steps.size());
    steps.push_back(std::move(step));
  }
}

}  // namespace bitale
