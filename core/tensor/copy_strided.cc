// copy_strided(): elements from one dtype and arrangement to another.

#include <limits>
#include <type_traits>

#include "core/tensor/strided_copy.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

template <typename To, typename From>
To convert_element(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
    return convert_element<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // C++ leaves out-of-range casts undefined; going through int64 with a guard keeps them defined.
    if (!(value >= From(-9223372036854775808.0) && value < From(9223372036854775808.0))) {
      if (std::is_same_v<To, uint64_t> && value >= 0 && value < From(18446744073709551616.0)) {
        return static_cast<To>(value);
      }
      return static_cast<To>(std::numeric_limits<int64_t>::min());
    }
    return static_cast<To>(static_cast<int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

// Calls `visit(to_offset, from_offset, count, to_stride, from_stride)` for each innermost row.
template <typename Visit>
void for_each_row(const Dims& shape, const Dims& to_strides, const Dims& from_strides,
                  Visit&& visit) {
  if (element_count(shape) == 0) return;
  const size_t rank = shape.size();
  if (rank == 0) {
    visit(int64_t{0}, int64_t{0}, int64_t{1}, int64_t{1}, int64_t{1});
    return;
  }
  Dims index(rank, 0);
  int64_t to = 0;
  int64_t from = 0;
  while (true) {
    visit(to, from, shape[rank - 1], to_strides[rank - 1], from_strides[rank - 1]);
    size_t axis = rank - 1;
    while (true) {
      if (axis == 0) return;
      --axis;
      to += to_strides[axis];
      from += from_strides[axis];
      if (++index[axis] < shape[axis]) break;
      to -= shape[axis] * to_strides[axis];
      from -= shape[axis] * from_strides[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void copy_strided(const Dims& shape, DType to_dtype, void* to, const Dims& to_strides,
                  DType from_dtype, const void* from, const Dims& from_strides) {
  if (to_dtype == from_dtype) {
    return StridedCopy(size_of(to_dtype), shape, to_strides, from_strides).run(from, to);
  }
  visit_dtype(to_dtype, [&](auto to_tag) {
    using To = typename decltype(to_tag)::type;
    visit_dtype(from_dtype, [&](auto from_tag) {
      using From = typename decltype(from_tag)::type;
      for_each_row(shape, to_strides, from_strides,
                   [&](int64_t to_offset, int64_t from_offset, int64_t count, int64_t to_stride,
                       int64_t from_stride) {
                     To* out = static_cast<To*>(to) + to_offset;
                     const From* in = static_cast<const From*>(from) + from_offset;
                     for (int64_t i = 0; i < count; ++i) {
                       out[i * to_stride] = convert_element<To>(in[i * from_stride]);
                     }
                   });
    });
  });
}

}  // namespace bitale
