// exp of vectors, for the instruction set that is being compiled: included once for each by sources
// that include hwy/foreach_target.h.

#if defined(BITALE_OPS_SOFTMAX_VECTOR_EXP_CPU_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_OPS_SOFTMAX_VECTOR_EXP_CPU_H_
#undef BITALE_OPS_SOFTMAX_VECTOR_EXP_CPU_H_
#else
#define BITALE_OPS_SOFTMAX_VECTOR_EXP_CPU_H_
#endif

#include <iterator>

#include "hwy/highway.h"
#include "ops/elementwise/float_traits_functors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::softmax_rows {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp(x) for x <= 0 or NaN, as float_exp() in ops/elementwise/float_math_functors.h computes it.
template <typename D, typename V>
HWY_INLINE V exp_of(D d, V x) {
  using T = hn::TFromD<D>;
  using Traits = scalar::FloatTraits<T>;
  const hn::RebindToSigned<D> integers;
  const auto rounder = hn::Set(d, Traits::kRounder);
  const auto one_plus = [&](V bounded, V rounded) HWY_ATTR {
    const auto n = hn::Sub(rounded, rounder);
    const auto high = hn::NegMulAdd(n, hn::Set(d, Traits::kLog2High), bounded);
    const auto r = hn::NegMulAdd(n, hn::Set(d, Traits::kLog2Low), high);
    auto tail = hn::Set(d, Traits::kExpTail[0]);
    for (size_t i = 1; i < std::size(Traits::kExpTail); ++i) {
      tail = hn::MulAdd(tail, r, hn::Set(d, Traits::kExpTail[i]));
    }
    return hn::Add(hn::Set(d, T{1}), hn::MulAdd(hn::Mul(r, r), tail, r));
  };
  const auto in_units_of_log2 = [&](V bounded) HWY_ATTR {
    return hn::MulAdd(bounded, hn::Set(d, Traits::kInverseLog2), rounder);
  };
  // Where 2^n is a normal number and so is the result, n is added to the exponent. The rounder
  // itself has no bits that stay after the shift.
  const auto normal = hn::Set(d, T{2 - Traits::kExponentBias} * T(0.693));
  if (HWY_LIKELY(hn::AllTrue(d, hn::Ge(x, normal)))) {
    const auto rounded = in_units_of_log2(x);
    const auto n = hn::ShiftLeft<Traits::kMantissaBits>(hn::BitCast(integers, rounded));
    return hn::BitCast(d, hn::Add(hn::BitCast(integers, one_plus(x, rounded)), n));
  }
  const auto lowest = hn::Set(d, Traits::kLowest);
  const auto bounded = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const auto rounded = in_units_of_log2(bounded);
  // 2^n in two steps, as it may be subnormal.
  const auto k = hn::Sub(hn::BitCast(integers, rounded), hn::BitCast(integers, rounder));
  const auto power_of_two = [&](auto exponent) HWY_ATTR {
    const auto biased = hn::Add(exponent, hn::Set(integers, Traits::kExponentBias));
    return hn::BitCast(d, hn::ShiftLeft<Traits::kMantissaBits>(biased));
  };
  const auto half = hn::ShiftRight<1>(k);
  return hn::Mul(hn::Mul(one_plus(bounded, rounded), power_of_two(half)),
                 power_of_two(hn::Sub(k, half)));
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::softmax_rows
HWY_AFTER_NAMESPACE();

#endif  // BITALE_OPS_SOFTMAX_VECTOR_EXP_CPU_H_
