#include "ops/reduction/row_schedule_cpu.h"

#include <algorithm>

#include "ops/elementwise/chain_steps_cpu.h"

namespace bitale {

using cpu::row_chain::StepKind;

RowSchedule::RowSchedule(const KernelCall& call) : op_(call.op_as<FusedRowsOp>()) {
  for (const OperandLayout& input : call.inputs) dtypes_.push_back(input.dtype);
  users_.resize(op_.steps().size());
  for (size_t i = 0; i < op_.steps().size(); ++i) {
    dtypes_.push_back(op_.steps()[i].type.dtype);
    for (const int operand : op_.steps()[i].operands) {
      const auto value = static_cast<size_t>(operand);
      if (value >= op_.input_count()) users_[value - op_.input_count()].push_back(i);
    }
  }
  schedule();
}

void RowSchedule::schedule() {
  const auto steps = op_.steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    int pass = 0;
    for (const int operand : steps[i].operands) {
      const auto value = static_cast<size_t>(operand);
      if (value < op_.input_count()) continue;
      const size_t step = value - op_.input_count();
      pass = std::max(pass, pass_[step] + (steps[step].folds ? 1 : 0));
    }
    pass_.push_back(pass);
    if (steps[i].whole || steps[i].folds) passes_ = std::max(passes_, pass + 1);
  }
  for (size_t i = steps.size(); i-- > 0;) {
    if (!steps[i].whole || users_[i].empty()) continue;
    const auto first =
        std::ranges::min_element(users_[i], {}, [this](size_t user) { return pass_[user]; });
    pass_[i] = pass_[*first];
  }
}

std::optional<StepKind> RowSchedule::chain_step(size_t step) const {
  const FusedRowsOp::Step& s = op_.steps()[step];
  if (!s.whole || s.folds) return std::nullopt;
  std::vector<DType> operands;
  for (const int operand : s.operands) operands.push_back(dtype_of(operand));
  return bitale::chain_step(static_cast<const ElementwiseOp&>(*s.op), operands, s.type.dtype);
}

DType RowSchedule::dtype_of(int value) const { return dtypes_[static_cast<size_t>(value)]; }

// One function of what is there in each pass.
bool RowSchedule::is_cheap(size_t step) const {
  return chain_step(step).has_value() &&
         std::ranges::all_of(op_.steps()[step].operands, [this](int operand) {
           const auto value = static_cast<size_t>(operand);
           return value < op_.input_count() || !op_.steps()[value - op_.input_count()].whole;
         });
}

bool RowSchedule::runs_in(size_t step, int pass) const {
  if (pass_[step] == pass) return true;
  return op_.steps()[step].whole && is_cheap(step) &&
         std::ranges::any_of(users_[step], [&](size_t user) { return pass_[user] == pass; });
}

bool RowSchedule::is_kept(size_t step) const {
  return op_.steps()[step].whole && !is_cheap(step) &&
         std::ranges::any_of(users_[step], [&](size_t user) { return pass_[user] != pass_[step]; });
}

}  // namespace bitale
