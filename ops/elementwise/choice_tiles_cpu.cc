#include <cstring>

#include "ops/elementwise/make_tiles_cpu.h"

// where, second and cast: they choose and convert elements, and compute nothing.

namespace bitale {
namespace {

// By bits, whatever they stand for: of two numbers a compiler would load one or the other, with a
// branch for each element.
struct Choose {
  static constexpr bool kByVectors = true;
  template <typename Bits>
  BITALE_FUNCTOR Bits operator()(Readable<bool> condition, Bits a, Bits b) const {
    const auto mask = static_cast<Bits>(Bits(0) - Bits(condition));
    return static_cast<Bits>(b ^ ((a ^ b) & mask));
  }
};

template <size_t kBytes>
TileFunction choose_tile() {
  using Bits =
      std::conditional_t<kBytes == 1, uint8_t,
                         std::conditional_t<kBytes == 2, uint16_t,
                                            std::conditional_t<kBytes == 4, uint32_t, uint64_t>>>;
  return Tile<Choose, Bits, Readable<bool>, Bits, Bits>::best();
}

template <typename T>
void copy_second(int64_t count, void* out, const void* const* in) {
  if (out != in[1]) std::memcpy(out, in[1], static_cast<size_t>(count) * sizeof(T));
}

TileTable where_tiles() {
  TileTable table;
  for (DType dtype : kAllDTypes) {
    table[dtype] = visit_dtype(dtype, [](auto tag) -> TileFunction {
      return choose_tile<sizeof(typename decltype(tag)::type)>();
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
      return Tile<CastTo<To>, To, Readable<From>>::best();
    });
  });
}

}  // namespace bitale
