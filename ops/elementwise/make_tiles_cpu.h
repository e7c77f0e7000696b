// Makes tile functions from functors. For *_tiles_cpu.cc only: each includes its own functors, so
// that groups compile apart from each other.

#ifndef BITALE_OPS_ELEMENTWISE_MAKE_TILES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_MAKE_TILES_CPU_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "hwy/targets.h"
#include "ops/elementwise/tiles_cpu.h"
#include "ops/elementwise/vocabulary_cpu.h"

namespace bitale {

template <typename... Ts>
struct TypeList {};

// Asked for once: Highway asks the processor anew each time, on which a virtual machine spends some
// ten microseconds, and tables of tiles are looked up for each node that is compiled.
inline int64_t supported_targets() {
  static const int64_t targets = hwy::SupportedTargets();
  return targets;
}

// body(i) for i < count. Always part of a function that says for which instruction set it is
// compiled. A step on floats takes less time than to count it, so the loop over those counts in
// blocks: of some vectors, without a branch between them.
template <bool kInBlocks, typename Body>
BITALE_FUNCTOR void for_each_element(int64_t count, const Body& body) {
  int64_t i = 0;
  if constexpr (kInBlocks) {
    constexpr int64_t kBlock = 32;
    for (; i + kBlock <= count; i += kBlock) {
#pragma GCC ivdep
      for (int64_t k = 0; k < kBlock; ++k) body(i + k);
    }
  }
#pragma GCC ivdep
  for (; i < count; ++i) body(i);
}

template <typename F, bool kInBlocks, typename Out, typename A>
BITALE_FUNCTOR void tile_loop(TypeList<A>, int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  for_each_element<kInBlocks>(
      count, [=](int64_t i) __attribute__((always_inline)) { y[i] = F()(a[i]); });
}

template <typename F, bool kInBlocks, typename Out, typename A, typename B>
BITALE_FUNCTOR void tile_loop(TypeList<A, B>, int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  for_each_element<kInBlocks>(
      count, [=](int64_t i) __attribute__((always_inline)) { y[i] = F()(a[i], b[i]); });
}

template <typename F, bool kInBlocks, typename Out, typename A, typename B, typename C>
BITALE_FUNCTOR void tile_loop(TypeList<A, B, C>, int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  const C* c = static_cast<const C*>(in[2]);
  for_each_element<kInBlocks>(
      count, [=](int64_t i) __attribute__((always_inline)) { y[i] = F()(a[i], b[i], c[i]); });
}

// A functor of floats that needs branches for some operands, which is_rare() tells, and has usual()
// without branches for the others.
template <typename F, typename... Ins>
concept HasRareOperands = (std::floating_point<Ins> && ...) && requires(Ins... operands) {
  F::is_rare(operands...);
};

// Run by run: by vectors where no operand of the run is rare, else one by one. An element's result
// is the same either way.
template <typename F, typename Out, typename... Ins>
BITALE_FUNCTOR void guarded_loop(int64_t count, Out* y, const Ins*... in) {
  constexpr int64_t kRun = 64;
  for (int64_t begin = 0; begin < count; begin += kRun) {
    const int64_t end = std::min(begin + kRun, count);
    uint32_t rare = 0;
    for (int64_t i = begin; i < end; ++i) rare |= F::is_rare(in[i]...) ? 1 : 0;
    if (rare != 0) {
      for (int64_t i = begin; i < end; ++i) y[i] = F()(in[i]...);
    } else {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) y[i] = F().usual(in[i]...);
    }
  }
}
template <typename F, bool kInBlocks, typename Out, typename A>
requires HasRareOperands<F, A> BITALE_FUNCTOR void tile_loop(TypeList<A>, int64_t count, void* out,
                                                             const void* const* in) {
  guarded_loop<F>(count, static_cast<Out*>(out), static_cast<const A*>(in[0]));
}
template <typename F, bool kInBlocks, typename Out, typename A, typename B>
requires HasRareOperands<F, A, B> BITALE_FUNCTOR void tile_loop(TypeList<A, B>, int64_t count,
                                                                void* out, const void* const* in) {
  guarded_loop<F>(count, static_cast<Out*>(out), static_cast<const A*>(in[0]),
                  static_cast<const B*>(in[1]));
}

// A functor of integers that is worth vector code.
template <typename F>
concept WantsVectors = requires {
  F::kByVectors;
};

// The tile function of F from Ins to Out.
template <typename F, typename Out, typename... Ins>
struct Tile {
  // Other functors of integers gain little and are compiled once.
  static constexpr bool kByVectors = WantsVectors<F> || std::is_floating_point_v<Out> ||
                                     std::is_same_v<Out, bool> ||
                                     (std::is_floating_point_v<Ins> || ...);

  static void portable(int64_t count, void* out, const void* const* in) {
    tile_loop<F, false, Out>(TypeList<Ins...>(), count, out, in);
  }
#if defined(__x86_64__)
  __attribute__((target("avx2,fma"))) static void avx2(int64_t count, void* out,
                                                       const void* const* in) {
    tile_loop<F, kByVectors, Out>(TypeList<Ins...>(), count, out, in);
  }
  __attribute__((
      target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512"))) static void
  avx512(int64_t count, void* out, const void* const* in) {
    tile_loop<F, kByVectors, Out>(TypeList<Ins...>(), count, out, in);
  }
#endif

  // For the best instruction set there is.
  static TileFunction best() {
#if defined(__x86_64__)
    if constexpr (kByVectors) return best(avx2, avx512);
#endif
    return portable;
  }

#if defined(__x86_64__)
  // The same where there are others for AVX2 and AVX-512.
  static TileFunction best(TileFunction on_avx2, TileFunction on_avx512) {
    const int64_t targets = supported_targets();
    if ((targets & HWY_AVX3) != 0) return on_avx512;
    return (targets & HWY_AVX2) != 0 ? on_avx2 : portable;
  }
#endif
};

using FloatTypes = TypeList<float, double>;
using IntegerTypes =
    TypeList<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>;
using BoolType = TypeList<bool>;

// Loops that read bool are not made vector code, those that read the bytes, 0 or 1, are.
template <typename T>
using Readable = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

// Adds the tiles of F, a function of kArity numbers of one type T, for every T of the list.
template <typename F, int kArity, bool kToBool, typename... Ts>
void add_tiles(TileTable& table, TypeList<Ts...>) {
  const auto tile_for = []<typename T>(TypeTag<T>) -> TileFunction {
    using Out = std::conditional_t<kToBool, bool, T>;
    using In = std::conditional_t<kToBool, Readable<T>, T>;
    if constexpr (kArity == 1)
      return Tile<F, Out, In>::best();
    else if constexpr (kArity == 2)
      return Tile<F, Out, In, In>::best();
    else
      return Tile<F, Out, In, In, In>::best();
  };
  ((table[dtype_of<Ts>] = tile_for(TypeTag<Ts>())), ...);
}

// The table of F over the given lists of types: tiles<Add, 2, FloatTypes, IntegerTypes>.
template <typename F, int kArity, typename... Lists>
TileTable tiles() {
  TileTable table;
  (add_tiles<F, kArity, false>(table, Lists()), ...);
  return table;
}

// The same for functions that give bool.
template <typename F, int kArity, typename... Lists>
TileTable predicate_tiles() {
  TileTable table;
  (add_tiles<F, kArity, true>(table, Lists()), ...);
  return table;
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_MAKE_TILES_CPU_H_
