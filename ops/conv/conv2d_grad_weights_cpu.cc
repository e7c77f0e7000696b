// The gradient of conv2d for its filters: the windows (depth, batch · positions), read where they
// lie, times the output gradient (batch · positions, filters). Fixed blocks of images are summed
// each by one thread, the partial sums then in order, and turned to (filters, depth).

#include <algorithm>
#include <span>
#include <vector>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_padded_rows_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Positions multiplied at a time: with a tile's columns they fill most of L1.
constexpr int64_t kChunk = 192;
// Padded images are made a few at once, so that chunks are not cut short where images are small,
// but not more than stay in a core's cache until they are multiplied.
constexpr int64_t kPositions = 4 * kChunk;
constexpr int64_t kPaddedBytes = 256 << 10;

template <typename T>
class GradWeightsPanels final : public Kernel {
 public:
  explicit GradWeightsPanels(const KernelCall& call)
      : l_(grad_weights_lengths(call)),
        padded_rows_(l_.height, l_.width, l_.columns.before(), l_.padded_width(),
                     l_.padded_plane()),
        offsets_(offsets_in_padded(l_, l_.padded_plane())),
        tile_(cpu::gemm_tile<T>()),
        planes_(multiples(tile_.columns, l_.positions())) {
    for (int64_t k = 0; k < l_.depth(); ++k) {
      ordered_.push_back(l_.filter_element(k) * l_.group_filters);
    }
    const double work = static_cast<double>(l_.batch * l_.positions()) *
                        static_cast<double>(l_.filters) * static_cast<double>(l_.depth());
    blocks_ = blocks_of_images(l_, work, l_.filters * l_.depth());
    slots_ = cpu::SlotPool::enough_for(blocks_);
    images_at_once_ = l_.has_padding() ? find_images_at_once() : l_.batch;
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const int64_t size = l_.filters * l_.depth();
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_, [&](int64_t block) {
      const cpu::SlotPool::Loan loan(slots);
      T* const panel = parts.panels + loan.slot() * panel_elements();
      T* const padded = parts.padded + loan.slot() * padded_elements();
      std::fill_n(panel, panel_elements(), T{0});  // also what fills up columns
      T* const sums = parts.sums + block * size;
      std::fill_n(sums, size, T{0});
      const int64_t last = cpu::panel_begin(l_.batch, blocks_, block + 1);
      for (int64_t n = cpu::panel_begin(l_.batch, blocks_, block); n < last; n += images_at_once_) {
        const int64_t images = std::min(images_at_once_, last - n);
        const T* from = frame.input<T>(0) + n * l_.channels * l_.height * l_.width;
        if (l_.has_padding()) {
          padded_rows_.copy(images * l_.channels, from, -l_.rows.before(), l_.padded_height(),
                            padded);
          from = padded;
        }
        add_images(from, frame.input<T>(1) + n * l_.filters * l_.positions(), images, panel, sums);
      }
    });
    finish(parts.sums, frame.output<T>(0));
  }

 private:
  struct Parts {
    Parts(const GradWeightsPanels& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.template take<T>(kernel.blocks_ * l.filters * l.depth());
      padded = layout.template take<T>(kernel.slots_ * kernel.padded_elements());
      panels = layout.template take<T>(kernel.slots_ * kernel.panel_elements());
      bytes = layout.bytes();
    }
    T* sums;
    T* padded;
    T* panels;
    size_t bytes;
  };

  int64_t find_images_at_once() const {
    const int64_t image_bytes = l_.channels * l_.padded_plane() * static_cast<int64_t>(sizeof(T));
    const int64_t wanted = cpu::panel_count(kPositions, std::max<int64_t>(l_.positions(), 1));
    const int64_t most = std::min(cpu::panel_count(l_.batch, blocks_),
                                  kPaddedBytes / std::max<int64_t>(image_bytes, 1));
    return std::clamp<int64_t>(most, 1, wanted);
  }
  int64_t panel_elements() const { return kChunk * tile_.columns; }
  int64_t padded_elements() const {
    return l_.has_padding() ? cpu::whole_lines(images_at_once_ * l_.channels * l_.padded_plane())
                            : 0;
  }

  void add_images(const T* image, const T* grad, int64_t images, T* panel, T* sums) const {
    const int64_t positions = images * l_.positions();
    const int64_t chunks = cpu::panel_count(positions, kChunk);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = cpu::panel_begin(positions, chunks, chunk);
      const int64_t count = cpu::panel_begin(positions, chunks, chunk + 1) - begin;
      Run runs[kChunk];
      const int64_t run_count = find_runs(l_, begin, count, runs);
      int64_t places[kChunk];
      for (const Run& run : std::span(runs, static_cast<size_t>(run_count))) {
        const int64_t row = run.position / l_.output_width, column = run.position % l_.output_width;
        int64_t place = run.image * l_.channels * l_.padded_plane() +
                        row * l_.rows.stride() * l_.padded_width() + column * l_.columns.stride();
        for (int64_t i = 0; i < run.length; ++i, place += l_.columns.stride()) {
          places[run.column + i] = place;
        }
      }
      for (int64_t group = 0; group < l_.groups; ++group) {
        add_chunk(image, grad, group, {runs, static_cast<size_t>(run_count)},
                  {places, static_cast<size_t>(count)}, panel,
                  sums + group * l_.group_filters * l_.depth());
      }
    }
  }

  void add_chunk(const T* image, const T* grad, int64_t group, std::span<const Run> runs,
                 std::span<const int64_t> places, T* panel, T* sums) const {
    const int64_t width = tile_.columns;
    const T* const first_window = image + group * l_.filter_channels * l_.padded_plane();
    const int64_t row_panels = cpu::panel_count(l_.depth(), tile_.rows);
    for (int64_t f = 0; f < l_.group_filters; f += width) {
      const int64_t columns = std::min(width, l_.group_filters - f);
      pack_gradients(grad, group * l_.group_filters + f, columns, runs, panel);
      for (int64_t p = 0; p < row_panels; ++p) {
        const int64_t k = cpu::panel_begin(l_.depth(), row_panels, p);
        const int64_t rows = cpu::panel_begin(l_.depth(), row_panels, p + 1) - k;
        const T* elements[cpu::kMostTileRows];
        for (int64_t i = 0; i < rows; ++i) {
          elements[i] = first_window + offsets_[static_cast<size_t>(k + i)];
        }
        tile_.run_picked(rows, columns, std::ssize(places), elements, places.data(), panel, width,
                         sums + k * l_.group_filters + f, l_.group_filters, T{1}, T{1});
      }
    }
  }

  // Of `columns` filters from `filter` on: (position, filter).
  void pack_gradients(const T* grad, int64_t filter, int64_t columns, std::span<const Run> runs,
                      T* panel) const {
    for (size_t r = 0; r < runs.size();) {
      // Runs of one image follow each other there too.
      size_t next = r + 1;
      while (next < runs.size() && runs[next].image == runs[r].image) ++next;
      const int64_t length = runs[next - 1].column + runs[next - 1].length - runs[r].column;
      cpu::runs<T>().gather_columns(
          columns, planes_.data(), length,
          grad + (runs[r].image * l_.filters + filter) * l_.positions() + runs[r].position,
          panel + runs[r].column * tile_.columns, tile_.columns);
      r = next;
    }
  }

  // Sums of all blocks, (group, depth, filter), to filters.
  void finish(T* sums, T* filters) const {
    const int64_t taps = l_.taps();
    const int64_t at_once = rows_of_block(taps * l_.group_filters);
    const int64_t ranges = cpu::panel_count(l_.filter_channels, at_once);
    parallel_for(l_.groups * ranges, [&](int64_t range) {
      const int64_t group = range / ranges * l_.group_filters * l_.depth();
      const int64_t first = range % ranges * at_once * taps;
      const int64_t count = std::min(at_once * taps, l_.depth() - first);
      add_blocks(blocks_, l_.filters * l_.depth(), count * l_.group_filters,
                 sums + group + first * l_.group_filters);
      cpu::runs<T>().gather_columns(count, ordered_.data() + first, l_.group_filters, sums + group,
                                    filters + group + first, l_.depth());
    });
  }

  Lengths l_;
  PaddedRows<T> padded_rows_;
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
  std::vector<int64_t> planes_;   // of gradients, for the columns of a panel
  std::vector<int64_t> ordered_;  // where the sums for a filter's elements begin
  int64_t blocks_;
  int64_t slots_;
  int64_t images_at_once_;
};

const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights",
                                    .name = "conv2d_grad_wrt_weights_panels",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = cpu::supports_floats,
                                    .make = cpu::make_for_floats<GradWeightsPanels>});

}  // namespace
}  // namespace bitale::conv2d_cpu
