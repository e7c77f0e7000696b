// Whether two ways to compute a value agree: the rule by which DebugMode compares.

#ifndef BITALE_CORE_COMPILE_VALUE_DIFFERENCE_H_
#define BITALE_CORE_COMPILE_VALUE_DIFFERENCE_H_

#include <cstddef>
#include <optional>

#include "core/tensor/tensor.h"

namespace bitale {

// The first element that differs, in row-major order, and the largest distance of any: infinite
// where only one of the two is NaN or infinite.
struct Difference {
  size_t element;
  double expected;
  double actual;
  double largest;
};

// How far the same real-number function in another order of operations may be off, as a part of
// the largest number on the way, for which the largest of the result stands where none is known: 0
// for integers and bool.
double reassociation_tolerance(DType dtype);

// The largest magnitude among the finite elements; 0 if there are none.
double largest_finite(const Tensor& value);

// Where `actual` is not `expected`, of the same dtype and shape, both on the host. Floats agree
// where they are no further than `distance` apart, integers and bools where they are equal. NaN and
// infinities of `expected` agree with themselves only, or, where `for_finite_values`, with
// anything.
std::optional<Difference> find_difference(const Tensor& expected, const Tensor& actual,
                                          double distance, bool for_finite_values);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_VALUE_DIFFERENCE_H_
