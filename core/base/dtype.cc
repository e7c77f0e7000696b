#include "core/base/dtype.h"

#include <array>
#include <string>

#include "core/base/error.h"

namespace bitale {
namespace {

struct Traits {
  std::string_view name;
  uint8_t bytes;
  bool floating;
  bool integer;
  bool has_sign;
};

constexpr std::array<Traits, 13> kTraits = {{
    {"bool", 1, false, false, false},
    {"int8", 1, false, true, true},
    {"int16", 2, false, true, true},
    {"int32", 4, false, true, true},
    {"int64", 8, false, true, true},
    {"uint8", 1, false, true, false},
    {"uint16", 2, false, true, false},
    {"uint32", 4, false, true, false},
    {"uint64", 8, false, true, false},
    {"float16", 2, true, false, true},
    {"bfloat16", 2, true, false, true},
    {"float32", 4, true, false, true},
    {"float64", 8, true, false, true},
}};

const Traits& traits(DType dtype) { return kTraits[static_cast<size_t>(dtype)]; }

DType signed_of_bytes(size_t bytes) {
  switch (bytes) {
    case 1:
      return DType::kInt8;
    case 2:
      return DType::kInt16;
    case 4:
      return DType::kInt32;
    default:
      return DType::kInt64;
  }
}

DType promote_integers(DType a, DType b) {
  const Traits& ta = traits(a);
  const Traits& tb = traits(b);
  if (ta.has_sign == tb.has_sign) return ta.bytes >= tb.bytes ? a : b;
  const DType with_sign = ta.has_sign ? a : b;
  const DType without = ta.has_sign ? b : a;
  if (size_of(with_sign) > size_of(without)) return with_sign;
  if (without == DType::kUint64) {
    throw TypeError(std::string(name_of(with_sign)) +
                    " and uint64 have no common integer type\n"
                    "  hint: cast one of them, e.g. cast(x, DType::kInt64)");
  }
  return signed_of_bytes(2 * size_of(without));
}

}  // namespace

size_t size_of(DType dtype) { return traits(dtype).bytes; }
std::string_view name_of(DType dtype) { return traits(dtype).name; }
bool is_floating(DType dtype) { return traits(dtype).floating; }
bool is_integer(DType dtype) { return traits(dtype).integer; }
bool is_signed_integer(DType dtype) { return traits(dtype).integer && traits(dtype).has_sign; }
bool is_discrete(DType dtype) { return !traits(dtype).floating; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (DType dtype : kAllDTypes) {
    if (name_of(dtype) == name) return dtype;
  }
  return std::nullopt;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_floating(a) && is_floating(b)) {
    if (size_of(a) == size_of(b)) return DType::kFloat32;  // float16 with bfloat16
    return size_of(a) > size_of(b) ? a : b;
  }
  if (is_floating(a)) return a;
  if (is_floating(b)) return b;
  if (a == DType::kBool) return b;
  if (b == DType::kBool) return a;
  return promote_integers(a, b);
}

bool can_cast_losslessly(DType from, DType to) {
  if (from == to || from == DType::kBool) return true;
  if (to == DType::kBool) return false;
  const Traits& f = traits(from);
  const Traits& t = traits(to);
  if (f.floating) {
    return t.floating && t.bytes > f.bytes;
  }
  if (t.floating) {
    const int fraction_bits = to == DType::kFloat64   ? 53
                              : to == DType::kFloat32 ? 24
                              : to == DType::kFloat16 ? 11
                                                      : 8;
    return 8 * f.bytes - (f.has_sign ? 1 : 0) <= fraction_bits;
  }
  if (f.has_sign && !t.has_sign) return false;
  return t.bytes > f.bytes || (t.bytes == f.bytes && f.has_sign == t.has_sign);
}

}  // namespace bitale
