// Parts of images with zeros around them.

#ifndef BITALE_OPS_CONV_CONV2D_PADDED_ROWS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_PADDED_ROWS_CPU_H_

#include <cstdint>
#include <vector>

namespace bitale::conv2d_cpu {

// Planes that lie so far apart, or a multiple of it, compete for the same places in the cache.
inline constexpr int64_t kCompetingBytes = 1024;
template <typename T>
bool planes_compete(int64_t plane) {
  return plane * static_cast<int64_t>(sizeof(T)) % kCompetingBytes == 0;
}
// A little further apart where they would.
template <typename T>
int64_t apart(int64_t plane) {
  return planes_compete<T>(plane) ? plane + 64 / static_cast<int64_t>(sizeof(T)) : plane;
}

// Copies rows of planes (height, width) to where there are zeros around them: rows of `to_width`
// elements, in which they begin at element `before`, and to_plane elements from plane to plane.
// What does not fit there is left out. T is float or double.
template <typename T>
class PaddedRows {
 public:
  PaddedRows(int64_t height, int64_t width, int64_t before, int64_t to_width, int64_t to_plane);

  // Rows [first, first + rows) of each plane; there are zeros before row 0 and after the last one.
  void copy(int64_t planes, const T* from, int64_t first, int64_t rows, T* to) const;

 private:
  int64_t height_, width_, before_, to_width_, to_plane_;
  std::vector<int64_t> begins_;  // of rows
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_PADDED_ROWS_CPU_H_
