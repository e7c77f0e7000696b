#include "ops/elementwise/chain_steps_cpu.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

constexpr struct {
  std::string_view op;
  StepKind kind;
} kChainSteps[] = {
    {"abs", StepKind::kAbs}, {"add", StepKind::kAdd},      {"mul", StepKind::kMul},
    {"neg", StepKind::kNeg}, {"sqr", StepKind::kSqr},      {"sqrt", StepKind::kSqrt},
    {"sub", StepKind::kSub}, {"true_div", StepKind::kDiv},
};

}  // namespace

std::optional<StepKind> chain_step(const ElementwiseOp& op, std::span<const DType> operands,
                                   DType out) {
  if (out != DType::kFloat32 && out != DType::kFloat64) return std::nullopt;
  if (!std::ranges::all_of(operands, [&](DType dtype) { return dtype == out; })) {
    return std::nullopt;
  }
  const auto* const found =
      std::ranges::find(kChainSteps, op.name(), [](const auto& entry) { return entry.op; });
  if (found == std::end(kChainSteps)) return std::nullopt;
  return found->kind;
}

StepKind turned_step(StepKind kind) {
  if (kind == StepKind::kSub) return StepKind::kSubFrom;
  if (kind == StepKind::kDiv) return StepKind::kDivInto;
  return kind;
}

}  // namespace bitale
