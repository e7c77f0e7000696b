#include "ops/conv/conv2d_padded_rows_cpu.h"

#include <algorithm>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {

template <typename T>
PaddedRows<T>::PaddedRows(int64_t height, int64_t width, int64_t before, int64_t to_width,
                          int64_t to_plane)
    : height_(height),
      width_(width),
      before_(before),
      to_width_(to_width),
      to_plane_(to_plane),
      begins_(multiples(height, width)) {}

template <typename T>
void PaddedRows<T>::copy(int64_t planes, const T* from, int64_t first, int64_t rows, T* to) const {
  std::fill_n(to, planes * to_plane_, T{0});
  const int64_t begin = std::max<int64_t>(first, 0), end = std::min(first + rows, height_);
  if (begin >= end) return;
  const int64_t length = std::min(width_, to_width_ - before_);
  to += (begin - first) * to_width_ + before_;
  for (int64_t plane = 0; plane < planes; ++plane) {
    cpu::runs<T>().gather(end - begin, begins_.data() + begin, length,
                          from + plane * height_ * width_, to + plane * to_plane_, to_width_);
  }
}

template class PaddedRows<float>;
template class PaddedRows<double>;

}  // namespace bitale::conv2d_cpu
