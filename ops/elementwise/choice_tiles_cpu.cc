#include <cstring>

#include "ops/elementwise/make_tiles_cpu.h"

// where, second and cast: they choose and convert elements, and compute nothing.

namespace bitale {
namespace {

struct Choose {
  template <typename T>
  T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
};

template <typename T>
void copy_second(int64_t count, void* out, const void* const* in) {
  if (out != in[1]) std::memcpy(out, in[1], static_cast<size_t>(count) * sizeof(T));
}

TileTable where_tiles() {
  TileTable table;
  for (DType dtype : kAllDTypes) {
    table[dtype] = visit_dtype(dtype, [](auto tag) -> TileFunction {
      using T = typename decltype(tag)::type;
      return Tile<Choose, T, bool, T, T>::best();
    });
  }
  return table;
}

TileTable second_tiles() {
  TileTable table;
  for (DType dtype : kAllDTypes) {
    table[dtype] = visit_dtype(
        dtype, [](auto tag) -> TileFunction { return copy_second<typename decltype(tag)::type>; });
  }
  return table;
}

// By the dtype cast from; the fused and plain kernels ask cast_tile().
TileTable cast_tiles() { return {}; }

const TileRegistrar kRegistrars[] = {
    {"where", where_tiles},
    {"second", second_tiles},
    {"cast", cast_tiles},
};

template <typename T>
inline constexpr bool kIsHalf = std::same_as<T, Float16> || std::same_as<T, BFloat16>;

template <typename To>
struct CastTo {
  template <typename From>
  To operator()(From x) const {
    if constexpr (kIsHalf<From>) {
      return CastTo<To>()(static_cast<float>(x));
    } else if constexpr (std::same_as<To, bool>) {
      return x != From(0);
    } else if constexpr (kIsHalf<To>) {
      return To(static_cast<float>(x));
    } else {
      return static_cast<To>(x);
    }
  }
};

}  // namespace

TileFunction cast_tile(DType from, DType to) {
  return visit_dtype(to, [&](auto to_tag) {
    using To = typename decltype(to_tag)::type;
    return visit_dtype(from, [](auto from_tag) -> TileFunction {
      using From = typename decltype(from_tag)::type;
      return Tile<CastTo<To>, To, From>::best();
    });
  });
}

}  // namespace bitale
