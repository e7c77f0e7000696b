// A number that many others are divided by: kernels find elements' places by division, tile after
// tile, and the machine's own takes longer than a short tile is computed in.

#ifndef BITALE_OPS_ELEMENTWISE_DIVISOR_CPU_H_
#define BITALE_OPS_ELEMENTWISE_DIVISOR_CPU_H_

#include <cstdint>

namespace bitale {

class Divisor {
 public:
  struct Result {
    int64_t quotient = 0;
    int64_t remainder = 0;
  };

  // `value`: at least 1.
  explicit Divisor(int64_t value = 1)
      : value_(value), inverse_((uint64_t{1} << kShift) / static_cast<uint64_t>(value) + 1) {}

  int64_t value() const { return value_; }

  // For numbers of at least 0.
  Result divide(int64_t number) const {
    // The inverse is too large by less than one part in 2^kShift / value: with both numbers below
    // 2^31 the quotient exceeds the true one by less than what it lacks to the next whole number.
    const bool is_exact = ((number | value_) >> 31) == 0;
    const int64_t quotient =
        is_exact ? static_cast<int64_t>((static_cast<Wide>(inverse_) * static_cast<Wide>(number)) >>
                                        kShift)
                 : number / value_;
    return {quotient, number - quotient * value_};
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr int kShift = 63;

  int64_t value_;
  uint64_t inverse_;  // 2^kShift / value, rounded up
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_DIVISOR_CPU_H_
