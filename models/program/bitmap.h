// Small grey images inside HTML.

#ifndef BITALE_MODELS_PROGRAM_BITMAP_H_
#define BITALE_MODELS_PROGRAM_BITMAP_H_

#include <string>

#include "core/tensor/tensor.h"

namespace bitale {

// An uncompressed BMP of uint8 levels (height, width), as a data: URI. TypeError or ShapeError for
// another tensor.
std::string gray_bitmap_uri(const Tensor& levels);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_BITMAP_H_
