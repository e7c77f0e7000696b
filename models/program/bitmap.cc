#include "models/program/bitmap.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {
namespace {

constexpr uint32_t kHeader = 14 + 40;
constexpr uint32_t kPalette = 256 * 4;

void append(std::string& bytes, uint32_t value, int width) {
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::string gray_bitmap_uri(const Tensor& levels) {
  if (levels.rank() != 2) {
    throw ShapeError(absl::StrCat("a bitmap has two axes, not ", levels.rank()));
  }
  const auto height = static_cast<uint32_t>(levels.dim(0));
  const auto width = static_cast<uint32_t>(levels.dim(1));
  const uint32_t stride = (width + 3) / 4 * 4;
  std::string bytes = "BM";
  append(bytes, kHeader + kPalette + stride * height, 4);
  append(bytes, 0, 4);
  append(bytes, kHeader + kPalette, 4);
  append(bytes, 40, 4);
  append(bytes, width, 4);
  append(bytes, height, 4);
  append(bytes, 1, 2);
  append(bytes, 8, 2);
  append(bytes, 0, 4);
  append(bytes, stride * height, 4);
  for (int i = 0; i < 2; ++i) append(bytes, 2835, 4);  // 72 dots per inch
  append(bytes, 256, 4);
  append(bytes, 0, 4);
  for (uint32_t level = 0; level < 256; ++level) append(bytes, level * 0x010101, 4);
  const Tensor rows = levels.contiguous();
  const uint8_t* pixels = rows.data<uint8_t>();
  for (uint32_t row = height; row-- > 0;) {
    for (uint32_t x = 0; x < stride; ++x) append(bytes, x < width ? pixels[row * width + x] : 0, 1);
  }
  return absl::StrCat("data:image/bmp;base64,", absl::Base64Escape(bytes));
}

}  // namespace bitale
