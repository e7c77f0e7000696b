// Element access shared by the indexing kernels.

#ifndef BITALE_OPS_INDEXING_ELEMENT_ACCESS_CPU_H_
#define BITALE_OPS_INDEXING_ELEMENT_ACCESS_CPU_H_

#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/base/dtype.h"

namespace bitale {

// a + b in the dtype's own arithmetic: integers wrap, the two-byte floats round once from float32.
template <typename T>
T add_elements(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(
        static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)));
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    return a + b;
  } else {
    return T(static_cast<float>(a) + static_cast<float>(b));
  }
}

// Reads element i of an integer array as int64; what int64 cannot hold becomes its largest value.
using IndexReader = int64_t (*)(const void* array, int64_t i);

template <typename T>
int64_t read_index(const void* array, int64_t i) {
  const T value = static_cast<const T*>(array)[i];
  if constexpr (std::is_same_v<T, uint64_t>) {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return static_cast<int64_t>(value < kMost ? value : kMost);
  } else {
    return static_cast<int64_t>(value);
  }
}

inline IndexReader index_reader(DType dtype) {
  return visit_dtype(dtype, [](auto tag) -> IndexReader {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      return &read_index<T>;
    } else {
      return nullptr;
    }
  });
}

}  // namespace bitale

#endif  // BITALE_OPS_INDEXING_ELEMENT_ACCESS_CPU_H_
