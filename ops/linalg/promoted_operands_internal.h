// Operands of a product, brought to one dtype.

#ifndef BITALE_OPS_LINALG_PROMOTED_OPERANDS_INTERNAL_H_
#define BITALE_OPS_LINALG_PROMOTED_OPERANDS_INTERNAL_H_

#include <string_view>

#include "core/graph/operand.h"

namespace bitale {

// Both operands as variables of their promoted dtype. TypeError for int64 with uint64.
Variables promoted_operands(std::string_view op_name, const Operand& a, const Operand& b);

// Throws ShapeError in the form that type rules give it: what is wrong, the operands, site and
// hint.
[[noreturn]] void refuse_shapes(std::string_view op_name, std::string_view what,
                                const Variables& operands, SourceSite site,
                                std::string_view hint = "");

}  // namespace bitale

#endif  // BITALE_OPS_LINALG_PROMOTED_OPERANDS_INTERNAL_H_
