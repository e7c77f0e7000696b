// What is known of a variable before a call: its dtype and its dims.

#ifndef BITALE_CORE_GRAPH_TYPE_H_
#define BITALE_CORE_GRAPH_TYPE_H_

#include <cstdint>
#include <string>

#include "core/base/dim.h"
#include "core/base/dtype.h"

namespace bitale {

struct TensorType {
  DType dtype = DType::kFloat32;
  SymbolicDims dims;

  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  bool is_scalar() const { return dims.empty(); }
  bool all_fixed() const;
  // "float32 (batch, 784)".
  std::string str() const;
  size_t hash() const;
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

// A type with these fixed dims.
TensorType fixed_type(DType dtype, const Dims& dims);

// Whether every value of type `narrow` is one of type `wide`: same dtype and rank, and each dim
// equal or known where `wide` knows less. A named dim narrows only an equal name or an unknown dim.
bool equals_or_narrows(const TensorType& narrow, const TensorType& wide);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_TYPE_H_
