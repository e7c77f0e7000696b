// Comparisons, logic and bits.

#ifndef BITALE_OPS_ELEMENTWISE_COMPARISON_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_COMPARISON_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

struct Eq {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a == b;
  }
};
struct Neq {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Lt {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a < b;
  }
};
struct Le {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct Gt {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a > b;
  }
};
struct Ge {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a >= b;
  }
};
struct IsNan {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T x) const {
    return is_nan(x);
  }
};
struct IsInf {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T x) const {
    return is_inf(x);
  }
};
// Of bools, or of bytes that hold them.
struct LogicalAnd {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return (a & b) != 0;
  }
};
struct LogicalOr {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return (a | b) != 0;
  }
};
struct LogicalXor {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T a, T b) const {
    return a != b;
  }
};
struct LogicalNot {
  template <typename T>
  BITALE_FUNCTOR bool operator()(T x) const {
    return x == 0;
  }
};
struct BitwiseAnd {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};
struct BitwiseOr {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};
struct BitwiseXor {
  template <typename T>
  BITALE_FUNCTOR T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};
// All bits set, less x: the complement, of bool too.
struct BitwiseNot {
  template <typename T>
  BITALE_FUNCTOR T operator()(T x) const {
    return static_cast<T>(x ^ static_cast<T>(-1));
  }
};

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_COMPARISON_FUNCTORS_H_
