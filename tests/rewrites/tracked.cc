#include "tests/rewrites/tracked.h"

#include <algorithm>
#include <cmath>

#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

// Elementary functions are good to a few units in the last place.
constexpr double kUnits = 8;

// With the rounding of the last operation added, if there is any.
Tracked rounded(Tracked x) {
  x.error += kUnits * rounding_of(x.v.dtype()) * std::max(x.size(), 1e-3);
  return x;
}

// A function that rises (or falls) over the whole range, and changes by `slope` times its operand
// at most.
Tracked monotonic(const Variable& v, const Tracked& x, double at_low, double at_high,
                  double slope) {
  return rounded(
      {v, x.shape, std::min(at_low, at_high), std::max(at_low, at_high), slope * x.error});
}

Dims broadcast_shape(const Tracked& a, const Tracked& b) {
  const Dims& longer = a.shape.size() >= b.shape.size() ? a.shape : b.shape;
  const Dims& shorter = a.shape.size() >= b.shape.size() ? b.shape : a.shape;
  Dims shape = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& length = shape[shape.size() - shorter.size() + i];
    if (length == 1) length = shorter[i];
  }
  return shape;
}

Tracked between(const Variable& v, const Tracked& a, const Tracked& b, double low, double high,
                double error) {
  Tracked result{v, broadcast_shape(a, b), low, high, error};
  return a.is_float() ? rounded(result) : result;
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

double Tracked::size() const { return std::max(std::fabs(low), std::fabs(high)); }

double rounding_of(DType dtype) {
  if (dtype == DType::kFloat64) return 0x1p-52;
  return dtype == DType::kFloat32 ? 0x1p-23 : 0;
}

Tracked neg(const Tracked& x) { return {neg(x.v), x.shape, -x.high, -x.low, x.error}; }

Tracked abs(const Tracked& x) {
  const double low = x.low > 0 ? x.low : x.high < 0 ? -x.high : 0;
  return {abs(x.v), x.shape, low, x.size(), x.error};
}

Tracked sqr(const Tracked& x) {
  const double low = abs(x).low;
  Tracked y{sqr(x.v), x.shape, low * low, x.size() * x.size(), 2 * x.size() * x.error};
  return x.is_float() ? rounded(y) : y;
}

Tracked relu(const Tracked& x) {
  return {relu(x.v), x.shape, std::max(x.low, 0.0), std::max(x.high, 0.0), x.error};
}

Tracked tanh(const Tracked& x) {
  return monotonic(tanh(x.v), x, std::tanh(x.low), std::tanh(x.high), 1);
}
Tracked sigmoid(const Tracked& x) {
  return monotonic(sigmoid(x.v), x, logistic(x.low), logistic(x.high), 0.25);
}
Tracked softplus(const Tracked& x) {
  return monotonic(softplus(x.v), x, std::log1p(std::exp(x.low)), std::log1p(std::exp(x.high)), 1);
}
Tracked sin(const Tracked& x) { return rounded({sin(x.v), x.shape, -1, 1, x.error}); }
Tracked exp(const Tracked& x) {
  return monotonic(exp(x.v), x, std::exp(x.low), std::exp(x.high), std::exp(x.high));
}
Tracked log(const Tracked& x) {
  return monotonic(log(x.v), x, std::log(x.low), std::log(x.high), 1 / x.low);
}
Tracked sqrt(const Tracked& x) {
  return monotonic(sqrt(x.v), x, std::sqrt(x.low), std::sqrt(x.high), 0.5 / std::sqrt(x.low));
}
Tracked log1p(const Tracked& x) {
  return monotonic(log1p(x.v), x, std::log1p(x.low), std::log1p(x.high), 1 / (1 + x.low));
}

Tracked pow(const Tracked& x, double exponent) {
  const Variable v = pow(x.v, exponent);
  const double most =
      std::max(std::pow(std::max(x.size(), 1.0), std::fabs(exponent)),
               x.low > 0 ? std::pow(std::min(x.low, 1.0), -std::fabs(exponent)) : 1);
  const double steep = std::fabs(exponent) * most / (x.low > 0 ? std::min(x.low, 1.0) : 1);
  return rounded({v, x.shape, x.low > 0 ? 1 / most : -most, most, steep * x.error});
}

Tracked add(const Tracked& a, const Tracked& b) {
  return between(add(a.v, b.v), a, b, a.low + b.low, a.high + b.high, a.error + b.error);
}
Tracked sub(const Tracked& a, const Tracked& b) {
  Tracked y = between(sub(a.v, b.v), a, b, a.low - b.high, a.high - b.low, a.error + b.error);
  // Terms of this size may meet in another order.
  y.error += kUnits * rounding_of(a.v.dtype()) * (a.size() + b.size());
  return y;
}
Tracked mul(const Tracked& a, const Tracked& b) {
  const double corners[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
  return between(mul(a.v, b.v), a, b, *std::min_element(corners, corners + 4),
                 *std::max_element(corners, corners + 4), a.size() * b.error + b.size() * a.error);
}
Tracked div(const Tracked& a, const Tracked& b) {
  const double least = std::min(std::fabs(b.low), std::fabs(b.high));
  const double corners[] = {a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high};
  return between(true_div(a.v, b.v), a, b, *std::min_element(corners, corners + 4),
                 *std::max_element(corners, corners + 4),
                 a.error / least + a.size() * b.error / (least * least));
}
Tracked maximum(const Tracked& a, const Tracked& b) {
  return {maximum(a.v, b.v), broadcast_shape(a, b), std::max(a.low, b.low),
          std::max(a.high, b.high), std::max(a.error, b.error)};
}
Tracked minimum(const Tracked& a, const Tracked& b) {
  return {minimum(a.v, b.v), broadcast_shape(a, b), std::min(a.low, b.low),
          std::min(a.high, b.high), std::max(a.error, b.error)};
}
Tracked number(double value, const Tracked& like) {
  const Variable v = scalar_constant(like.v.dtype(), value);
  return {v, {}, value, value, rounding_of(like.v.dtype()) * std::fabs(value)};
}

Tracked sum(const Tracked& x, int64_t axis, bool keepdims) {
  const auto n = static_cast<double>(x.shape[axis]);
  Dims shape = x.shape;
  if (keepdims) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  Tracked y{sum(x.v, axis, keepdims), shape, n * x.low, n * x.high, n * x.error};
  if (x.is_float()) y.error += n * kUnits * rounding_of(x.v.dtype()) * n * x.size();
  return y;
}

Tracked max(const Tracked& x, int64_t axis, bool keepdims) {
  Dims shape = x.shape;
  if (keepdims) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  return {max(x.v, axis, keepdims), shape, x.low, x.high, x.error};
}

Tracked softmax(const Tracked& x, int64_t axis) {
  const double n = static_cast<double>(x.shape[axis]);
  const double least = std::exp(x.low - x.high) / (n + 1);
  return rounded({softmax(x.v, axis), x.shape, least, 1, 2 * x.error});
}

Tracked dot(const Tracked& a, const Tracked& b) {
  const double k = static_cast<double>(a.shape.back());
  const double most = k * a.size() * b.size();
  Dims shape(a.shape.begin(), a.shape.end() - 1);
  shape.insert(shape.end(), b.shape.begin() + 1, b.shape.end());
  return {
      dot(a.v, b.v), shape, -most, most,
      k * (a.size() * b.error + b.size() * a.error) + k * kUnits * rounding_of(a.v.dtype()) * most};
}

Tracked moved(const Tracked& x, const Variable& v, Dims shape) {
  return {v, std::move(shape), x.low, x.high, x.error};
}

}  // namespace bitale
