#include "core/graph/inputs.h"

#include <utility>

namespace bitale {

Variable tensor(DType dtype, SymbolicDims dims, std::string name, SourceSite site) {
  return Variable::make_input({dtype, std::move(dims)}, std::move(name), site);
}

#define BITALE_DEFINE_INPUT(function, dtype, ...)             \
  Variable function(std::string name, SourceSite site) {      \
    return tensor(dtype, __VA_ARGS__, std::move(name), site); \
  }
#define BITALE_DEFINE_TYPED_INPUTS(prefix, dtype)                      \
  BITALE_DEFINE_INPUT(prefix##scalar, dtype, SymbolicDims())           \
  BITALE_DEFINE_INPUT(prefix##vector, dtype, SymbolicDims(1))          \
  BITALE_DEFINE_INPUT(prefix##row, dtype, SymbolicDims{Dim(1), Dim()}) \
  BITALE_DEFINE_INPUT(prefix##col, dtype, SymbolicDims{Dim(), Dim(1)}) \
  BITALE_DEFINE_INPUT(prefix##matrix, dtype, SymbolicDims(2))          \
  BITALE_DEFINE_INPUT(prefix##tensor3, dtype, SymbolicDims(3))         \
  BITALE_DEFINE_INPUT(prefix##tensor4, dtype, SymbolicDims(4))         \
  BITALE_DEFINE_INPUT(prefix##tensor5, dtype, SymbolicDims(5))
BITALE_DEFINE_TYPED_INPUTS(, float_x())
BITALE_DEFINE_TYPED_INPUTS(b, DType::kInt8)
BITALE_DEFINE_TYPED_INPUTS(w, DType::kInt16)
BITALE_DEFINE_TYPED_INPUTS(i, DType::kInt32)
BITALE_DEFINE_TYPED_INPUTS(l, DType::kInt64)
BITALE_DEFINE_TYPED_INPUTS(f, DType::kFloat32)
BITALE_DEFINE_TYPED_INPUTS(d, DType::kFloat64)
#undef BITALE_DEFINE_TYPED_INPUTS
#undef BITALE_DEFINE_INPUT

}  // namespace bitale
