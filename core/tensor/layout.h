// How a value's elements lie in memory: strided (row-major) or packed for some family of kernels.

#ifndef BITALE_CORE_TENSOR_LAYOUT_H_
#define BITALE_CORE_TENSOR_LAYOUT_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "core/tensor/tensor.h"

namespace bitale {

// What a packing needs to know beside dtype and shape.
using PackingParameters = std::array<int64_t, 2>;

// A named arrangement with functions to and from the strided form. Instances are static.
struct Packing {
  std::string_view name;
  // Elements of a packed block for a tensor of this shape, padding included.
  int64_t (*element_count)(DType dtype, const Dims& shape, const PackingParameters& parameters);
  // Both tensors on the host; `packed` is a vector of element_count() elements.
  void (*pack)(const Tensor& strided, const Tensor& packed, const PackingParameters& parameters);
  // Null for one that is only read: nobody may write a container in this form.
  void (*unpack)(const Tensor& packed, const Tensor& strided, const PackingParameters& parameters);
};

struct Layout {
  const Packing* packing = nullptr;  // null: row-major without gaps
  PackingParameters parameters = {};

  bool is_strided() const { return packing == nullptr; }
  std::string_view name() const { return packing == nullptr ? "strided" : packing->name; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_LAYOUT_H_
