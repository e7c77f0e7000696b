#include "ops/elementwise/fused_steps_internal.h"

namespace bitale {

bool has_room(size_t member_count, size_t input_count, const Apply& next) {
  constexpr size_t kMostSteps = 32;
  constexpr size_t kMostInputs = 32;
  return member_count < kMostSteps && input_count + next.inputs().size() <= kMostInputs;
}

NumberedGroup::NumberedGroup(std::span<Apply* const> members) {
  for (const Apply* member : members) numbers.emplace(member->output(0), -1);
  for (const Apply* member : members) {
    for (const Variable& input : member->inputs()) {
      if (numbers.emplace(input, static_cast<int>(inputs.size())).second) inputs.push_back(input);
    }
  }
  for (const Apply* member : members) {
    FusedStep step{member->shared_op(), {}, member->output(0).type()};
    for (const Variable& input : member->inputs()) step.operands.push_back(numbers.at(input));
    numbers[member->output(0)] = static_cast<int>(inputs.size() + steps.size());
    steps.push_back(std::move(step));
  }
}

}  // namespace bitale
