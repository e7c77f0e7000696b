// One axis length of a symbolic type: fixed, named or unknown.

#ifndef BITALE_CORE_BASE_DIM_H_
#define BITALE_CORE_BASE_DIM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/base/site.h"

namespace bitale {

// Concrete lengths or strides, one per axis. No allocation up to rank 6.
using Dims = absl::InlinedVector<int64_t, 6>;

// "(3, 4)", "(5,)", "()": as numpy prints a shape.
std::string to_string(const Dims& dims);

// Product of all lengths; 1 for rank 0.
int64_t element_count(const Dims& dims);

// Whether a tensor may have this shape: no negative length, and at most 2^48 elements, so that
// sizes in bytes never overflow.
bool is_representable(const Dims& dims);

// Strides, in elements, of a C-contiguous array.
Dims contiguous_strides(const Dims& dims);

// The length of an axis as far as it is known before a call. A name stands for one length within
// one function: two variables with a Dim("batch") must agree at every call.
class Dim {
 public:
  // Unknown.
  constexpr Dim() = default;
  // Fixed. Throws ShapeError if negative.
  Dim(int64_t length, SourceSite site = SourceSite::current());  // NOLINT: a literal reads as a dim
  Dim(int length, SourceSite site = SourceSite::current())       // NOLINT
      : Dim(static_cast<int64_t>(length), site) {}
  // Named.
  explicit Dim(std::string_view name);
  // NOLINTNEXTLINE: {"batch", 784} reads as dims
  Dim(const char* name) : Dim(std::string_view(name)) {}

  static Dim unknown() { return Dim(); }
  // A name that no other Dim has: "n#1", "n#2", ...
  static Dim unique(std::string_view prefix);

  bool is_fixed() const { return length_ >= 0; }
  bool is_named() const { return name_ != nullptr; }
  bool is_unknown() const { return length_ < 0 && name_ == nullptr; }
  // Only for fixed dims.
  int64_t length() const { return length_; }
  // Only for named dims.
  const std::string& name() const { return *name_; }

  // Same kind and same length or name. Two unknown dims are equal as descriptions, though the
  // lengths they stand for need not be.
  friend bool operator==(const Dim&, const Dim&) = default;

  // "784", "batch" or "?".
  std::string str() const;
  size_t hash() const;

 private:
  int64_t length_ = -1;
  const std::string* name_ = nullptr;  // interned: equal names share one address
};

using SymbolicDims = absl::InlinedVector<Dim, 4>;

// "(batch, 784)", "(?,)".
std::string to_string(const SymbolicDims& dims);

// Whether the two dims can be the same length: false for two different lengths or names.
bool compatible(const Dim& a, const Dim& b);

// What is known when both describe one axis: fixed beats named beats unknown. Requires
// compatible().
Dim meet(const Dim& a, const Dim& b);

}  // namespace bitale

#endif  // BITALE_CORE_BASE_DIM_H_
