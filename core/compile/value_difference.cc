#include "core/compile/value_difference.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace bitale {
namespace {

template <typename T, typename Agree>
std::optional<Difference> compare(const std::vector<T>& expected, const std::vector<T>& actual,
                                  const Agree& agree) {
  std::optional<Difference> difference;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (agree(expected[i], actual[i])) continue;
    const auto from = static_cast<double>(expected[i]);
    const auto to = static_cast<double>(actual[i]);
    const double distance = std::abs(from - to);
    if (!difference) difference = Difference{i, from, to, 0};
    difference->largest =
        std::max(difference->largest,
                 std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance);
  }
  return difference;
}

}  // namespace

double reassociation_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 1e-9;
    case DType::kFloat32:
      return 1e-4;
    case DType::kFloat16:
      return 1e-2;
    case DType::kBFloat16:
      return 5e-2;
    default:
      return 0;
  }
}

double largest_finite(const Tensor& value) {
  double largest = 0;
  for (double element : value.to_vector<double>()) {
    if (std::isfinite(element)) largest = std::max(largest, std::abs(element));
  }
  return largest;
}

std::optional<Difference> find_difference(const Tensor& expected, const Tensor& actual,
                                          double distance, bool for_finite_values) {
  if (same_bits(expected, actual)) return std::nullopt;
  if (is_discrete(expected.dtype())) {
    return compare(expected.to_vector<int64_t>(), actual.to_vector<int64_t>(),
                   [](int64_t a, int64_t b) { return a == b; });
  }
  return compare(expected.to_vector<double>(), actual.to_vector<double>(), [&](double a, double b) {
    if (!std::isfinite(a)) return for_finite_values || a == b || (std::isnan(a) && std::isnan(b));
    return std::abs(a - b) <= distance;
  });
}

}  // namespace bitale
