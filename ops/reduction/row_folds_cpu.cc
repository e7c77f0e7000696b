#include "ops/reduction/row_folds_cpu.h"

#include "ops/reduction/folds_cpu.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale {
namespace {

static_assert(kRowPiece == reduction::kLanes * reduction::kBlock);

// The same order of operations as a reduction by itself.
template <typename F, typename T>
void fold_rows_of(const void* rows, int64_t count, int64_t length, void* out) {
  const T* row = static_cast<const T*>(rows);
  for (int64_t r = 0; r < count; ++r, row += length) {
    static_cast<T*>(out)[r] = F::store(reduction::fold_row<F>(row, length, 1));
  }
}

template <typename F, typename T>
void fold_pieces_of(const void* rows, int64_t count, int64_t length, void* out) {
  const T* piece = static_cast<const T*>(rows);
  for (int64_t r = 0; r < count; ++r) {
    reduction::Cascade<F> total;
    for (int64_t i = 0; i < length; ++i) total.add(F::load(*piece++));
    static_cast<T*>(out)[r] = F::store(total.result());
  }
}

template <typename F, typename T>
RowFold fold_as() {
  return {*F::vector_op(), fold_rows_of<F, T>, fold_pieces_of<F, T>};
}

template <typename T>
std::optional<RowFold> fold_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return fold_as<reduction::Sum<T>, T>();
    case ReduceKind::kProd:
      return fold_as<reduction::Prod<T>, T>();
    case ReduceKind::kMax:
      return fold_as<reduction::Max<T>, T>();
    case ReduceKind::kMin:
      return fold_as<reduction::Min<T>, T>();
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<RowFold> row_fold(ReduceKind kind, DType dtype) {
  if (dtype == DType::kFloat32) return fold_of<float>(kind);
  if (dtype == DType::kFloat64) return fold_of<double>(kind);
  return std::nullopt;
}

}  // namespace bitale
