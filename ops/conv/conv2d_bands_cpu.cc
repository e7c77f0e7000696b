#include "ops/conv/conv2d_bands_cpu.h"

#include <algorithm>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/gemm.h"

namespace bitale::conv2d_cpu {
namespace {

// Of a band: for each product, and at most.
constexpr int64_t kPositions = 96;
constexpr int64_t kMostPositions = 384;
// Bands that many threads can divide evenly.
constexpr double kEnoughBands = 16;

}  // namespace

Bands::Bands(int64_t batch, int64_t height, int64_t width, int64_t panels, double multiplications,
             int64_t phases)
    : batch_(batch), height_(height), panels_(panels) {
  const int64_t positions = std::min(kPositions * phases, kMostPositions);
  const int64_t rows = cpu::panel_count(positions, std::max<int64_t>(width, 1));
  strips_ = std::max<int64_t>(1, cpu::panel_count(height, rows));
  rows_ = cpu::panel_count(height, strips_);
  const int64_t images = strips_ > 1 ? 1 : positions / std::max<int64_t>(height * width, 1);
  blocks_ = cpu::panel_count(batch, std::max<int64_t>(1, images));
  images_ = cpu::panel_count(batch, std::max<int64_t>(1, blocks_));
  const double wanted =
      std::min(kEnoughBands, multiplications / multiplications_of_block(multiplications));
  const double bands = static_cast<double>(std::max<int64_t>(1, blocks_ * strips_));
  shares_ =
      std::clamp<int64_t>(static_cast<int64_t>(wanted / bands), 1, std::max<int64_t>(panels, 1));
}

Band Bands::operator[](int64_t index) const {
  const int64_t share = index % shares_;
  const int64_t strip = index / shares_ % strips_;
  const int64_t block = index / shares_ / strips_;
  const int64_t image = cpu::panel_begin(batch_, blocks_, block);
  const int64_t row = cpu::panel_begin(height_, strips_, strip);
  const int64_t panel = cpu::panel_begin(panels_, shares_, share);
  return {image, cpu::panel_begin(batch_, blocks_, block + 1) - image,
          row,   cpu::panel_begin(height_, strips_, strip + 1) - row,
          panel, cpu::panel_begin(panels_, shares_, share + 1) - panel};
}

}  // namespace bitale::conv2d_cpu
