// Tensor::str(): numpy's repr, in three steps: which elements are shown, each of them as an aligned
// word, and the words laid out in brackets and lines.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "core/tensor/tensor.h"

namespace bitale {
namespace {

// numpy.set_printoptions' defaults.
constexpr int64_t kThreshold = 1000;
constexpr int64_t kEdgeItems = 3;
constexpr size_t kLineWidth = 75;
constexpr size_t kPrecision = 8;

constexpr std::string_view kPrefix = "array(";
constexpr std::string_view kSeparator = ", ";

// --- Which elements ------------------------------------------------------------------------------

bool is_cut(int64_t length, bool summarise) { return summarise && length > 2 * kEdgeItems; }

// Offsets of the shown elements, in order.
void collect(const Tensor& tensor, bool summarise, size_t axis, int64_t offset,
             std::vector<int64_t>& offsets) {
  if (axis == tensor.shape().size()) {
    offsets.push_back(offset);
    return;
  }
  const int64_t length = tensor.shape()[axis];
  for (int64_t i = 0; i < length; ++i) {
    if (is_cut(length, summarise) && i == kEdgeItems) i = length - kEdgeItems;
    collect(tensor, summarise, axis + 1, offset + i * tensor.strides()[axis], offsets);
  }
}

// --- Words ---------------------------------------------------------------------------------------

std::string pad(std::string text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

// A finite number as text, in parts.
struct Number {
  std::string integer;   // with the sign
  std::string fraction;  // without trailing zeros
  std::string exponent;  // its digits without the sign; empty in positional notation
  char exponent_sign = '+';
};

// Splits what printf or to_chars wrote.
Number split(std::string_view text) {
  Number number;
  const size_t e = text.find('e');
  const std::string_view mantissa = text.substr(0, e);
  if (e != std::string_view::npos) {
    number.exponent_sign = text[e + 1];
    number.exponent = text.substr(e + 2);
  }
  const size_t point = mantissa.find('.');
  number.integer = mantissa.substr(0, point);
  if (point != std::string_view::npos) number.fraction = mantissa.substr(point + 1);
  while (!number.fraction.empty() && number.fraction.back() == '0') number.fraction.pop_back();
  return number;
}

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

template <typename T>
double to_double(T value) {
  if constexpr (kIsHalf<T>) {
    return static_cast<float>(value);
  } else {
    return static_cast<double>(value);
  }
}

// The fewest digits that read back as `value`, in scientific notation.
template <typename T>
std::string shortest(T value) {
  char text[64];
  if constexpr (kIsHalf<T>) {
    const double exact = to_double(value);
    for (int digits = 0;; ++digits) {
      // A tie may read back rounded up though not rounded to even.
      for (const double near : {exact, std::nextafter(exact, exact < 0 ? -1e9 : 1e9)}) {
        std::snprintf(text, sizeof(text), "%.*e", digits, near);
        if (T(std::strtof(text, nullptr)).bits() == value.bits()) return text;
      }
    }
  } else {
    const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
    return std::string(text, end.ptr);
  }
}

// Rounds to a number of digits after the point; `format` is "%.*e" or "%.*f".
Number formatted(const char* format, size_t precision, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, static_cast<int>(precision), value);
  return split(text);
}

template <typename T>
Number scientific(T value) {
  const Number number = split(shortest(value));
  if (number.fraction.size() <= kPrecision) return number;
  return formatted("%.*e", kPrecision, to_double(value));
}

// For magnitudes below 1e8.
template <typename T>
Number positional(T value) {
  const Number number = split(shortest(value));
  const bool negative = number.integer[0] == '-';
  std::string digits = number.integer.substr(negative) + number.fraction;
  const int exponent = std::stoi(number.exponent_sign + number.exponent);
  const int after_point = static_cast<int>(digits.size()) - 1 - exponent;
  if (after_point <= 0) return formatted("%.*f", 0, to_double(value));
  if (after_point > static_cast<int>(kPrecision)) {
    return formatted("%.*f", kPrecision, to_double(value));
  }
  if (exponent < 0) digits.insert(0, static_cast<size_t>(-exponent), '0');
  const size_t point = digits.size() - static_cast<size_t>(after_point);
  return {(negative ? "-" : "") + digits.substr(0, point), digits.substr(point), "", '+'};
}

// numpy's rule: from 1e8, below 1e-4, or where the largest is over 1000 times the smallest.
template <typename T>
bool wants_scientific(const std::vector<T>& values) {
  double largest = 0;
  double smallest = std::numeric_limits<double>::infinity();
  for (const T value : values) {
    const double magnitude = std::abs(to_double(value));
    if (!std::isfinite(magnitude) || magnitude == 0) continue;
    largest = std::max(largest, magnitude);
    smallest = std::min(smallest, magnitude);
  }
  if (largest == 0) return false;
  // The bound is rounded as the elements are: a float32 0.0001 is below the double.
  const double least = std::is_same_v<T, double> ? 1e-4 : to_double(T(1e-4f));
  if (largest >= 1e8 || smallest < least) return true;
  // numpy divides in the dtype of the array.
  if constexpr (std::is_same_v<T, double>) {
    return largest / smallest > 1000;
  } else {
    const float ratio = static_cast<float>(largest) / static_cast<float>(smallest);
    return to_double(T(ratio)) > 1000;
  }
}

template <typename T>
std::vector<std::string> float_words(const std::vector<T>& values) {
  const bool exponents = wants_scientific(values);
  size_t left = 0;
  size_t fraction = 0;
  size_t exponent = 0;
  bool any_finite = false;
  size_t longest_special = 0;
  std::vector<Number> numbers(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = to_double(values[i]);
    if (!std::isfinite(value)) {
      longest_special = std::max<size_t>(longest_special, value < 0 ? 4 : 3);
      continue;
    }
    any_finite = true;
    numbers[i] = exponents ? scientific(values[i]) : positional(values[i]);
    left = std::max(left, numbers[i].integer.size());
    fraction = std::max(fraction, numbers[i].fraction.size());
    exponent = std::max(exponent, numbers[i].exponent.size());
  }
  const size_t right = exponents ? fraction + exponent + 2 : fraction;
  if (longest_special > right + 1) left = std::max(left, longest_special - right - 1);
  const size_t width = any_finite || longest_special > 0 ? left + 1 + right : 0;

  std::vector<std::string> words;
  words.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = to_double(values[i]);
    const Number& number = numbers[i];
    std::string word;
    if (std::isnan(value)) {
      word = "nan";
    } else if (std::isinf(value)) {
      word = value < 0 ? "-inf" : "inf";
    } else if (exponents) {
      // Where another number needs more digits, numpy shows this one's true further digits.
      const Number full =
          number.fraction.size() < fraction ? formatted("%.*e", fraction, value) : number;
      word = full.integer + "." + full.fraction +
             std::string(fraction - full.fraction.size(), '0') + "e" + full.exponent_sign +
             std::string(exponent - full.exponent.size(), '0') + full.exponent;
    } else {
      word = number.integer + "." + number.fraction +
             std::string(fraction - number.fraction.size(), ' ');
    }
    words.push_back(pad(std::move(word), width));
  }
  return words;
}

template <typename T>
std::vector<std::string> words_of(const std::vector<T>& values, bool is_scalar) {
  std::vector<std::string> words;
  if constexpr (std::is_integral_v<T>) {
    words.reserve(values.size());
    size_t width = 0;
    for (const T value : values) {
      if constexpr (std::is_same_v<T, bool>) {
        words.push_back(value ? (is_scalar ? "True" : " True") : "False");
      } else {
        words.push_back(std::to_string(value));
        width = std::max(width, words.back().size());
      }
    }
    for (std::string& word : words) word = pad(std::move(word), width);
  } else {
    words = float_words(values);
  }
  return words;
}

// --- Brackets and lines --------------------------------------------------------------------------

class Layouter {
 public:
  Layouter(const Dims& shape, bool summarise, size_t width, std::vector<std::string> words)
      : shape_(shape), summarise_(summarise), width_(width), words_(std::move(words)) {}

