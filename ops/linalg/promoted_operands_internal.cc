#include "ops/linalg/promoted_operands_internal.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Variables promoted_operands(std::string_view op_name, const Operand& a, const Operand& b) {
  Variables operands = resolve_operands(op_name, {a, b});
  if (!operands[0].defined() || !operands[1].defined()) return operands;  // apply_op reports it
  const DType common = promote(operands[0].dtype(), operands[1].dtype());
  for (Variable& operand : operands) {
    if (operand.dtype() != common) operand = cast(Operand(operand, a.site()), common);
  }
  return operands;
}

void refuse_shapes(std::string_view op_name, std::string_view what, const Variables& operands,
                   SourceSite site, std::string_view hint) {
  std::string text = absl::StrCat(std::string(op_name), ": ", std::string(what), "\n",
                                  describe_operands(operands), "  at: ", resolve_site(site).str());
  if (!hint.empty()) absl::StrAppend(&text, "\n  hint: ", std::string(hint));
  throw ShapeError(text);
}

}  // namespace bitale
