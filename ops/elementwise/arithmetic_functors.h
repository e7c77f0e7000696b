// Arithmetic on floats, integers and bool, as scalar functions.

#ifndef BITALE_OPS_ELEMENTWISE_ARITHMETIC_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_ARITHMETIC_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

struct Add {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return wrap_add(a, b);
  }
};
struct Sub {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return wrap_sub(a, b);
  }
};
struct Mul {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return wrap_mul(a, b);
  }
};
struct TrueDiv {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return a / b;
  }
};
struct IntDiv {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return floor_quotient(a, b);
  }
  template <typename T>
  static BITALE_FUNCTOR bool is_rare(T a, T b) {
    return has_long_quotient(a, b);
  }
  template <typename T>
  BITALE_FUNCTOR T usual(T a, T b) const {
    return short_floor_quotient(a, b);
  }
};
struct Mod {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return floor_remainder(a, b);
  }
  template <typename T>
  static BITALE_FUNCTOR bool is_rare(T a, T b) {
    return has_long_quotient(a, b);
  }
  template <typename T>
  BITALE_FUNCTOR T usual(T a, T b) const {
    return short_floor_remainder(a, b);
  }
};
struct Pow {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return power(a, b);
  }
};
struct Neg {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return wrap_neg(x);
  }
};
struct Abs {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return magnitude(x);
  }
};
// Gives 0 and NaN back as they are.
struct Sgn {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return select(x > T(0), T(1), select(x < T(0), T(-1), x));
  }
};
struct Sqr {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return wrap_mul(x, x);
  }
};
// A NaN on either side wins.
struct Maximum {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return select((a >= b) | is_nan(a), a, b);
  }
};
struct Minimum {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return select((a <= b) | is_nan(a), a, b);
  }
};
struct Clip {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x, T low, T high) const {
    const T least = select((x < low) | is_nan(low), low, x);
    return select((least > high) | is_nan(high), high, least);
  }
};

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_ARITHMETIC_FUNCTORS_H_
