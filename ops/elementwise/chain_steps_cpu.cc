#include "ops/elementwise/chain_steps_cpu.h"

#include <algorithm>
#include <string_view>

#include "ops/elementwise/pack_chain_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

struct Entry {
  std::string_view op;
  StepKind kind;
};

constexpr Entry kSimpleSteps[] = {
    {"abs", StepKind::kAbs}, {"add", StepKind::kAdd},      {"mul", StepKind::kMul},
    {"neg", StepKind::kNeg}, {"sqr", StepKind::kSqr},      {"sqrt", StepKind::kSqrt},
    {"sub", StepKind::kSub}, {"true_div", StepKind::kDiv},
};
constexpr Entry kFunctions[] = {
    {"exp", StepKind::kExp},     {"expm1", StepKind::kExpm1},     {"log", StepKind::kLog},
    {"log1p", StepKind::kLog1p}, {"sigmoid", StepKind::kSigmoid}, {"softplus", StepKind::kSoftplus},
    {"tanh", StepKind::kTanh},
};

std::optional<StepKind> find(std::span<const Entry> entries, const ElementwiseOp& op,
                             std::span<const DType> operands, DType out) {
  if (out != DType::kFloat32 && out != DType::kFloat64) return std::nullopt;
  if (!std::ranges::all_of(operands, [&](DType dtype) { return dtype == out; })) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(entries, op.name(), &Entry::op);
  if (found == entries.end()) return std::nullopt;
  return found->kind;
}

}  // namespace

std::optional<StepKind> chain_step(const ElementwiseOp& op, std::span<const DType> operands,
                                   DType out) {
  return find(kSimpleSteps, op, operands, out);
}

std::optional<StepKind> pack_chain_step(const ElementwiseOp& op, std::span<const DType> operands,
                                        DType out) {
  const std::optional<StepKind> simple = chain_step(op, operands, out);
  return simple || !has_pack_chains() ? simple : find(kFunctions, op, operands, out);
}

StepKind turned_step(StepKind kind) {
  if (kind == StepKind::kSub) return StepKind::kSubFrom;
  if (kind == StepKind::kDiv) return StepKind::kDivInto;
  return kind;
}

}  // namespace bitale
