// An op's static parameters, declared once: equality, hash and printing follow from the list.

#ifndef BITALE_CORE_GRAPH_ATTRIBUTES_H_
#define BITALE_CORE_GRAPH_ATTRIBUTES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/dtype.h"

namespace bitale {

// One parameter's value. Bits of a double count, so that 0.0 differs from -0.0 and NaN equals NaN.
class AttributeValue {
 public:
  AttributeValue(bool value) : value_(value) {}          // NOLINT: lists of attributes read as data
  AttributeValue(int value) : value_(int64_t{value}) {}  // NOLINT
  AttributeValue(int64_t value) : value_(value) {}       // NOLINT
  AttributeValue(double value) : value_(value) {}        // NOLINT
  AttributeValue(DType value) : value_(value) {}         // NOLINT
  AttributeValue(std::string value) : value_(std::move(value)) {}           // NOLINT
  AttributeValue(const char* value) : value_(std::string(value)) {}         // NOLINT
  AttributeValue(std::vector<int64_t> value) : value_(std::move(value)) {}  // NOLINT

  std::string str() const;
  size_t hash() const;
  friend bool operator==(const AttributeValue& a, const AttributeValue& b);

 private:
  std::variant<bool, int64_t, double, DType, std::string, std::vector<int64_t>> value_;
};

using Attributes = std::vector<std::pair<std::string_view, AttributeValue>>;

// "axis=1, keepdims=true"; empty for no attributes.
std::string to_string(const Attributes& attributes);
size_t hash_of(const Attributes& attributes);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_ATTRIBUTES_H_
