#include "ops/conv/conv2d_direct_cpu.h"

namespace bitale::conv2d_cpu {
namespace {

// A thread takes the planes of one group of one image.
constexpr int64_t kLeastShares = 16;
// With more channels and filters, a product makes more of gathered windows.
constexpr int64_t kMostFilters = kMostDirectRows;

}  // namespace

const char* why_not_direct(const Lengths& l) {
  if (l.filter_channels != 1) return "several channels in a group";
  if (l.group_filters > kMostFilters) return "more than 6 filters in a group";
  if (l.batch * l.groups < kLeastShares) return "fewer than 16 groups of all images";
  if (l.taps() == 1) return "windows of one element";
  if (l.filters == 0 || l.height == 0 || l.width == 0) return "nothing to sum";
  return nullptr;
}

Lengths of_group(Lengths l) {
  l.channels = l.filter_channels;
  l.filters = l.group_filters;
  l.groups = 1;
  return l;
}

}  // namespace bitale::conv2d_cpu
