// Element types of tensors, and the promotion rules between them.
//
// Promotion (DESIGN: semantics): integers among themselves promote as in numpy; an integer never
// widens a float (int32 with float32 is float32); float16 with bfloat16 is float32; int64 with
// uint64 has no common integer type and is a TypeError.

#ifndef BITALE_CORE_BASE_DTYPE_H_
#define BITALE_CORE_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/half.h"

namespace bitale {

enum class DType : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
};

inline constexpr DType kAllDTypes[] = {
    DType::kBool,     DType::kInt8,    DType::kInt16,  DType::kInt32,  DType::kInt64,
    DType::kUint8,    DType::kUint16,  DType::kUint32, DType::kUint64, DType::kFloat16,
    DType::kBFloat16, DType::kFloat32, DType::kFloat64};

// Bytes of one element.
size_t size_of(DType dtype);

// numpy's name: "bool", "int64", "bfloat16", ...
std::string_view name_of(DType dtype);

// The dtype of a numpy name, or nothing.
std::optional<DType> parse_dtype(std::string_view name);

// Any of the four floating types.
bool is_floating(DType dtype);
// Any signed or unsigned integer; not bool.
bool is_integer(DType dtype);
// An integer with a sign.
bool is_signed_integer(DType dtype);
// An integer or bool: a type without derivatives.
bool is_discrete(DType dtype);

// The common type of two operands. Throws TypeError for int64 with uint64.
DType promote(DType a, DType b);

// Whether every value of `from` is a value of `to`.
bool can_cast_losslessly(DType from, DType to);

template <typename T>
inline constexpr bool kIsElementType = false;

template <typename T>
struct DTypeOf;

// Calls of the form BITALE_ELEMENT_TYPE below tie one C++ type to one DType.
#define BITALE_ELEMENT_TYPE(Type, Enum)         \
  template <>                                   \
  struct DTypeOf<Type> {                        \
    static constexpr DType value = DType::Enum; \
  };                                            \
  template <>                                   \
  inline constexpr bool kIsElementType<Type> = true
BITALE_ELEMENT_TYPE(bool, kBool);
BITALE_ELEMENT_TYPE(int8_t, kInt8);
BITALE_ELEMENT_TYPE(int16_t, kInt16);
BITALE_ELEMENT_TYPE(int32_t, kInt32);
BITALE_ELEMENT_TYPE(int64_t, kInt64);
BITALE_ELEMENT_TYPE(uint8_t, kUint8);
BITALE_ELEMENT_TYPE(uint16_t, kUint16);
BITALE_ELEMENT_TYPE(uint32_t, kUint32);
BITALE_ELEMENT_TYPE(uint64_t, kUint64);
BITALE_ELEMENT_TYPE(Float16, kFloat16);
BITALE_ELEMENT_TYPE(BFloat16, kBFloat16);
BITALE_ELEMENT_TYPE(float, kFloat32);
BITALE_ELEMENT_TYPE(double, kFloat64);
#undef BITALE_ELEMENT_TYPE

// The DType of a C++ element type.
template <typename T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

// Carries a C++ type as a value.
template <typename T>
struct TypeTag {
  using type = T;
};

// Calls `visitor(TypeTag<T>{})` with the C++ type of `dtype`.
template <typename Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::kBool:
      return visitor(TypeTag<bool>{});
    case DType::kInt8:
      return visitor(TypeTag<int8_t>{});
    case DType::kInt16:
      return visitor(TypeTag<int16_t>{});
    case DType::kInt32:
      return visitor(TypeTag<int32_t>{});
    case DType::kInt64:
      return visitor(TypeTag<int64_t>{});
    case DType::kUint8:
      return visitor(TypeTag<uint8_t>{});
    case DType::kUint16:
      return visitor(TypeTag<uint16_t>{});
    case DType::kUint32:
      return visitor(TypeTag<uint32_t>{});
    case DType::kUint64:
      return visitor(TypeTag<uint64_t>{});
    case DType::kFloat16:
      return visitor(TypeTag<Float16>{});
    case DType::kBFloat16:
      return visitor(TypeTag<BFloat16>{});
    case DType::kFloat32:
      return visitor(TypeTag<float>{});
    case DType::kFloat64:
      break;
  }
  return visitor(TypeTag<double>{});
}

}  // namespace bitale

#endif  // BITALE_CORE_BASE_DTYPE_H_
