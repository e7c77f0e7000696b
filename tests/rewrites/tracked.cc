#include "tests/rewrites/tracked.h"

#include <algorithm>
#include <cmath>

#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
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

Dims broadcast_shape(const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims shape = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& length = shape[shape.size() - shorter.size() + i];
    if (length == 1) length = shorter[i];
  }
  return shape;
}

Dims reduced_shape(Dims shape, int64_t axis, bool keepdims) {
  if (keepdims) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  return shape;
}

Tracked truth(const Variable& v, Dims shape) { return {v, std::move(shape), 0, 1, 0}; }

// Whose elements are sums of `terms` products.
Tracked product(const Variable& v, Dims shape, const Tracked& a, const Tracked& b, int64_t terms) {
  const auto k = static_cast<double>(terms);
  const double most = k * a.size() * b.size();
  return {
      v, std::move(shape), -most, most,
      k * (a.size() * b.error + b.size() * a.error) + k * kUnits * rounding_of(v.dtype()) * most};
}

Tracked between(const Variable& v, const Tracked& a, const Tracked& b, double low, double high,
                double error) {
  Tracked result{v, broadcast_shape(a.shape, b.shape), low, high, error};
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
  return {maximum(a.v, b.v), broadcast_shape(a.shape, b.shape), std::max(a.low, b.low),
          std::max(a.high, b.high), std::max(a.error, b.error)};
}
Tracked minimum(const Tracked& a, const Tracked& b) {
  return {minimum(a.v, b.v), broadcast_shape(a.shape, b.shape), std::min(a.low, b.low),
          std::min(a.high, b.high), std::max(a.error, b.error)};
}
Tracked number(double value, const Tracked& like) {
  const Variable v = scalar_constant(like.v.dtype(), value);
  return {v, {}, value, value, rounding_of(like.v.dtype()) * std::fabs(value)};
}

Tracked gt(const Tracked& x, double number) { return truth(gt(x.v, number), x.shape); }
Tracked logical_and(const Tracked& a, const Tracked& b) {
  return truth(logical_and(a.v, b.v), broadcast_shape(a.shape, b.shape));
}
Tracked logical_or(const Tracked& a, const Tracked& b) {
  return truth(logical_or(a.v, b.v), broadcast_shape(a.shape, b.shape));
}
Tracked logical_xor(const Tracked& a, const Tracked& b) {
  return truth(logical_xor(a.v, b.v), broadcast_shape(a.shape, b.shape));
}
Tracked logical_not(const Tracked& x) { return truth(logical_not(x.v), x.shape); }
Tracked any(const Tracked& x, int64_t axis, bool keepdims) {
  return truth(any(x.v, axis, keepdims), reduced_shape(x.shape, axis, keepdims));
}
Tracked all(const Tracked& x, int64_t axis, bool keepdims) {
  return truth(all(x.v, axis, keepdims), reduced_shape(x.shape, axis, keepdims));
}
Tracked where(const Tracked& condition, const Tracked& a, const Tracked& b) {
  return {where(condition.v, a.v, b.v),
          broadcast_shape(condition.shape, broadcast_shape(a.shape, b.shape)),
          std::min(a.low, b.low), std::max(a.high, b.high), std::max(a.error, b.error)};
}

Tracked sum(const Tracked& x, int64_t axis, bool keepdims) {
  const auto n = static_cast<double>(x.shape[axis]);
  const Dims shape = reduced_shape(x.shape, axis, keepdims);
  Tracked y{sum(x.v, axis, keepdims), shape, n * x.low, n * x.high, n * x.error};
  if (x.is_float()) y.error += n * kUnits * rounding_of(x.v.dtype()) * n * x.size();
  return y;
}

Tracked max(const Tracked& x, int64_t axis, bool keepdims) {
  return {max(x.v, axis, keepdims), reduced_shape(x.shape, axis, keepdims), x.low, x.high, x.error};
}

Tracked softmax(const Tracked& x, int64_t axis) {
  const double n = static_cast<double>(x.shape[axis]);
  const double least = std::exp(x.low - x.high) / (n + 1);
  return rounded({softmax(x.v, axis), x.shape, least, 1, 2 * x.error});
}

Tracked dot(const Tracked& a, const Tracked& b) {
  Dims shape(a.shape.begin(), a.shape.end() - 1);
  shape.insert(shape.end(), b.shape.begin() + 1, b.shape.end());
  return product(dot(a.v, b.v), shape, a, b, a.shape.back());
}

Tracked matmul(const Tracked& a, const Tracked& b) {
  Dims shape = broadcast_shape({a.shape[0]}, Dims(b.shape.begin(), b.shape.end() - 2));
  shape.push_back(a.shape[1]);
  shape.push_back(b.shape.back());
  return product(matmul(a.v, b.v), shape, a, b, a.shape.back());
}

Tracked conv2d(const Tracked& images, const Tracked& filters, bool full) {
  Dims shape = {images.shape[0], filters.shape[0]};
  for (size_t axis : {2, 3}) {
    const int64_t overlap = filters.shape[axis] - 1;
    shape.push_back(images.shape[axis] + (full ? overlap : -overlap));
  }
  const Variable v = conv2d(images.v, filters.v, {.border_mode = full ? "full" : "valid"});
  const int64_t terms = element_count(filters.shape) / filters.shape[0];
  return product(v, shape, images, filters, terms);
}

Tracked pool_2d(const Tracked& x, PoolMode mode, bool ignore_border) {
  Tracked y = x;
  y.v = pool_2d(x.v, {2, 2}, {.ignore_border = ignore_border, .mode = mode});
  for (size_t axis = x.shape.size() - 2; axis < x.shape.size(); ++axis) {
    y.shape[axis] = (x.shape[axis] + (ignore_border ? 0 : 1)) / 2;
  }
  if (mode == PoolMode::kMax) return y;
  if (mode == PoolMode::kSum) {
    // Windows at the edge may have fewer than four elements.
    y.low = std::min(x.low, 4 * x.low);
    y.high = std::max(x.high, 4 * x.high);
    y.error = 4 * x.error;
  }
  return rounded(y);
}

Tracked moved(const Tracked& x, const Variable& v, Dims shape) {
  return {v, std::move(shape), x.low, x.high, x.error};
}

}  // namespace bitale
