// same_bits() and all_close().

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/tensor/tensor.h"

namespace bitale {

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = a.to(kCpu).contiguous();
  const Tensor y = b.to(kCpu).contiguous();
  if (x.bytes() == 0) return true;
  if (std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0) return true;
  if (!is_floating(a.dtype())) return false;
  // NaNs may differ in payload.
  const size_t width = size_of(a.dtype());
  const auto* p = static_cast<const std::byte*>(x.raw_data());
  const auto* q = static_cast<const std::byte*>(y.raw_data());
  const std::vector<double> u = x.to_vector<double>();
  const std::vector<double> v = y.to_vector<double>();
  for (size_t i = 0; i < u.size(); ++i) {
    if (std::memcmp(p + i * width, q + i * width, width) == 0) continue;
    if (!(std::isnan(u[i]) && std::isnan(v[i]))) return false;
  }
  return true;
}

bool all_close(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  if (a.shape() != b.shape()) return false;
  const std::vector<double> u = a.to_vector<double>();
  const std::vector<double> v = b.to_vector<double>();
  for (size_t i = 0; i < u.size(); ++i) {
    if (u[i] == v[i]) continue;
    if (equal_nan && std::isnan(u[i]) && std::isnan(v[i])) continue;
    if (std::isinf(u[i]) || std::isinf(v[i])) return false;
    if (!(std::abs(u[i] - v[i]) <= atol + rtol * std::abs(v[i]))) return false;
  }
  return true;
}

}  // namespace bitale
