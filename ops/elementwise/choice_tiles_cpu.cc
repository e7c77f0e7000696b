#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
// Processors with AVX2 convert float16 themselves, to the same bits as Float16 does.
constexpr int64_t kHalvesAtOnce = 8;

__attribute__((target("avx2,f16c"))) void narrow_by_vectors(int64_t count, void* out,
                                                            const void* const* in) {
  const auto* const x = static_cast<const float*>(in[0]);
  auto* const y = static_cast<Float16*>(out);
  int64_t i = 0;
  for (; i + kHalvesAtOnce <= count; i += kHalvesAtOnce) {
    const __m128i halves =
        _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), halves);
  }
  for (; i < count; ++i) y[i] = Float16(x[i]);
}

__attribute__((target("avx2,f16c"))) void widen_by_vectors(int64_t count, void* out,
                                                           const void* const* in) {
  const auto* const x = static_cast<const Float16*>(in[0]);
  auto* const y = static_cast<float*>(out);
  int64_t i = 0;
  for (; i + kHalvesAtOnce <= count; i += kHalvesAtOnce) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i));
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(halves));
  }
  for (; i < count; ++i) y[i] = static_cast<float>(x[i]);
}

// Null where loops over single elements are all there is.
TileFunction half_tile_by_vectors(DType from, DType to) {
  if ((supported_targets() & HWY_AVX2) == 0) return nullptr;
  if (from == DType::kFloat32 && to == DType::kFloat16) return narrow_by_vectors;
  if (from == DType::kFloat16 && to == DType::kFloat32) return widen_by_vectors;
  return nullptr;
}
#else
TileFunction half_tile_by_vectors(DType, DType) { return nullptr; }
#endif

}  // namespace

TileFunction cast_tile(DType from, DType to) {
  if (const TileFunction by_vectors = half_tile_by_vectors(from, to)) return by_vectors;
  return visit_dtype(to, [&](auto to_tag) {
    using To = typename decltype(to_tag)::type;
    return visit_dtype(from, [](auto from_tag) -> TileFunction {
      using From = typename decltype(from_tag)::type;
      return Tile<CastTo<To>, To, Readable<From>>::best();
    });
  });
}

}  // namespace bitale
