#include <algorithm>

#include "ops/conv/conv2d_winograd_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm_tile.h"

namespace bitale::conv2d_cpu {
namespace {

// With fewer channels or filters the transforms cost more than the products save.
constexpr int64_t kLeastPlanes = 16;
// Filters are transformed once per call, whatever the number of tiles.
constexpr int64_t kLeastTiles = 32;

}  // namespace

const char* supports_winograd(const KernelCall& call, const Lengths& l) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  if (l.rows.taps() != 3 || l.columns.taps() != 3) return "only windows of 3 by 3";
  if (l.rows.stride() != 1 || l.columns.stride() != 1) return "only steps of 1";
  if (l.rows.dilation() != 1 || l.columns.dilation() != 1) return "only windows without gaps";
  if (l.filter_channels < kLeastPlanes || l.group_filters < kLeastPlanes) {
    return "fewer than 16 channels or filters in a group";
  }
  if (l.height == 0 || l.width == 0) return "images without elements";
  const Tiling tiling(l.batch, l.output_height, l.output_width);
  if (tiling.count() < kLeastTiles) return "fewer than 32 tiles of 2 by 2 outputs";
  return nullptr;
}

}  // namespace bitale::conv2d_cpu
