// Blocks of all strides and lengths that have a way of their own, against a loop over elements.
// They lie in memory of exactly their size, so that a sanitizer sees what is read beside them.

#include "core/tensor/strided_block.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace bitale {
namespace {

// What an axis of such a stride spans in memory, and where its first element lies then.
int64_t span_of(int64_t length, int64_t stride) { return (length - 1) * std::abs(stride); }
int64_t start_of(int64_t length, int64_t stride) {
  return stride < 0 ? span_of(length, stride) : 0;
}

// Moves a block of bytes of all values, NaNs among them, to one that is `gap` elements wider, whose
// other elements have to stay as they are.
void expect_moved(size_t size, int64_t rows, int64_t row_stride, int64_t columns,
                  int64_t column_stride, int64_t gap) {
  const int64_t elements = span_of(rows, row_stride) + span_of(columns, column_stride) + 1;
  std::vector<unsigned char> from(static_cast<size_t>(elements) * size);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 151 + i / 256);
  const int64_t start = start_of(rows, row_stride) + start_of(columns, column_stride);
  const int64_t width = columns + gap;
  std::vector<unsigned char> got(static_cast<size_t>(rows * width) * size, 0xFF);
  std::vector<unsigned char> wanted = got;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t at = start + i * row_stride + j * column_stride;
      std::memcpy(&wanted[static_cast<size_t>(i * width + j) * size],
                  &from[static_cast<size_t>(at) * size], size);
    }
  }
  move_block(size, {rows, width, row_stride}, {columns, 1, column_stride},
             from.data() + start * static_cast<int64_t>(size), got.data());
  EXPECT_EQ(got, wanted) << rows << " rows by " << row_stride << ", " << columns << " columns by "
                         << column_stride << " of " << size << " bytes, gap " << gap;
}

TEST(StridedBlock, RowsAreGatheredByAnyStep) {
  for (const size_t size : {1, 2, 4, 8}) {
    for (int64_t step = -6; step <= 6; ++step) {
      for (int64_t columns = 1; columns <= 70; ++columns) {
        expect_moved(size, 1, 0, columns, step, 0);
        expect_moved(size, 3, columns * std::abs(step) + 1, columns, step, columns % 3);
      }
    }
  }
}

TEST(StridedBlock, ElementsAreRepeatedToRowsOfAnyLength) {
  for (const size_t size : {1, 2, 4, 8}) {
    for (int64_t columns = 1; columns <= 20; ++columns) {
      for (const int64_t rows : {1, 2, 3, 4, 7, 8, 9, 16, 31, 33, 100}) {
        expect_moved(size, rows, 1, columns, 0, 0);
        expect_moved(size, rows, 1, columns, 0, 1);
        expect_moved(size, rows, 3, columns, 0, 0);
        expect_moved(size, rows, -1, columns, 0, 0);
      }
    }
  }
}

TEST(StridedBlock, BlocksAreTransposed) {
  for (const size_t size : {1, 2, 4, 8}) {
    for (int64_t rows = 1; rows <= 40; rows += 3) {
      for (int64_t columns = 1; columns <= 40; ++columns) {
        expect_moved(size, rows, 1, columns, rows + columns % 2, columns % 3);
      }
    }
  }
}

TEST(StridedBlock, NothingIsMovedOfNoElements) {
  unsigned char to = 1;
  const unsigned char from = 2;
  move_block(1, {0, 1, 1}, {1, 1, 2}, &from, &to);
  move_block(1, {1, 1, 1}, {0, 1, 2}, &from, &to);
  EXPECT_EQ(to, 1);
}

}  // namespace
}  // namespace bitale
