// Roots, exponentials, logarithms, angles: functions of floats.

#ifndef BITALE_OPS_ELEMENTWISE_TRANSCENDENTAL_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_TRANSCENDENTAL_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

struct Sqrt {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return sqrt(x);
  }
};
struct Exp {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return exp(x);
  }
};
struct Expm1 {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return expm1(x);
  }
};
struct Log {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return log(x);
  }
};
struct Log1p {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return log1p(x);
  }
};
struct Log2 {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return log2(x);
  }
};
struct Log10 {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return log10(x);
  }
};
struct Sin {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return sin(x);
  }
  template <typename T>
  static BITALE_FUNCTOR bool is_rare(T x) {
    return is_huge_angle(x);
  }
  template <typename T>
  BITALE_FUNCTOR T usual(T x) const {
    return moderate_sin(x);
  }
};
struct Cos {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return cos(x);
  }
  template <typename T>
  static BITALE_FUNCTOR bool is_rare(T x) {
    return is_huge_angle(x);
  }
  template <typename T>
  BITALE_FUNCTOR T usual(T x) const {
    return moderate_cos(x);
  }
};
struct Tan {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return tan(x);
  }
  template <typename T>
  static BITALE_FUNCTOR bool is_rare(T x) {
    return is_huge_angle(x);
  }
  template <typename T>
  BITALE_FUNCTOR T usual(T x) const {
    return moderate_tan(x);
  }
};
struct Asin {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return asin(x);
  }
};
struct Acos {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return acos(x);
  }
};
struct Atan {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return atan(x);
  }
};
struct Sinh {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return sinh(x);
  }
};
struct Cosh {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return cosh(x);
  }
};
struct Tanh {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return tanh(x);
  }
};
struct Erf {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return erf(x);
  }
};
struct Erfc {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return erfc(x);
  }
};
struct Atan2 {
  template <typename T>
  BITALE_FUNCTOR T operator()(T y, T x) const {
    return atan2(y, x);
  }
};

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_TRANSCENDENTAL_FUNCTORS_H_
