#include "ops/cpu/row_sums.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace bitale::cpu {
namespace {

template <typename T>
void expect_sums(int64_t count, int64_t length) {
  constexpr int64_t kRows = 7, kStride = 3;  // rows overlap
  std::vector<T> rows(kRows * kStride + length + kMostLanes);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<T>(static_cast<int>(i % 11) - 5);
  std::vector<T> scales, sums(length + kMostLanes, T{2});
  std::vector<int32_t> offsets;
  for (int64_t i = 0; i < count; ++i) {
    scales.push_back(static_cast<T>(i % 5 - 2));
    offsets.push_back(static_cast<int32_t>(i * 4 % kRows * kStride));
  }
  row_sums<T>().add(count, scales.data(), offsets.data(), rows.data(), {.length = length},
                    sums.data());
  for (int64_t j = 0; j < length; ++j) {
    T expected = 2;
    for (int64_t i = 0; i < count; ++i) expected += scales[i] * rows[offsets[i] + j];
    ASSERT_EQ(sums[j], expected) << "element " << j << " of " << length << ", " << count << " rows";
  }
  for (int64_t j = length; j < length + kMostLanes; ++j) {
    ASSERT_EQ(sums[j], 2) << "past the end, " << length << ", " << count << " rows";
  }
}

TEST(RowSums, AddScaledRowsAndNothingPastTheEnd) {
  for (const int64_t count : {0, 1, 2, 3, 4, 5, 9, 30}) {
    for (int64_t length = 1; length < 60; ++length) {
      expect_sums<float>(count, length);
      expect_sums<double>(count, length);
    }
    for (const int64_t length : {100, 103, 104, 105, 208, 209, 416, 417, 800}) {
      expect_sums<float>(count, length);
      expect_sums<double>(count, length);
    }
  }
}

template <typename T>
void expect_blocks(int64_t count, const RowBlock& block) {
  std::vector<T> rows(10 + block.count * block.stride + block.length + kMostLanes);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<T>(static_cast<int>(i % 13) - 6);
  std::vector<T> scales, sums(block.count * block.sums_stride + kMostLanes, T{1});
  std::vector<int32_t> offsets;
  for (int64_t i = 0; i < count; ++i) {
    scales.push_back(static_cast<T>(i % 5 - 2));
    offsets.push_back(static_cast<int32_t>(i * 3 % 10));
  }
  std::vector<T> expected = sums;
  for (int64_t r = 0; r < block.count; ++r) {
    for (int64_t j = 0; j < block.length; ++j) {
      for (int64_t i = 0; i < count; ++i) {
        expected[r * block.sums_stride + j] += scales[i] * rows[offsets[i] + r * block.stride + j];
      }
    }
  }
  row_sums<T>().add(count, scales.data(), offsets.data(), rows.data(), block, sums.data());
  EXPECT_EQ(sums, expected) << block.count << " rows of " << block.length << ", " << count
                            << " terms";
}

TEST(RowSums, AddBlocksOfRows) {
  for (int64_t rows = 1; rows < 20; ++rows) {
    for (const int64_t length : {1, 3, 5, 8, 9, 15, 16, 17, 31, 48, 105}) {
      for (const int64_t count : {0, 1, 7}) {
        expect_blocks<float>(count, {length, rows, length + 11, length});
        expect_blocks<double>(count, {length, rows, 2, length + 3});
      }
    }
  }
}

TEST(RowSums, FewerRowsAreSummedAtOnceTheLongerTheyAre) {
  EXPECT_GT(row_sums<float>().rows_at_once(1), 1);
  EXPECT_EQ(row_sums<float>().rows_at_once(100000), 0);
  for (int64_t length = 1; length < 1000; ++length) {
    EXPECT_GE(row_sums<float>().rows_at_once(length), row_sums<float>().rows_at_once(length + 1));
    EXPECT_GE(row_sums<float>().rows_at_once(length), row_sums<double>().rows_at_once(length));
  }
}

TEST(RowSums, KeepNaNOutOfNeighbours) {
  std::vector<float> rows(64, NAN), sums(64, 1.0f);
  const float scale = 1;
  const int32_t offset = 0;
  row_sums<float>().add(1, &scale, &offset, rows.data(), {.length = 5}, sums.data());
  EXPECT_TRUE(std::isnan(sums[4]));
  EXPECT_EQ(sums[5], 1.0f);
}

}  // namespace
}  // namespace bitale::cpu
