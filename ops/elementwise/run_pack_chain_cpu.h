// Chains in packs of the instruction set that is being compiled: for
// packed_tiles_<instruction set>_cpu.cc only, behind pack_<instruction set>_cpu.h.

#ifndef BITALE_OPS_ELEMENTWISE_RUN_PACK_CHAIN_CPU_H_
#define BITALE_OPS_ELEMENTWISE_RUN_PACK_CHAIN_CPU_H_

#include <algorithm>
#include <cstdint>

#include "ops/cpu/row_chain_fetcher.h"
#include "ops/elementwise/activation_functors.h"
#include "ops/elementwise/pack_chain_cpu.h"
#include "ops/elementwise/pack_cpu.h"
#include "ops/elementwise/transcendental_functors.h"

namespace bitale {

template <typename T, int kVectorBytes>
class PackChain {
 public:
  explicit PackChain(const cpu::row_chain::Chain& chain) : chain_(chain), ahead_(chain.fetches) {}

  void run_row(int64_t row) {
    const T* const source = static_cast<const T*>(chain_.source) + row * chain_.source_stride;
    for (size_t i = 0; i < chain_.steps.size(); ++i) {
      const Step& step = chain_.steps[i];
      places_[i] = static_cast<T*>(step.place) + row * step.row_stride;
    }
    int64_t at = 0;
    // A step waits for the one before it: of two packs, one's goes on meanwhile.
    for (; at + 2 * Pack::kSize <= chain_.length; at += 2 * Pack::kSize) {
      const int64_t next = at + Pack::kSize;
      ahead_.ask(row * chain_.length + next + Pack::kSize);
      Pack v = Pack::load(source + at), w = Pack::load(source + next);
      for (size_t i = 0; i < chain_.steps.size(); ++i) {
        v = take<true>(i, at, v);
        w = take<true>(i, next, w);
      }
    }
    ahead_.ask((row + 1) * chain_.length);
    for (; at + Pack::kSize <= chain_.length; at += Pack::kSize) {
      Pack v = Pack::load(source + at);
      for (size_t i = 0; i < chain_.steps.size(); ++i) v = take<true>(i, at, v);
    }
    rest_ = chain_.length - at;
    if (rest_ == 0) return;
    Pack v = load<false>(source, at);
    for (size_t i = 0; i < chain_.steps.size(); ++i) v = take<false>(i, at, v);
  }

 private:
  using Pack = scalar::Pack<T, kVectorBytes>;
  using Step = cpu::row_chain::Step;
  using Kind = cpu::row_chain::StepKind;

  // Whole packs, or the last elements of a row with ones beside them.
  template <bool kWhole>
  BITALE_FUNCTOR Pack load(const T* from, int64_t at) const {
    if constexpr (kWhole) return Pack::load(from + at);
    T elements[Pack::kSize];
    std::fill(std::copy_n(from + at, rest_, elements), elements + Pack::kSize, T(1));
    return Pack::load(elements);
  }
  template <bool kWhole>
  BITALE_FUNCTOR void store(Pack v, T* to, int64_t at) const {
    if constexpr (kWhole) return v.store(to + at);
    T elements[Pack::kSize];
    v.store(elements);
    std::copy_n(elements, rest_, to + at);
  }

  template <bool kWhole>
  BITALE_FUNCTOR Pack operand(size_t i, int64_t at) const {
    return chain_.steps[i].is_number ? Pack(*places_[i]) : load<kWhole>(places_[i], at);
  }

  template <bool kWhole>
  BITALE_FUNCTOR Pack take(size_t i, int64_t at, Pack v) const {
    switch (chain_.steps[i].kind) {
      case Kind::kAdd:
        return v + operand<kWhole>(i, at);
      case Kind::kSub:
        return v - operand<kWhole>(i, at);
      case Kind::kSubFrom:
        return operand<kWhole>(i, at) - v;
      case Kind::kMul:
        return v * operand<kWhole>(i, at);
      case Kind::kDiv:
        return v / operand<kWhole>(i, at);
      case Kind::kDivInto:
        return operand<kWhole>(i, at) / v;
      case Kind::kNeg:
        return -v;
      case Kind::kAbs:
        return scalar::from_bits<Pack>(scalar::to_bits(v) ^ scalar::sign_bit(v));
      case Kind::kSqr:
        return v * v;
      case Kind::kSqrt:
        return sqrt(v);
      case Kind::kStore:
        store<kWhole>(v, places_[i], at);
        return v;
      case Kind::kExp:
        return scalar::Exp()(v);
      case Kind::kExpm1:
        return scalar::Expm1()(v);
      case Kind::kLog:
        return scalar::Log()(v);
      case Kind::kLog1p:
        return scalar::Log1p()(v);
      case Kind::kSigmoid:
        return scalar::Sigmoid()(v);
      case Kind::kSoftplus:
        return scalar::Softplus()(v);
      case Kind::kTanh:
        return scalar::Tanh()(v);
    }
    return v;
  }

  const cpu::row_chain::Chain& chain_;
  T* places_[cpu::row_chain::kMostSteps];
  cpu::row_chain::Fetcher<T, Pack::kSize> ahead_;
  int64_t rest_ = 0;
};

template <typename T, int kVectorBytes>
void run_chain_on_packs(const cpu::row_chain::Chain& chain) {
  PackChain<T, kVectorBytes> packs(chain);
  for (int64_t row = 0; row < chain.rows; ++row) packs.run_row(row);
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_RUN_PACK_CHAIN_CPU_H_