  std::string run() { return nested(0, std::string(kPrefix.size() + 1, ' ')); }

 private:
  // The words of a row, wrapped; `indent` starts every line but the first.
  std::string row(const std::string& indent, size_t width) {
    const int64_t length = shape_.back();
    std::string text;
    std::string line = indent;
    auto extend = [&](const std::string& word) {
      if (line.size() + word.size() > width && line.size() > indent.size()) {
        while (line.back() == ' ') line.pop_back();
        text += line + "\n";
        line = indent;
      }
      line += word;
    };
    for (int64_t i = 0; i < length; ++i) {
      if (is_cut(length, summarise_) && i == kEdgeItems) {
        extend("...");
        line += kSeparator;
        i = length - kEdgeItems;
      }
      extend(words_[next_++]);
      if (i + 1 < length) line += kSeparator;
    }
    return text + line;
  }

  std::string nested(size_t axis, const std::string& indent) {
    if (axis == shape_.size()) return words_[next_++];
    const size_t axes_left = shape_.size() - axis;
    std::string text;
    if (axes_left == 1) {
      // Each bracket that closes after the row, and the comma or bracket behind a word, takes room.
      text = row(indent, width_ - axis - 1);
    } else {
      const std::string between = "," + std::string(axes_left - 1, '\n');
      const int64_t length = shape_[axis];
      for (int64_t i = 0; i < length; ++i) {
        if (is_cut(length, summarise_) && i == kEdgeItems) {
          text += indent + "..." + between;
          i = length - kEdgeItems;
        }
        text += indent + nested(axis + 1, indent + " ");
        if (i + 1 < length) text += between;
      }
    }
    return "[" + text.substr(indent.size()) + "]";
  }

  const Dims& shape_;
  const bool summarise_;
  const size_t width_;
  const std::vector<std::string> words_;
  size_t next_ = 0;
};

std::string body(const Tensor& tensor, size_t width) {
  const bool summarise = tensor.size() > kThreshold;
  std::vector<int64_t> offsets;
  collect(tensor, summarise, 0, 0, offsets);
  std::vector<std::string> words = visit_dtype(tensor.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* data = static_cast<const T*>(tensor.raw_data());
    std::vector<T> values;
    values.reserve(offsets.size());
    for (const int64_t offset : offsets) values.push_back(data[offset]);
    return words_of(values, tensor.rank() == 0);
  });
  return Layouter(tensor.shape(), summarise, width, std::move(words)).run();
}

}  // namespace

std::string Tensor::str() const {
  if (!defined()) return "no value";
  const bool implied =
      dtype_ == DType::kFloat64 || dtype_ == DType::kInt64 || dtype_ == DType::kBool;
  const bool skip_dtype = implied && size() > 0;
  std::string text(kPrefix);
  if (size() > 0) {
    text += body(to(kCpu), kLineWidth - 1);
  } else {
    text += rank() == 1 ? "[]" : "[], shape=" + to_string(shape_);
  }
  if (skip_dtype) return text + ")";
  text += ",";
  const std::string dtype = "dtype=" + std::string(name_of(dtype_)) + ")";
  const size_t last_line = text.size() - (text.rfind('\n') + 1);
  const bool wraps = last_line + dtype.size() + 1 > kLineWidth;
  return text + (wraps ? "\n" + std::string(kPrefix.size(), ' ') : " ") + dtype;
}

}  // namespace bitale
