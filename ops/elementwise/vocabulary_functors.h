// The words in which scalar functions are written: operators, and the functions declared here.
//
// Each place that runs functors defines the words for its own types: vocabulary_cpu.h for numbers
// of the host; a vector wrapper and device code bring theirs. No standard headers: the same text
// serves g++, nvcc and NVRTC.

#ifndef BITALE_OPS_ELEMENTWISE_VOCABULARY_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_VOCABULARY_FUNCTORS_H_

// Functors are compiled into loops for several instruction sets, so they must become part of them.
#if defined(__CUDACC__)
#define BITALE_FUNCTOR inline __host__ __device__
#else
#define BITALE_FUNCTOR inline __attribute__((always_inline))
#endif

namespace bitale::scalar {

// Arithmetic that wraps for integers; on bool, add is or, mul is and.
template <typename T>
BITALE_FUNCTOR T wrap_add(T a, T b);
template <typename T>
BITALE_FUNCTOR T wrap_sub(T a, T b);
template <typename T>
BITALE_FUNCTOR T wrap_mul(T a, T b);
template <typename T>
BITALE_FUNCTOR T wrap_neg(T x);
// |x|; wraps for the smallest integer.
template <typename T>
BITALE_FUNCTOR T magnitude(T x);
// Quotient rounded down and remainder with b's sign; for integers 0 where b is 0, for floats as
// numpy.
template <typename T>
BITALE_FUNCTOR T floor_quotient(T a, T b);
template <typename T>
BITALE_FUNCTOR T floor_remainder(T a, T b);
// False where short_floor_*, which need no branches, give the same.
template <typename T>
BITALE_FUNCTOR bool has_long_quotient(T a, T b);
template <typename T>
BITALE_FUNCTOR T short_floor_quotient(T a, T b);
template <typename T>
BITALE_FUNCTOR T short_floor_remainder(T a, T b);
// a to the power of b; integers wrap, and a negative b gives 1 / a^-b truncated (0 for a = 0).
template <typename T>
BITALE_FUNCTOR T power(T a, T b);
// Of integers: false.
template <typename T>
BITALE_FUNCTOR bool is_nan(T x);
template <typename T>
BITALE_FUNCTOR bool is_inf(T x);

template <typename T>
BITALE_FUNCTOR T select(bool condition, T a, T b);

// Only for floats.
// -|x|.
template <typename T>
BITALE_FUNCTOR T minus_magnitude(T x);
template <typename T>
BITALE_FUNCTOR T fma(T a, T b, T c);
template <typename T>
BITALE_FUNCTOR T sqrt(T x);
template <typename T>
BITALE_FUNCTOR T exp(T x);
template <typename T>
BITALE_FUNCTOR T expm1(T x);
template <typename T>
BITALE_FUNCTOR T log(T x);
template <typename T>
BITALE_FUNCTOR T log1p(T x);
template <typename T>
BITALE_FUNCTOR T log2(T x);
template <typename T>
BITALE_FUNCTOR T log10(T x);
template <typename T>
BITALE_FUNCTOR T sin(T x);
template <typename T>
BITALE_FUNCTOR T cos(T x);
template <typename T>
BITALE_FUNCTOR T tan(T x);
// False where moderate_*, which need no branches, give the same.
template <typename T>
BITALE_FUNCTOR bool is_huge_angle(T x);
template <typename T>
BITALE_FUNCTOR T moderate_sin(T x);
template <typename T>
BITALE_FUNCTOR T moderate_cos(T x);
template <typename T>
BITALE_FUNCTOR T moderate_tan(T x);
template <typename T>
BITALE_FUNCTOR T asin(T x);
template <typename T>
BITALE_FUNCTOR T acos(T x);
template <typename T>
BITALE_FUNCTOR T atan(T x);
template <typename T>
BITALE_FUNCTOR T atan2(T y, T x);
template <typename T>
BITALE_FUNCTOR T sinh(T x);
template <typename T>
BITALE_FUNCTOR T cosh(T x);
template <typename T>
BITALE_FUNCTOR T tanh(T x);
template <typename T>
BITALE_FUNCTOR T erf(T x);
template <typename T>
BITALE_FUNCTOR T erfc(T x);
// To the nearest integer, halves to even.
template <typename T>
BITALE_FUNCTOR T round_even(T x);
template <typename T>
BITALE_FUNCTOR T floor(T x);
template <typename T>
BITALE_FUNCTOR T ceil(T x);
template <typename T>
BITALE_FUNCTOR T trunc(T x);

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_VOCABULARY_FUNCTORS_H_
