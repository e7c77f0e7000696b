// Folds of short rows, and of what the pieces of long ones were folded into.

#ifndef BITALE_OPS_REDUCTION_ROW_FOLDS_CPU_H_
#define BITALE_OPS_REDUCTION_ROW_FOLDS_CPU_H_

#include <cstdint>
#include <optional>

#include "core/base/dtype.h"
#include "ops/cpu/vector_fold.h"
#include "ops/reduction/reduction.h"

namespace bitale {

// Pieces of rows that are folded by themselves: so long that a reduction by itself does the same.
inline constexpr int64_t kRowPiece = 1024;

struct RowFold {
  // out[r] is row r folded.
  using Function = void (*)(const void* rows, int64_t count, int64_t length, void* out);

  cpu::VectorOp op;
  Function rows;
  // The same of what pieces were folded into.
  Function pieces;
};

// None for kinds and dtypes that are not fused.
std::optional<RowFold> row_fold(ReduceKind kind, DType dtype);

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_ROW_FOLDS_CPU_H_
