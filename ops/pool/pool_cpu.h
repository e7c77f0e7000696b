// What the CPU kernels of pooling share: concrete lengths and the walk over windows.

#ifndef BITALE_OPS_POOL_POOL_CPU_H_
#define BITALE_OPS_POOL_POOL_CPU_H_

#include <algorithm>
#include <cstdint>

#include "core/runtime/thread_pool.h"
#include "ops/pool/pool.h"

namespace bitale::pool_cpu {

// Part of a window that lies in the image.
struct Window {
  int64_t top, bottom, left, right;  // half open

  int64_t size() const {
    return std::max<int64_t>(0, bottom - top) * std::max<int64_t>(0, right - left);
  }
};

struct Lengths {
  // Of an image of this shape and its pooled one.
  Lengths(const PoolWindow& window, const Dims& image, const Dims& pooled)
      : window(window),
        height(image[image.size() - 2]),
        width(image[image.size() - 1]),
        output_height(pooled[pooled.size() - 2]),
        output_width(pooled[pooled.size() - 1]) {
    for (size_t axis = 0; axis + 2 < image.size(); ++axis) planes *= image[axis];
  }

  int64_t image_size() const { return height * width; }
  int64_t output_size() const { return output_height * output_width; }

  Window window_at(int64_t row, int64_t column) const {
    const int64_t top = row * window.stride[0] - window.pad[0];
    const int64_t left = column * window.stride[1] - window.pad[1];
    return {std::max<int64_t>(top, 0), std::min(top + window.ws[0], height),
            std::max<int64_t>(left, 0), std::min(left + window.ws[1], width)};
  }

  // An average divides by the number of a window's rows that count, times that of its columns:
  // those of window `index` along axis 0 or 1. Padding counts, if asked for, up to the padded
  // image's edge.
  int64_t counted(size_t axis, int64_t index, PoolMode mode) const {
    if (mode == PoolMode::kSum) return 1;
    const int64_t length = axis == 0 ? height : width;
    const int64_t begin = index * window.stride[axis] - window.pad[axis];
    const int64_t edge = mode == PoolMode::kAverageExcPad ? 0 : window.pad[axis];
    return std::min(begin + window.ws[axis], length + edge) - std::max(begin, -edge);
  }

  // Calls body(begin, end) for ranges of planes, of some thousand elements.
  template <typename Body>
  void for_planes(Body&& body) const {
    constexpr int64_t kGrainElements = 32768;
    parallel_ranges(planes,
                    std::max<int64_t>(1, kGrainElements / std::max<int64_t>(1, image_size())),
                    body);
  }

  // Calls body(plane) for each plane, in the same ranges.
  template <typename Body>
  void for_each_plane(Body&& body) const {
    for_planes([&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) body(plane);
    });
  }

  // Calls body(window, output position) for each window of a plane, in row-major order.
  template <typename Body>
  void for_each_window(Body&& body) const {
    for (int64_t row = 0; row < output_height; ++row) {
      for (int64_t column = 0; column < output_width; ++column) {
        body(window_at(row, column), row * output_width + column);
      }
    }
  }

  PoolWindow window;
  int64_t planes = 1;
  int64_t height, width;
  int64_t output_height, output_width;
};

// Whether `value` wins over `best`, which came before it: NaN wins over numbers.
template <typename T>
inline bool wins(T value, T best) {
  return !(value <= best) && best == best;
}

}  // namespace bitale::pool_cpu

#endif  // BITALE_OPS_POOL_POOL_CPU_H_
