// Angles too large for trigonometric_functors.h's reduction.

#ifndef BITALE_OPS_ELEMENTWISE_HUGE_ANGLE_CPU_H_
#define BITALE_OPS_ELEMENTWISE_HUGE_ANGLE_CPU_H_

#include "ops/elementwise/trigonometric_functors.h"

namespace bitale::scalar {

// As reduce_angle(), for finite x >= 2^16, exactly but for the rounding of r's two words.
ReducedAngle<float> reduce_huge_angle(float x);
ReducedAngle<double> reduce_huge_angle(double x);

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_HUGE_ANGLE_CPU_H_
