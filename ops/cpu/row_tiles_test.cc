#include "ops/cpu/row_tiles.h"

#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace bitale::cpu {
namespace {

template <typename T>
std::vector<T> distinct(int64_t count) {
  std::vector<T> v(static_cast<size_t>(count));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<T>(i * 7 + i / 256);
  return v;
}

// The last row ends where the buffer ends, so that a sanitizer sees what is read beyond.
template <typename T>
void expect_turned(int64_t count, int64_t length, int64_t row_stride) {
  const auto& tiles = row_tiles(sizeof(T));
  const std::vector<T> rows = distinct<T>((count - 1) * row_stride + length);
  const int64_t stride = TileShape::rows(sizeof(T), length);
  const int64_t columns = std::max<int64_t>(length, 16 / static_cast<int64_t>(sizeof(T)));
  std::vector<T> tile(static_cast<size_t>(columns * stride));
  tiles.pack(rows.data(), row_stride, count, length, tile.data(), stride);
  std::vector<T> back(static_cast<size_t>(count * length));
  tiles.unpack(tile.data(), stride, count, length, back.data());
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t c = 0; c < length; ++c) {
      const T expected = rows[static_cast<size_t>(r * row_stride + c)];
      ASSERT_EQ(tile[static_cast<size_t>(c * stride + r)], expected)
          << "row " << r << " of " << count << ", column " << c << " of " << length;
      ASSERT_EQ(back[static_cast<size_t>(r * length + c)], expected)
          << "back: row " << r << " of " << count << ", column " << c << " of " << length;
    }
  }
}

template <typename T>
void expect_tiles() {
  for (int64_t length = 1; length <= TileShape::kMostLength; ++length) {
    const int64_t most = TileShape::rows(sizeof(T), length);
    for (const int64_t count : {int64_t{1}, int64_t{5}, int64_t{31}, most - 1, most}) {
      expect_turned<T>(count, length, length);
      expect_turned<T>(count, length, length + 3);
    }
  }
  expect_turned<T>(20, 3, 0);  // one row again and again
  expect_turned<T>(20, 9, 2);  // rows overlap
}

TEST(RowTiles, TurnRowsIntoColumnsAndBack) {
  expect_tiles<uint8_t>();
  expect_tiles<uint16_t>();
  expect_tiles<uint32_t>();
  expect_tiles<uint64_t>();
}

TEST(RowTiles, FitTheirBound) {
  for (const size_t size : {1, 2, 4, 8}) {
    for (int64_t length = 1; length <= TileShape::kMostLength; ++length) {
      const int64_t rows = TileShape::rows(size, length);
      const int64_t written = std::max<int64_t>(length * static_cast<int64_t>(size), 16);
      EXPECT_LE(rows * written, TileShape::kMostBytes);
      EXPECT_EQ(rows % TileShape::kRowUnit, 0);
    }
  }
}

template <typename T>
void expect_gathered(int64_t step, int64_t count) {
  const int64_t span = count == 0 ? 1 : std::abs(step) * (count - 1) + 1;
  const std::vector<T> from = distinct<T>(span);
  std::vector<T> got(static_cast<size_t>(count));
  const T* first = step < 0 ? from.data() + span - 1 : from.data();
  row_tiles(sizeof(T)).gather(first, step, count, got.data());
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(got[static_cast<size_t>(i)], first[i * step]) << i << " of " << count << " by " << step;
  }
}

TEST(RowTiles, GatherEveryStepEvenBackwards) {
  for (const int64_t step : {-7, -3, -2, -1, 0, 1, 2, 3, 4, 5}) {
    for (int64_t count = 0; count <= 70; ++count) {
      expect_gathered<uint8_t>(step, count);
      expect_gathered<uint16_t>(step, count);
      expect_gathered<uint32_t>(step, count);
      expect_gathered<uint64_t>(step, count);
    }
  }
}

}  // namespace
}  // namespace bitale::cpu
