#include "core/graph/type.h"

#include <algorithm>

namespace bitale {

bool TensorType::all_fixed() const {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_fixed(); });
}

std::string TensorType::str() const { return std::string(name_of(dtype)) + " " + to_string(dims); }

size_t TensorType::hash() const {
  size_t hash = static_cast<size_t>(dtype) + 0x9e3779b97f4a7c15u;
  for (const Dim& dim : dims) hash = (hash ^ dim.hash()) * 0x100000001b3u;
  return hash;
}

TensorType fixed_type(DType dtype, const Dims& dims) {
  return {dtype, SymbolicDims(dims.begin(), dims.end())};
}

bool equals_or_narrows(const TensorType& narrow, const TensorType& wide) {
  if (narrow.dtype != wide.dtype || narrow.rank() != wide.rank()) return false;
  for (size_t axis = 0; axis < wide.dims.size(); ++axis) {
    const Dim& n = narrow.dims[axis];
    const Dim& w = wide.dims[axis];
    if (n == w || w.is_unknown() || (w.is_named() && n.is_fixed())) continue;
    return false;
  }
  return true;
}

}  // namespace bitale
