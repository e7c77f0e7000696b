#include <cmath>
#include <type_traits>
#include <utility>

#include "core/compile/function.h"

namespace bitale {
namespace {

// Whether an integer type holds a number as it is.
template <typename T>
bool holds(const Number& number) {
  const auto in_range = [](auto value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value == 0 || value == 1;
    } else {
      return std::in_range<T>(value);
    }
  };
  if (is_floating(number.dtype)) {
    // Beyond it, a conversion to an integer is undefined.
    return std::abs(number.real) < 0x1p63 && std::trunc(number.real) == number.real &&
           in_range(static_cast<int64_t>(number.real));
  }
  return is_signed_integer(number.dtype) ? in_range(number.integer) : in_range(number.natural);
}

void convert(const Number& number, DType dtype, void* to) {
  const DType held = is_floating(number.dtype)         ? DType::kFloat64
                     : is_signed_integer(number.dtype) ? DType::kInt64
                                                       : DType::kUint64;
  copy_strided({}, dtype, to, {}, held, &number.integer, {});
}

}  // namespace

Tensor Number::tensor() const {
  Tensor tensor = Tensor::empty(dtype, {});
  convert(*this, dtype, tensor.raw_data());
  return tensor;
}

bool Number::write(DType to_dtype, void* to) const {
  const bool fits = visit_dtype(to_dtype, [this](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      return holds<T>(*this);
    } else {
      return true;
    }
  });
  if (fits) convert(*this, to_dtype, to);
  return fits;
}

}  // namespace bitale
