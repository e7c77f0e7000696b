// Elementwise functions of tensors: arithmetic, transcendental functions, comparisons, logic, bits,
// rounding, choice, casts. Numpy's words (Theano's where numpy has none) and numpy's broadcasting.
//
// Broadcasting is decided when the node is built: an axis of an operand broadcasts where the
// operand lacks it (axes are aligned from the right) or where its dim is statically fixed 1 and
// another operand's is not. Two dims that cannot be equal are a ShapeError, "operands could not be
// broadcast: (3, 4) and (5, 4)"; an axis that turns out to be 1 only at a call is a ShapeError that
// names broadcastable().
//
// dtypes: operands are promoted to one dtype (core/base/dtype.h); C++ numbers are weak and take the
// dtype beside them. Integer arithmetic wraps. float16 and bfloat16 compute in float32 and round.
// "Float" functions give floatX for integer operands. Comparisons and logic give bool.
//
// Gradients flow through floating operands only. Functions that are constant almost everywhere
// (floor, sgn, ...) have gradient 0; comparisons and logic have none.
//
// Accuracy: the greatest errors of float32 and float64, in units in the last place. What is not
// named is exact or rounded correctly (0.5). Special values are C's (annex F), subnormal numbers
// count, and angles may be as large as floats are. float_math_test.cc and float_pair_math_test.cc
// hold each function to its bound.
//
//              float32 float64             float32 float64             float32 float64
//   exp          1.0     1.1     sin         0.9     1.0     erf         1.3     1.3
//   expm1        1.5     2.2     cos         0.9     1.0     erfc        1.3     1.3
//   log          0.8     0.9     tan         1.2     1.2     sigmoid     1.7     1.7
//   log1p        1.6     1.6     asin        1.2     1.2     softplus    2.1     2.0
//   log2         0.8     0.8     acos        1.2     1.2     elu         2.1     2.7
//   log10        0.8     0.8     atan        1.0     1.0     pow         0.51    0.8
//   sinh, cosh   1.0     1.0     atan2       1.6     1.6
//   tanh         2.0     2.2
//
// The operators + - * / % and < <= > >= are in operators.h, which this header includes.

#ifndef BITALE_OPS_ELEMENTWISE_ELEMENTWISE_H_
#define BITALE_OPS_ELEMENTWISE_ELEMENTWISE_H_

#include "core/graph/operand.h"
#include "ops/elementwise/operators.h"

namespace bitale {

// --- Arithmetic: operands promote; bool only where said ------------------------------------------

// a + b. bool: a or b.
Variable add(Operand a, Operand b);
// a - b. TypeError for bool.
Variable sub(Operand a, Operand b);
// a * b. bool: a and b.
Variable mul(Operand a, Operand b);
// a / b; integers give floatX (numpy.true_divide).
Variable true_div(Operand a, Operand b);
// The quotient rounded down (numpy.floor_divide). An integer divided by 0 gives 0. Gradient 0.
Variable int_div(Operand a, Operand b);
// a - b * floor(a / b): has b's sign (numpy.mod). An integer modulo 0 gives 0.
Variable mod(Operand a, Operand b);
// a to the power of b (numpy.power). Integers: a negative b gives 0 unless a is 1 or -1.
// Derivatives for b: 0 where a is 0.
Variable pow(Operand a, Operand b);
// -x. TypeError for bool.
Variable neg(Operand x);
// |x|. Derivative 0 at 0.
Variable abs(Operand x);
// -1, 0 or 1 in x's dtype, NaN for NaN (numpy.sign). Gradient 0.
Variable sgn(Operand x);
// x * x (numpy.square).
Variable sqr(Operand x);
// The larger, the smaller; NaN wins (numpy.maximum, minimum). At a tie each gets half the gradient.
Variable maximum(Operand a, Operand b);
Variable minimum(Operand a, Operand b);
// minimum(maximum(x, low), high) (numpy.clip). The gradient goes to x where low <= x <= high, to
// low where x < low, to high where x > high.
Variable clip(Operand x, Operand low, Operand high);

// --- Float functions: integers give floatX -------------------------------------------------------

// Derivative inf at 0; NaN for negative x.
Variable sqrt(Operand x);
Variable exp(Operand x);
// exp(x) - 1, accurate near 0.
Variable expm1(Operand x);
Variable log(Operand x);
// log(1 + x), accurate near 0.
Variable log1p(Operand x);
Variable log2(Operand x);
Variable log10(Operand x);
Variable sin(Operand x);
Variable cos(Operand x);
Variable tan(Operand x);
Variable asin(Operand x);
Variable acos(Operand x);
Variable atan(Operand x);
// The angle of the point (x, y), in (-pi, pi] (numpy.arctan2).
Variable atan2(Operand y, Operand x);
Variable sinh(Operand x);
Variable cosh(Operand x);
Variable tanh(Operand x);
Variable erf(Operand x);
// 1 - erf(x), accurate for large x.
Variable erfc(Operand x);

// --- Activations: float functions ----------------------------------------------------------------

// 1 / (1 + exp(-x)), without overflow.
Variable sigmoid(Operand x);
// clip(0.2 * x + 0.5, 0, 1) (Theano's hard_sigmoid).
Variable hard_sigmoid(Operand x);
// log(1 + exp(x)), without overflow.
Variable softplus(Operand x);
// maximum(x, 0), for integers too; derivative 0 at 0.
Variable relu(Operand x);
// x where x > 0, else alpha * x.
Variable leaky_relu(Operand x, Operand alpha = 0.01);
// x where x > 0, else alpha * (exp(x) - 1).
Variable elu(Operand x, Operand alpha = 1.0);

// --- Rounding: integers come back unchanged; gradient 0 ------------------------------------------

// To the nearest integer, halves to even (numpy.round).
Variable round(Operand x);
Variable floor(Operand x);
Variable ceil(Operand x);
// Towards 0.
Variable trunc(Operand x);

// --- Comparisons: operands promote, the result is bool -------------------------------------------

// `==` on Variables is identity, hence the words. NaN is unequal to everything.
Variable eq(Operand a, Operand b);
Variable neq(Operand a, Operand b);
Variable lt(Operand a, Operand b);
Variable le(Operand a, Operand b);
Variable gt(Operand a, Operand b);
Variable ge(Operand a, Operand b);
// False for integers.
Variable isnan(Operand x);
Variable isinf(Operand x);

// --- Logic: any dtypes, what is not 0 is true; the result is bool --------------------------------

Variable logical_and(Operand a, Operand b);
Variable logical_or(Operand a, Operand b);
Variable logical_xor(Operand a, Operand b);
Variable logical_not(Operand x);

// --- Bits: integers and bool, TypeError for floats -----------------------------------------------

Variable bitwise_and(Operand a, Operand b);
Variable bitwise_or(Operand a, Operand b);
Variable bitwise_xor(Operand a, Operand b);
// Of bool: not x.
Variable bitwise_not(Operand x);

// --- Choice and dtype ----------------------------------------------------------------------------

// a where `condition` is not 0, else b (numpy.where). The gradient of a branch is 0, not NaN, where
// the branch is not taken.
Variable where(Operand condition, Operand a, Operand b);
// x in another dtype, as C++ casts (floats to integers truncate; to bool: x != 0); x itself if it
// has that dtype already. Between floating dtypes the gradient is cast back.
Variable cast(Operand x, DType dtype);
// b, broadcast to the shape that a and b have together (Theano's second, fill).
Variable second(Operand a, Operand b);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_ELEMENTWISE_H_
