// Conversions of float16 by vectors are those of single numbers.

#include "core/base/half.h"

#include <bit>
#include <vector>

#include "gtest/gtest.h"
#include "ops/elementwise/tiles_cpu.h"

namespace bitale {
namespace {

std::vector<Float16> all_halves() {
  std::vector<Float16> halves;
  for (int bits = 0; bits < 65536; ++bits) {
    halves.push_back(Float16::from_bits(static_cast<uint16_t>(bits)));
  }
  return halves;
}

TEST(HalfTiles, WidenEveryNumber) {
  const std::vector<Float16> halves = all_halves();
  std::vector<float> wide(halves.size());
  const void* const in[] = {halves.data()};
  cast_tile(DType::kFloat16, DType::kFloat32)(static_cast<int64_t>(halves.size()), wide.data(), in);
  for (size_t i = 0; i < halves.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]),
              std::bit_cast<uint32_t>(static_cast<float>(halves[i])))
        << i;
  }
}

// Every half, the numbers between neighbours, and their neighbours: ties and what decides them.
TEST(HalfTiles, NarrowAsSingleNumbersDo) {
  std::vector<float> numbers;
  for (const Float16 half : all_halves()) {
    const auto bits = std::bit_cast<uint32_t>(static_cast<float>(half));
    for (const uint32_t more : {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0x1fffu}) {
      numbers.push_back(std::bit_cast<float>(bits + more));
    }
  }
  for (const uint32_t bits : {0x33000000u, 0x33000001u, 0x32ffffffu, 0x477fefffu, 0x477ff000u,
                              0x7f7fffffu, 0x00000001u, 0x807fffffu}) {
    numbers.push_back(std::bit_cast<float>(bits));
  }
  numbers.push_back(3);  // not a multiple of vectors
  std::vector<Float16> halves(numbers.size());
  const void* const in[] = {numbers.data()};
  cast_tile(DType::kFloat32, DType::kFloat16)(static_cast<int64_t>(numbers.size()), halves.data(),
                                              in);
  for (size_t i = 0; i < numbers.size(); ++i) {
    ASSERT_EQ(halves[i].bits(), Float16(numbers[i]).bits()) << numbers[i];
  }
}

}  // namespace
}  // namespace bitale
