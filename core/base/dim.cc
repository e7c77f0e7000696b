#include "core/base/dim.h"

#include <atomic>
#include <functional>

#include "core/base/error.h"
#include "core/base/intern.h"

namespace bitale {
namespace {

template <typename Range, typename ToText>
std::string join_as_tuple(const Range& range, ToText&& to_text) {
  std::string text = "(";
  bool first = true;
  for (const auto& item : range) {
    if (!first) text += ", ";
    text += to_text(item);
    first = false;
  }
  if (range.size() == 1) text += ",";
  return text + ")";
}

}  // namespace

std::string to_string(const Dims& dims) {
  return join_as_tuple(dims, [](int64_t length) { return std::to_string(length); });
}

std::string to_string(const SymbolicDims& dims) {
  return join_as_tuple(dims, [](const Dim& dim) { return dim.str(); });
}

int64_t element_count(const Dims& dims) {
  int64_t count = 1;
  for (int64_t length : dims) count *= length;
  return count;
}

bool is_representable(const Dims& dims) {
  constexpr int64_t kMostElements = int64_t{1} << 48;
  int64_t count = 1;
  for (int64_t length : dims) {
    if (length < 0 || (length > 0 && count > kMostElements / length)) return false;
    count *= length;
  }
  return true;
}

Dims contiguous_strides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

Dim::Dim(int64_t length, SourceSite site) : length_(length) {
  if (length < 0) {
    throw ShapeError("a dim cannot be negative: " + std::to_string(length) +
                     "\n  at: " + resolve_site(site).str() +
                     "\n  hint: Dim::unknown() stands for a length that is not known yet");
  }
}

Dim::Dim(std::string_view name) {
  if (name.empty()) throw ShapeError("a named dim needs a name\n  hint: Dim::unknown() has none");
  name_ = intern(name);
}

Dim Dim::unique(std::string_view prefix) {
  static std::atomic<int64_t> counter{0};
  return Dim(std::string(prefix) + "#" + std::to_string(++counter));
}

std::string Dim::str() const {
  if (is_fixed()) return std::to_string(length_);
  return is_named() ? *name_ : "?";
}

size_t Dim::hash() const {
  return is_named() ? std::hash<const void*>()(name_) : std::hash<int64_t>()(length_);
}

bool compatible(const Dim& a, const Dim& b) {
  if (a.is_fixed() && b.is_fixed()) return a.length() == b.length();
  if (a.is_named() && b.is_named()) return a == b;
  return true;
}

Dim meet(const Dim& a, const Dim& b) {
  if (a.is_fixed()) return a;
  if (b.is_fixed()) return b;
  return a.is_named() ? a : b;
}

}  // namespace bitale
