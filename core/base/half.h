// Two-byte floating types. They are stored and cast; arithmetic happens in float32.

#ifndef BITALE_CORE_BASE_HALF_H_
#define BITALE_CORE_BASE_HALF_H_

#include <bit>
#include <cstdint>

namespace bitale {

// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
class Float16 {
 public:
  Float16() = default;
  // Rounds to nearest, ties to even; overflow gives infinity; NaN becomes a quiet NaN, both ways,
  // as processors have it.
  explicit Float16(float value);
  explicit operator float() const;

  static constexpr Float16 from_bits(uint16_t bits) {
    Float16 half;
    half.bits_ = bits;
    return half;
  }
  constexpr uint16_t bits() const { return bits_; }

 private:
  uint16_t bits_ = 0;
};

// The upper half of a float32: 1 sign, 8 exponent, 7 fraction bits.
class BFloat16 {
 public:
  BFloat16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN.
  explicit BFloat16(float value);
  explicit operator float() const {
    return std::bit_cast<float>(static_cast<uint32_t>(bits_) << 16);
  }

  static constexpr BFloat16 from_bits(uint16_t bits) {
    BFloat16 half;
    half.bits_ = bits;
    return half;
  }
  constexpr uint16_t bits() const { return bits_; }

 private:
  uint16_t bits_ = 0;
};

}  // namespace bitale

#endif  // BITALE_CORE_BASE_HALF_H_
