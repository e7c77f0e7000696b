#include "tools/bench/data.h"

#include <cmath>

namespace bitale::bench {
namespace {

double unit(uint32_t seed, uint32_t i) {
  uint32_t x = i + seed * 0x9E3779B9u;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  x ^= x >> 16;
  return (x >> 8) * 0x1p-24;
}

}  // namespace

Tensor uniform(uint32_t seed, const Dims& shape, double low, double high, DType dtype) {
  Tensor values = Tensor::empty(DType::kFloat64, shape);
  double* const out = values.data<double>();
  const int64_t count = values.size();
  for (int64_t i = 0; i < count; ++i) {
    out[i] = low + (high - low) * unit(seed, static_cast<uint32_t>(i));
  }
  return dtype == DType::kFloat64 ? values : values.cast(dtype);
}

Tensor labels(uint32_t seed, int64_t count, int64_t classes) {
  Tensor values = Tensor::empty(DType::kInt32, {count});
  int32_t* const out = values.data<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    out[i] =
        static_cast<int32_t>(unit(seed, static_cast<uint32_t>(i)) * static_cast<double>(classes));
  }
  return values;
}

std::vector<double> fingerprint(const Tensor& tensor) {
  const Tensor values = tensor.cast(DType::kFloat64);
  const double* const x = values.data<double>();
  const int64_t count = values.size();
  double weighted = 0;
  double squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    weighted += x[i] * (2 * unit(99, static_cast<uint32_t>(i)) - 1);
    squares += x[i] * x[i];
  }
  return {weighted / std::sqrt(static_cast<double>(count)),
          std::sqrt(squares / static_cast<double>(count))};
}

void append(std::vector<double>& to, const std::vector<double>& values) {
  to.insert(to.end(), values.begin(), values.end());
}

}  // namespace bitale::bench
