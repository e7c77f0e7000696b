// Convolutions with windows of one element and no padding: of each image plain matrix products,
// with no windows to gather.

#ifndef BITALE_OPS_CONV_CONV2D_POINTWISE_CPU_H_
#define BITALE_OPS_CONV_CONV2D_POINTWISE_CPU_H_

#include <cstdint>

#include "ops/conv/conv2d_cpu.h"

namespace bitale::conv2d_cpu {

// Null, or why a convolution is none of these.
const char* supports_pointwise(const KernelCall& call, const Lengths& lengths);

// Whether windows leave out elements of the image.
inline bool skips_elements(const Lengths& l) {
  return l.rows.stride() != 1 || l.columns.stride() != 1;
}

// The convolution of images that hold in one row the elements at which windows stand, and no
// others.
Lengths flattened(const Lengths& lengths);

// Copies to images of `lengths` flattened.
template <typename T>
void thin_images(const Lengths& lengths, const T* from, T* to);
// The inverse: all other elements are zero.
template <typename T>
void spread_images(const Lengths& lengths, const T* from, T* to);

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_POINTWISE_CPU_H_
