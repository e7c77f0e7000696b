#include "ops/elementwise/tile_fetches_cpu.h"

#include <algorithm>

#include "ops/cpu/row_chain_fetcher.h"

namespace bitale {
namespace {

// Operands of more bytes than this come from beyond the second cache. Steps read a tile faster than
// they arrive, and what the hardware fetches ahead ends with each page.
constexpr double kFarBytes = 256 * 1024;
constexpr int64_t kLineBytes = 64;

}  // namespace

TileFetches::TileFetches(const TileGroup& group, const TilePlaces& places) : group_(group) {
  fetches_.resize(group.instructions.size());
  double bytes = 0;
  std::vector<int> far;
  for (size_t v = 0; v < places.size(); ++v) {
    // Where ranges are asked for, their results are in cache.
    const bool is_far_output = places[v].kind == TilePlaces::Place::kOutput && !group.any_ranges;
    if (places[v].kind != TilePlaces::Place::kDirect && !is_far_output) continue;
    far.push_back(static_cast<int>(v));
    bytes += static_cast<double>(group.count) * static_cast<double>(size_of(group.dtypes[v]));
  }
  if (bytes <= kFarBytes) return;
  if (group.instructions.size() == 1 && places.order().is_sequential()) {
    in_chain_ = group.instructions[0].is_chain();
    if (in_chain_) {
      for (const int v : far) {
        fetches_[0].push_back({v, 0, 0, places[v].kind == TilePlaces::Place::kOutput});
      }
    }
    return;
  }
  const auto steps = static_cast<int64_t>(group.instructions.size());
  for (const int v : far) {
    const int64_t lines =
        places.tile() * static_cast<int64_t>(size_of(group.dtypes[v])) / kLineBytes;
    for (int64_t step = 0; step < steps; ++step) {
      const Fetch fetch{v, lines * step / steps, lines * (step + 1) / steps,
                        places[v].kind == TilePlaces::Place::kOutput};
      if (fetch.first < fetch.last) fetches_[static_cast<size_t>(step)].push_back(fetch);
    }
  }
}

void TileFetches::before(size_t instruction, int64_t ahead, void* const* values) const {
  if (in_chain_ || ahead == 0) return;
  for (const Fetch& fetch : fetches_[instruction]) {
    const auto* const next = static_cast<const std::byte*>(values[fetch.value]) +
                             ahead * static_cast<int64_t>(size_of(group_.dtypes[fetch.value]));
    cpu::row_chain::fetch_lines(next + fetch.first * kLineBytes,
                                (fetch.last - fetch.first) * kLineBytes, fetch.to_write);
  }
}

size_t TileFetches::for_chain(int64_t begin, int64_t ahead, void* const* values,
                              cpu::row_chain::Fetch* fetches) const {
  if (!in_chain_ || ahead == 0) return 0;
  const size_t count = std::min(fetches_[0].size(), cpu::row_chain::kMostFetches);
  for (size_t i = 0; i < count; ++i) {
    const Fetch& fetch = fetches_[0][i];
    const auto size = static_cast<int64_t>(size_of(group_.dtypes[fetch.value]));
    fetches[i] = {static_cast<const std::byte*>(values[fetch.value]) + (begin + ahead) * size,
                  fetch.to_write};
  }
  return count;
}

}  // namespace bitale
