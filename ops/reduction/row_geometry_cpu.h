// What the rows of a fused group are, for operands of concrete dims.

#ifndef BITALE_OPS_REDUCTION_ROW_GEOMETRY_CPU_H_
#define BITALE_OPS_REDUCTION_ROW_GEOMETRY_CPU_H_

#include <span>

#include "core/compile/kernel_registry.h"
#include "ops/reduction/fused_rows_internal.h"

namespace bitale {

// How an operand lies along rows and across them.
enum class RowOperand : uint8_t {
  kUniform,    // one element for all
  kNumbers,    // one element per row
  kSharedRow,  // one row for all
  kRows,       // elements that vary along rows and across them
};

struct RowGeometry {
  explicit RowGeometry(const KernelCall& call);

  RowOperand kind_of(const OperandLayout& operand) const;

  Dims shape;          // of whole rows
  Dims numbers_shape;  // of one number per row
  Dims row_shape;      // of one row
  int64_t rows = 1;
  int64_t length = 1;  // of a row
  // Why the group cannot run row by row; null if it can.
  const char* refusal = nullptr;
};

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_ROW_GEOMETRY_CPU_H_
