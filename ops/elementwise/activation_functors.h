// Activations and rounding: functions of floats.

#ifndef BITALE_OPS_ELEMENTWISE_ACTIVATION_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_ACTIVATION_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

// Only exponentials of what is not positive: they cannot overflow.
struct Sigmoid {
  // With e = exp(-|x|), 1 / (1 + e) = 1 - e / (1 + e) and e / (1 + e) = e - e e / (1 + e): the less
  // is taken off, the less of the quotient's error is in the result.
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    const T e = exp(minus_magnitude(x));
    const T least = select(x >= T(0), T(1), e);
    return fma(-least, e / (T(1) + e), least);
  }
};
struct Softplus {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return select(x > T(0), x, T(0)) + log1p(exp(minus_magnitude(x)));
  }
};
// Gives NaN back.
struct Relu {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return select(x <= T(0), T(0), x);
  }
};
struct LeakyRelu {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x, T alpha) const {
    return select(x > T(0), x, alpha * x);
  }
};
struct Elu {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x, T alpha) const {
    return select(x > T(0), x, alpha * expm1(x));
  }
};
struct Round {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return round_even(x);
  }
};
struct Floor {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return floor(x);
  }
};
struct Ceil {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return ceil(x);
  }
};
struct Trunc {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return trunc(x);
  }
};

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_ACTIVATION_FUNCTORS_H_
