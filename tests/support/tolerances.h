// How far results may lie from their oracle, by dtype. The only such numbers of the suite: no test
// has tolerances of its own.

#ifndef BITALE_TESTS_SUPPORT_TOLERANCES_H_
#define BITALE_TESTS_SUPPORT_TOLERANCES_H_

#include "core/base/dtype.h"

namespace bitale {

// |got - expected| <= relative * max(|expected|, scale).
constexpr double relative_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 1e-12;
    case DType::kFloat32:
      return 2e-5;
    case DType::kFloat16:
      return 4e-3;
    case DType::kBFloat16:
      return 3e-2;
    default:
      return 0;  // discrete results are exact
  }
}

// Of derivatives in float64, as gradient_check counts, of any order.
inline constexpr double kGradientTolerance = 1e-7;

}  // namespace bitale

#endif  // BITALE_TESTS_SUPPORT_TOLERANCES_H_
