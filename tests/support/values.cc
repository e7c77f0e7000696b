// Test values, and comparisons of tensors and error texts.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/op_test.h"
#include "tests/support/tolerances.h"

namespace bitale {

Tensor random_tensor(const Dims& shape, double low, double high, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  Tensor tensor = Tensor::empty(DType::kFloat64, shape);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.data<double>()[i] = uniform(random);
  return tensor;
}

Tensor random_integers(const Dims& shape, int64_t low, int64_t high, DType dtype, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> uniform(low, high - 1);
  Tensor tensor = Tensor::empty(DType::kInt64, shape);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.data<int64_t>()[i] = uniform(random);
  return tensor.cast(dtype);
}

Tensor distinct_tensor(const Dims& shape, double gap, uint64_t seed) {
  const int64_t count = element_count(shape);
  std::vector<double> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<size_t>(i)] = gap * (static_cast<double>(i - count / 2) + 0.25);
  }
  std::mt19937_64 random(seed);
  std::shuffle(values.begin(), values.end(), random);
  return Tensor::from(values, shape);
}

Tensor strided_copy(const Tensor& tensor) {
  if (tensor.rank() == 0) return tensor;
  // Memory holds the axes in reverse order, each twice as long as needed and backwards.
  Dims stored, order;
  for (int64_t axis = tensor.rank() - 1; axis >= 0; --axis) {
    stored.push_back(2 * tensor.dim(axis));
    order.push_back(axis);
  }
  Tensor view = Tensor::zeros(tensor.dtype(), stored).transpose(order);
  for (int64_t axis = 0; axis < tensor.rank(); ++axis) {
    view = view.slice(axis, std::nullopt, std::nullopt, -2);
  }
  view.assign(tensor);
  return view;
}

Tensor map_elements(const Tensor& x, const std::function<double(double)>& f) {
  Tensor result = x.cast(DType::kFloat64).contiguous();
  for (int64_t i = 0; i < result.size(); ++i) {
    double& value = result.data<double>()[i];
    value = f(value);
  }
  return result;
}

void for_each_index(const Dims& shape, const std::function<void(const Dims& index)>& visit) {
  if (element_count(shape) == 0) return;
  Dims index(shape.size(), 0);
  while (true) {
    visit(index);
    size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

namespace {

int64_t offset_of(const Tensor& x, const Dims& index) {
  int64_t offset = 0;
  for (size_t axis = 0; axis < index.size(); ++axis) offset += index[axis] * x.strides()[axis];
  return offset;
}

::testing::AssertionResult same_kind(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape()) {
    return ::testing::AssertionFailure()
           << "got " << name_of(got.dtype()) << " " << to_string(got.shape()) << ", expected "
           << name_of(expected.dtype()) << " " << to_string(expected.shape());
  }
  return ::testing::AssertionSuccess();
}

}  // namespace

double element(const Tensor& x, const Dims& index) {
  return visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T value = x.data<T>()[offset_of(x, index)];
    if constexpr (std::is_arithmetic_v<T>) {
      return static_cast<double>(value);
    } else {
      return static_cast<double>(static_cast<float>(value));
    }
  });
}

void set_element(const Tensor& x, const Dims& index, double value) {
  x.data<double>()[offset_of(x, index)] = value;
}

::testing::AssertionResult close_to(const Tensor& got, const Tensor& expected, double scale) {
  if (auto kind = same_kind(got, expected); !kind) return kind;
  if (is_discrete(got.dtype())) return equal_to(got, expected);
  const double relative = relative_tolerance(got.dtype());
  int64_t wrong = 0;
  std::string first;
  for_each_index(got.shape(), [&](const Dims& index) {
    const double a = element(got, index), b = element(expected, index);
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    if (same || std::abs(a - b) <= relative * std::max(std::abs(b), scale)) return;
    if (wrong++ == 0) {
      first = absl::StrCat("at ", to_string(index), " got ", absl::SixDigits(a), ", expected ",
                           absl::SixDigits(b), ", difference ", a - b);
    }
  });
  if (wrong == 0) return ::testing::AssertionSuccess();
  ::testing::AssertionResult failure = ::testing::AssertionFailure();
  failure << wrong << " of " << got.size() << " elements differ, " << first;
  if (got.size() <= 40) failure << "\ngot " << got.str() << "\nexpected " << expected.str();
  return failure;
}

::testing::AssertionResult equal_to(const Tensor& got, const Tensor& expected) {
  if (auto kind = same_kind(got, expected); !kind) return kind;
  if (same_bits(got, expected)) return ::testing::AssertionSuccess();
  ::testing::AssertionResult failure = ::testing::AssertionFailure();
  failure << "the bits differ";
  if (got.size() <= 40) failure << "\ngot " << got.str() << "\nexpected " << expected.str();
  return failure;
}

::testing::AssertionResult error_text_ok(const std::string& message,
                                         const std::vector<std::string>& parts, SourceSite site) {
  constexpr int kNear = 60;
  const std::vector<std::string> lines = absl::StrSplit(message, '\n');
  const auto failure = [&](const std::string& what) {
    return ::testing::AssertionFailure() << what << ", in the message:\n" << message;
  };
  if (lines.size() > static_cast<size_t>(kMaxErrorLines)) {
    return failure(absl::StrCat(lines.size(), " lines"));
  }
  if (!parts.empty() && !absl::StrContains(lines[0], parts[0])) {
    return failure(absl::StrCat("the first line lacks \"", parts[0], "\""));
  }
  for (const std::string& part : parts) {
    if (!absl::StrContains(message, part)) return failure(absl::StrCat("missing \"", part, "\""));
  }
  const std::string file = absl::StrCat(site.file, ":");
  for (size_t at = message.find(file); at != message.npos; at = message.find(file, at + 1)) {
    const size_t digits = at + file.size();
    const size_t end = message.find_first_not_of("0123456789", digits);
    int line = 0;
    if (absl::SimpleAtoi(message.substr(digits, end - digits), &line) &&
        std::abs(line - static_cast<int>(site.line)) <= kNear) {
      return ::testing::AssertionSuccess();
    }
  }
  return failure(absl::StrCat("no line near ", site.str(), " is named"));
}

}  // namespace bitale
