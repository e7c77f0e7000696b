#include "core/tensor/random_state.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/base/error.h"

namespace bitale {
namespace {

constexpr int kLength = 624;
constexpr int kShift = 397;

uint32_t twist(uint32_t upper, uint32_t lower) {
  const uint32_t joined = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return (joined >> 1) ^ ((joined & 1u) ? 0x9908b0dfu : 0u);
}

template <typename T, typename Draw>
Tensor fill(Dims shape, Draw&& draw) {
  Tensor result = Tensor::empty(dtype_of<T>, std::move(shape));
  T* out = result.data<T>();
  const int64_t count = result.size();
  for (int64_t i = 0; i < count; ++i) out[i] = draw();
  return result;
}

// All the digits that tell a number from its neighbours in a message: 0.99999998 is not 1.
std::string digits(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.12g", x);
  return text;
}

void check_rows(const Tensor& values, const char* what) {
  if (values.rank() > 0) return;
  throw ShapeError(std::string(what) + " needs an array of at least one axis, not a number");
}

}  // namespace

RandomState::RandomState(uint32_t seed) {
  for (uint32_t i = 0; i < kLength; ++i) {
    key_[i] = seed;
    seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
  }
}

uint32_t RandomState::next32() {
  if (position_ == kLength) {
    for (int i = 0; i < kLength; ++i) {
      key_[i] = key_[(i + kShift) % kLength] ^ twist(key_[i], key_[(i + 1) % kLength]);
    }
    position_ = 0;
  }
  uint32_t word = key_[position_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}

uint64_t RandomState::next64() {
  const uint64_t upper = next32();
  return upper << 32 | next32();
}

double RandomState::next_double() {
  const uint32_t upper = next32() >> 5;
  const uint32_t lower = next32() >> 6;
  return (upper * 67108864.0 + lower) / 9007199254740992.0;
}

double RandomState::next_gauss() {
  if (has_gauss_) {
    has_gauss_ = false;
    return gauss_;
  }
  double x1, x2, square;
  do {
    x1 = 2.0 * next_double() - 1.0;
    x2 = 2.0 * next_double() - 1.0;
    square = x1 * x1 + x2 * x2;
  } while (square >= 1.0 || square == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(square) / square);
  gauss_ = factor * x1;
  has_gauss_ = true;
  return factor * x2;
}

uint64_t RandomState::next_in(uint64_t max) {
  if (max == 0) return 0;
  uint64_t mask = max;
  for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  uint64_t value;
  do {
    value = (max <= 0xffffffffu ? next32() : next64()) & mask;
  } while (value > max);
  return value;
}

Tensor RandomState::random_sample(Dims shape) {
  return fill<double>(std::move(shape), [this] { return next_double(); });
}

Tensor RandomState::uniform(double low, double high, Dims shape) {
  const double range = high - low;
  if (!std::isfinite(range)) {
    throw Error("RandomState::uniform: the range from " + digits(low) + " to " + digits(high) +
                " is not finite");
  }
  return fill<double>(std::move(shape), [&] { return low + range * next_double(); });
}

Tensor RandomState::normal(double loc, double scale, Dims shape) {
  if (std::signbit(scale)) {
    throw Error("RandomState::normal: scale is negative: " + digits(scale));
  }
  return fill<double>(std::move(shape), [&] { return loc + scale * next_gauss(); });
}

Tensor RandomState::randint(int64_t low, int64_t high, Dims shape) {
  if (low >= high) {
    throw Error("RandomState::randint: low must be below high, but " + std::to_string(low) +
                " >= " + std::to_string(high));
  }
  const uint64_t offset = static_cast<uint64_t>(low);
  const uint64_t max = static_cast<uint64_t>(high) - 1 - offset;
  return fill<int64_t>(std::move(shape),
                       [&] { return static_cast<int64_t>(offset + next_in(max)); });
}

Tensor RandomState::permutation(int64_t n) {
  Tensor order = Tensor::arange(DType::kInt64, n);
  shuffle(order);
  return order;
}

Tensor RandomState::permutation(const Tensor& values) {
  check_rows(values, "RandomState::permutation");
  Tensor result = values.to(kCpu).copy();
  shuffle(result);
  return result;
}

void RandomState::shuffle(const Tensor& values) {
  check_rows(values, "RandomState::shuffle");
  for (int64_t i = values.dim(0) - 1; i > 0; --i) {
    const int64_t j = static_cast<int64_t>(next_in(static_cast<uint64_t>(i)));
    if (i == j) continue;
    const Tensor a = values.select(0, i);
    const Tensor b = values.select(0, j);
    const Tensor kept = b.copy();
    b.assign(a);
    a.assign(kept);
  }
}

Tensor RandomState::choice(int64_t n, Dims shape, bool replace) {
  const int64_t count = element_count(shape);
  if (n <= 0 && count > 0) throw Error("RandomState::choice: there is nothing to choose from");
  if (replace) return count == 0 ? Tensor::empty(DType::kInt64, shape) : randint(0, n, shape);
  if (count > n) {
    throw Error("RandomState::choice: cannot take " + std::to_string(count) +
                " different numbers from " + std::to_string(n));
  }
  return permutation(n).slice(0, 0, count).reshape(std::move(shape)).copy();
}

Tensor RandomState::choice(const Tensor& p, Dims shape) {
  if (p.rank() != 1 || p.size() == 0) {
    throw ShapeError("RandomState::choice: probabilities are a vector, not of shape " +
                     to_string(p.shape()));
  }
  std::vector<double> cumulated = p.to_vector<double>();
  if (std::any_of(cumulated.begin(), cumulated.end(), [](double x) { return !(x >= 0); })) {
    throw Error("RandomState::choice: probabilities must not be negative or NaN");
  }
  std::partial_sum(cumulated.begin(), cumulated.end(), cumulated.begin());
  const double total = cumulated.back();
  if (!(std::abs(total - 1) < 1e-8)) {
    throw Error("RandomState::choice: probabilities sum to " + digits(total) + ", not 1");
  }
  for (double& x : cumulated) x /= total;
  return fill<int64_t>(std::move(shape), [&] {
    const auto found = std::upper_bound(cumulated.begin(), cumulated.end(), next_double());
    return static_cast<int64_t>(found - cumulated.begin());
  });
}

}  // namespace bitale
