// Expressions that know their concrete shape, the range of their values and how far rounding may
// have taken them from the real number they stand for.
//
// Random graphs are built from these. Two ways to compute one graph may differ by the tracked error
// and no more: ill-conditioned graphs are told apart from wrong ones by a bound, not by a loose
// tolerance.

#ifndef BITALE_TESTS_REWRITES_TRACKED_H_
#define BITALE_TESTS_REWRITES_TRACKED_H_

#include <cstdint>

#include "core/graph/variable.h"
#include "core/tensor/tensor.h"
#include "ops/pool/pool.h"

namespace bitale {

struct Tracked {
  Variable v;
  Dims shape;
  double low = 0;
  double high = 0;
  double error = 0;  // absolute; 0 where no rounding took part

  bool is_float() const { return is_floating(v.dtype()); }
  // Functions that jump take exact operands only.
  bool is_exact() const { return error == 0; }
  double size() const;  // the largest magnitude
};

// Relative rounding of one operation in this dtype.
double rounding_of(DType dtype);

// --- Elementwise; operands of one dtype
// ------------------------------------------------------------

Tracked neg(const Tracked& x);
Tracked abs(const Tracked& x);
Tracked sqr(const Tracked& x);
Tracked relu(const Tracked& x);
Tracked tanh(const Tracked& x);
Tracked sigmoid(const Tracked& x);
Tracked softplus(const Tracked& x);
Tracked sin(const Tracked& x);
Tracked exp(const Tracked& x);
// low > 0.
Tracked log(const Tracked& x);
Tracked sqrt(const Tracked& x);
// low > -1.
Tracked log1p(const Tracked& x);
// A whole exponent, or low > 0.
Tracked pow(const Tracked& x, double exponent);

Tracked add(const Tracked& a, const Tracked& b);
Tracked sub(const Tracked& a, const Tracked& b);
Tracked mul(const Tracked& a, const Tracked& b);
// b keeps away from 0.
Tracked div(const Tracked& a, const Tracked& b);
Tracked maximum(const Tracked& a, const Tracked& b);
Tracked minimum(const Tracked& a, const Tracked& b);
// A number in x's dtype.
Tracked number(double value, const Tracked& like);

// --- Truth values: bool, between 0 and 1, exact
// ----------------------------------------------------

// x exact.
Tracked gt(const Tracked& x, double number);
Tracked logical_and(const Tracked& a, const Tracked& b);
Tracked logical_or(const Tracked& a, const Tracked& b);
Tracked logical_xor(const Tracked& a, const Tracked& b);
Tracked logical_not(const Tracked& x);
Tracked any(const Tracked& x, int64_t axis, bool keepdims);
Tracked all(const Tracked& x, int64_t axis, bool keepdims);
// A truth value, and two of one dtype.
Tracked where(const Tracked& condition, const Tracked& a, const Tracked& b);

// --- Others
// ----------------------------------------------------------------------------------------

Tracked sum(const Tracked& x, int64_t axis, bool keepdims);
Tracked max(const Tracked& x, int64_t axis, bool keepdims);
Tracked softmax(const Tracked& x, int64_t axis);
Tracked dot(const Tracked& a, const Tracked& b);
// a of rank 3, b of rank 2 or 3.
Tracked matmul(const Tracked& a, const Tracked& b);
// Filters that are not larger than the images.
Tracked conv2d(const Tracked& images, const Tracked& filters, bool full);
// Windows of 2 by 2; any mode but kL2.
Tracked pool_2d(const Tracked& x, PoolMode mode, bool ignore_border);
// `v` shows elements of x under `shape`.
Tracked moved(const Tracked& x, const Variable& v, Dims shape);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_TRACKED_H_
