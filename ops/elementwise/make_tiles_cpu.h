// Makes tile functions from functors. For *_tiles_cpu.cc only: each includes its own functors, so
// that groups compile apart from each other.

#ifndef BITALE_OPS_ELEMENTWISE_MAKE_TILES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_MAKE_TILES_CPU_H_

#include "ops/elementwise/tiles_cpu.h"
#include "ops/elementwise/vocabulary_cpu.h"

namespace bitale {

template <typename F, typename Out, typename A>
void unary_tile(int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) y[i] = F()(a[i]);
}

template <typename F, typename Out, typename A, typename B>
void binary_tile(int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) y[i] = F()(a[i], b[i]);
}

template <typename F, typename Out, typename A, typename B, typename C>
void ternary_tile(int64_t count, void* out, const void* const* in) {
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  const B* b = static_cast<const B*>(in[1]);
  const C* c = static_cast<const C*>(in[2]);
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) y[i] = F()(a[i], b[i], c[i]);
}

template <typename... Ts>
struct TypeList {};
using FloatTypes = TypeList<float, double>;
using IntegerTypes =
    TypeList<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>;
using BoolType = TypeList<bool>;

// Adds the tiles of F, a function of kArity numbers of one type T, for every T of the list.
template <typename F, int kArity, bool kToBool, typename... Ts>
void add_tiles(TileTable& table, TypeList<Ts...>) {
  const auto tile_for = []<typename T>(TypeTag<T>) -> TileFunction {
    using Out = std::conditional_t<kToBool, bool, T>;
    if constexpr (kArity == 1)
      return unary_tile<F, Out, T>;
    else if constexpr (kArity == 2)
      return binary_tile<F, Out, T, T>;
    else
      return ternary_tile<F, Out, T, T, T>;
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
