#include "core/graph/attributes.h"

#include <bit>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bitale {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

size_t combine(size_t seed, size_t value) {
  return (seed ^ value) * 0x9e3779b97f4a7c15u + (seed >> 7);
}

}  // namespace

std::string AttributeValue::str() const {
  return std::visit(
      Overloaded{
          [](bool v) { return std::string(v ? "true" : "false"); },
          [](int64_t v) { return absl::StrCat(v); }, [](double v) { return absl::StrCat(v); },
          [](DType v) { return std::string(name_of(v)); }, [](const std::string& v) { return v; },
          [](const std::vector<int64_t>& v) {
            return absl::StrCat("(", absl::StrJoin(v, ", "), v.size() == 1 ? ",)" : ")");
          }},
      value_);
}

size_t AttributeValue::hash() const {
  return std::visit(
      Overloaded{[](double v) { return std::hash<uint64_t>()(std::bit_cast<uint64_t>(v)); },
                 [](DType v) { return static_cast<size_t>(v); },
                 [](const std::vector<int64_t>& v) {
                   size_t hash = v.size();
                   for (int64_t item : v) hash = combine(hash, static_cast<size_t>(item));
                   return hash;
                 },
                 [](const auto& v) { return std::hash<std::decay_t<decltype(v)>>()(v); }},
      value_);
}

bool operator==(const AttributeValue& a, const AttributeValue& b) {
  const double* x = std::get_if<double>(&a.value_);
  const double* y = std::get_if<double>(&b.value_);
  if (x != nullptr && y != nullptr) {
    return std::bit_cast<uint64_t>(*x) == std::bit_cast<uint64_t>(*y);
  }
  return a.value_ == b.value_;
}

std::string to_string(const Attributes& attributes) {
  return absl::StrJoin(attributes, ", ", [](std::string* out, const auto& attribute) {
    absl::StrAppend(out, std::string(attribute.first), "=", attribute.second.str());
  });
}

size_t hash_of(const Attributes& attributes) {
  size_t hash = attributes.size();
  for (const auto& [name, value] : attributes) {
    hash = combine(hash, std::hash<std::string_view>()(name));
    hash = combine(hash, value.hash());
  }
  return hash;
}

}  // namespace bitale
