#include "ops/elementwise/huge_angle_cpu.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "ops/elementwise/vocabulary_cpu.h"

// Payne and Hanek, "Radian reduction for trigonometric functions" (1983): of the product of x and
// 2 / pi only the bits count that are neither multiples of 4 nor too small, and these depend on as
// many consecutive bits of 2 / pi, found by x's exponent.

namespace bitale::scalar {
namespace {

using uint128_t = unsigned __int128;

// 64 bits before the point, which are 0, and the 1280 after it.
constexpr uint64_t kTwoOverPi[] = {0,
                                   0xa2f9836e4e441529u,
                                   0xfc2757d1f534ddc0u,
                                   0xdb6295993c439041u,
                                   0xfe5163abdebbc561u,
                                   0xb7246e3a424dd2e0u,
                                   0x06492eea09d1921cu,
                                   0xfe1deb1cb129a73eu,
                                   0xe88235f52ebb4484u,
                                   0xe99c7026b45f7e41u,
                                   0x3991d639835339f4u,
                                   0x9c845f8bbdf9283bu,
                                   0x1ff897ffde05980fu,
                                   0xef2f118b5a0a6d1fu,
                                   0x6d367ecf27cb09b7u,
                                   0x4f463f669e5fea2du,
                                   0x7527bac7ebe5f17bu,
                                   0x3d0739f78a5292eau,
                                   0x6bfb5fb11f8d5d08u,
                                   0x56033046fc7b6babu,
                                   0xf0cfbc209af4361du};

// The 64 bits that begin `position` bits after kTwoOverPi's first.
uint64_t bits_at(unsigned position) {
  const unsigned word = position / 64;
  const unsigned shift = position % 64;
  if (shift == 0) return kTwoOverPi[word];
  return kTwoOverPi[word] << shift | kTwoOverPi[word + 1] >> (64 - shift);
}

}  // namespace

ReducedAngle<double> reduce_huge_angle(double x) {
  // x = m 2^e.
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint64_t m = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  const int e = static_cast<int>(bits >> 52) - 1075;
  // Bits of 2 / pi up to number e - 2 after the point make multiples of 4. With the 192 that follow
  // as an integer, x 2/pi is m times it times 2^-190; the quarter turns are its first two bits.
  const auto position = static_cast<unsigned>(64 + e - 2);
  const uint128_t last = uint128_t{m} * bits_at(position + 128);
  const uint128_t middle = uint128_t{m} * bits_at(position + 64) + (last >> 64);
  const uint64_t first = m * bits_at(position) + static_cast<uint64_t>(middle >> 64);

  uint64_t quarters = first >> 62;
  // The 128 bits after them, and the next ones.
  const auto second = static_cast<uint64_t>(middle);
  uint128_t fraction = uint128_t{first << 2 | second >> 62} << 64 |
                       (second << 2 | static_cast<uint64_t>(last) >> 62);
  // To the nearest quarter.
  const bool up = (fraction >> 127) != 0;
  quarters += up ? 1 : 0;
  if (up) fraction = -fraction;
  const auto upper = static_cast<uint64_t>(fraction >> 64);
  const int zeros = upper != 0 ? std::countl_zero(upper) : 64;
  fraction <<= zeros;
  const double high = std::ldexp(static_cast<double>(static_cast<uint64_t>(fraction >> 75)), -53);
  const double low = std::ldexp(
      static_cast<double>(static_cast<uint64_t>(fraction >> 22 & ((uint64_t{1} << 53) - 1))), -106);
  const double scale = std::ldexp(up ? -1.0 : 1.0, -zeros);
  constexpr auto& kHalfPi = CircleConstants<double>::kHalfPi;
  return {product(DoubleWord<double>{scale * high, scale * low}, {kHalfPi[0], kHalfPi[1]}),
          static_cast<BitsOf<double>>(quarters)};
}

ReducedAngle<float> reduce_huge_angle(float x) {
  const ReducedAngle<double> angle = reduce_huge_angle(static_cast<double>(x));
  const auto high = static_cast<float>(angle.r.high);
  const auto low = static_cast<float>((angle.r.high - static_cast<double>(high)) + angle.r.low);
  return {{high, low}, static_cast<BitsOf<float>>(angle.quarters)};
}

}  // namespace bitale::scalar
