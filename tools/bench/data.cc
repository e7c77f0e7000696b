#include "tools/bench/data.h"

#include <cmath>

#include "tools/bench/counter_hash.h"

namespace bitale::bench {

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
