// What the nodes that stand for groups of nodes have in common: steps, and what is made of them.

#ifndef BITALE_OPS_ELEMENTWISE_FUSED_STEPS_INTERNAL_H_
#define BITALE_OPS_ELEMENTWISE_FUSED_STEPS_INTERNAL_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"

namespace bitale {

// Whether a group of so many members, which read so many inputs, still has room for `next`. Longer
// groups are cut: their values would no longer fit the first cache.
bool has_room(size_t member_count, size_t input_count, const Apply& next);

// One node of a group. Values are numbered: the group's inputs first, then one per step; a step
// reads earlier values only.
struct FusedStep {
  std::shared_ptr<const Op> op;
  std::vector<int> operands;
  TensorType type;
};

// The members of a group, producers before users, as steps over the group's inputs: what members
// read, and those of `also_read` that are no member's result.
struct NumberedGroup {
  explicit NumberedGroup(std::span<Apply* const> members, std::span<const Variable> also_read = {});

  Variables inputs;
  std::vector<FusedStep> steps;
  absl::flat_hash_map<Variable, int> numbers;  // of inputs and results
};

// "float32 add(0, 1); float32 exp(2)".
template <typename Step>
std::string text_of(const std::vector<Step>& steps) {
  std::string text;
  for (const FusedStep& step : steps) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", std::string(name_of(step.type.dtype)), " ",
                    step.op->str(), "(", absl::StrJoin(step.operands, ", "), ")");
  }
  return text;
}

// Whether a step reads the elements of this input.
template <typename Step>
bool read_elements(const std::vector<Step>& steps, size_t input) {
  for (const FusedStep& step : steps) {
    for (size_t k = 0; k < step.operands.size(); ++k) {
      if (step.operands[k] == static_cast<int>(input) && step.op->needs_elements(k)) return true;
    }
  }
  return false;
}

// The length along `axis` of a numbered value of steps that are elementwise, where `context` has
// their inputs from number `first_input` on.
IntExpr dim_of_value(ShapeContext& context, size_t first_input, size_t input_count,
                     std::span<const FusedStep> steps, int value, int64_t axis);

// The steps as nodes over these inputs: all numbered values.
template <typename Step>
Variables values_of(const std::vector<Step>& steps, std::span<const Variable> inputs) {
  Variables values(inputs.begin(), inputs.end());
  for (const FusedStep& step : steps) {
    Variables operands;
    for (int value : step.operands) operands.push_back(values[static_cast<size_t>(value)]);
    values.push_back(apply_one(step.op, operands));
  }
  return values;
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_FUSED_STEPS_INTERNAL_H_
