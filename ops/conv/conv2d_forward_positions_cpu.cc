// conv2d: windows times filters, a band of output rows at a time.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_bands_cpu.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_filter_columns_cpu.h"
#include "ops/conv/conv2d_padded_rows_cpu.h"
#include "ops/conv/conv2d_positions_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Shorter windows are gathered faster than their results are turned.
constexpr int64_t kLeastDepth = 64;

template <typename T>
class Conv2dPositions final : public PartwiseKernel {
 public:
  Conv2dPositions(const KernelCall& call, bool is_packed)
      : l_(forward_lengths(call)),
        is_packed_(is_packed),
        copies_(l_.has_padding() || planes_compete<T>(l_.height * l_.width)),
        columns_(filter_columns(l_)),
        bands_(l_.batch, l_.output_height, l_.output_width, columns_.panels<T>(),
               l_.cost({}).flops / 2),
        slots_(cpu::SlotPool::enough_for(bands_.count())),
        padded_rows_(l_.height, l_.width, l_.columns.before(), l_.padded_width(), plane()),
        product_(offsets_in_padded(l_, plane())),
        places_(multiples(bands_.most_rows() * l_.output_width, product_.width())) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const int64_t of_image = l_.filters * l_.positions();
    if (l_.batch * of_image == 0) return;
    const Parts parts(*this, frame.workspace);
    const T* filters = frame.input<T>(1);
    if (!is_packed_) {
      parallel_for(columns_.panels<T>(), [&](int64_t panel) {
        columns_.pack(panel, filters, parts.filters + panel * columns_.panel_elements<T>());
      });
      filters = parts.filters;
    }
    cpu::SlotPool slots(slots_);
    parallel_for(bands_.count(), [&](int64_t index) {
      const cpu::SlotPool::Loan loan(slots);
      const Band band = bands_[index];
      run_band(band, frame.input<T>(0), filters, parts, loan.slot(), frame.output<T>(0));
      if (done && bands_.are_whole_images()) {
        done(band.image * of_image, band.images * of_image);
      }
    });
    if (!bands_.are_whole_images()) tell_all(l_.batch * of_image, done);
  }

 private:
  struct Parts {
    Parts(const Conv2dPositions& kernel, void* workspace) {
      const FilterColumns& columns = kernel.columns_;
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.template take<T>(
          kernel.is_packed_ ? 0 : columns.panels<T>() * columns.panel_elements<T>());
      padded = layout.template take<T>(kernel.slots_ * kernel.padded_elements());
      results = layout.template take<T>(kernel.slots_ * kernel.result_elements());
      begins = layout.template take<const T*>(kernel.slots_ * kernel.most_positions());
      bytes = layout.bytes();
    }
    T* filters;
    T* padded;
    T* results;
    const T** begins;
    size_t bytes;
  };

  int64_t most_positions() const {
    return bands_.most_images() * bands_.most_rows() * l_.output_width;
  }
  int64_t result_elements() const { return most_positions() * product_.width(); }
  // Rows of a padded image from which windows of so many output rows are read.
  int64_t rows_read(int64_t rows) const { return (rows - 1) * l_.rows.stride() + l_.rows.extent(); }
  // Of copied bands, or of images as they are.
  int64_t plane() const {
    return copies_ ? apart<T>(rows_read(bands_.most_rows()) * l_.padded_width())
                   : l_.height * l_.width;
  }
  int64_t padded_elements() const {
    return copies_ ? cpu::whole_lines(bands_.most_images() * l_.channels * plane()) : 0;
  }

  void run_band(const Band& band, const T* image, const T* filters, const Parts& parts,
                int64_t slot, T* out) const {
    const T* from = image + band.image * l_.channels * l_.height * l_.width;
    const int64_t first_row = band.row * l_.rows.stride();
    if (copies_) {
      T* const padded = parts.padded + slot * padded_elements();
      padded_rows_.copy(band.images * l_.channels, from, first_row - l_.rows.before(),
                        rows_read(band.rows), padded);
      from = padded;
    } else {
      from += first_row * l_.width;
    }
    const T** const begins = parts.begins + slot * most_positions();
    T* const results = parts.results + slot * result_elements();
    const int64_t positions = band.rows * l_.output_width;
    const int64_t width = product_.width();
    int64_t group = -1;
    for (int64_t panel = band.panel; panel < band.panel + band.panels; ++panel) {
      if (panel / columns_.group_panels<T>() != group) {
        group = panel / columns_.group_panels<T>();
        find_begins(band, from + group * l_.filter_channels * plane(), begins);
      }
      const int64_t first = panel % columns_.group_panels<T>() * width;
      const int64_t columns = std::min(width, l_.group_filters - first);
      product_.multiply({begins, static_cast<size_t>(band.images * positions)},
                        filters + panel * columns_.panel_elements<T>(), columns, results);
      for (int64_t n = 0; n < band.images; ++n) {
        const int64_t plane = (band.image + n) * l_.filters + group * l_.group_filters + first;
        cpu::runs<T>().gather_columns(
            positions, places_.data(), columns, results + n * positions * width,
            out + plane * l_.positions() + band.row * l_.output_width, l_.positions());
      }
    }
  }

  void find_begins(const Band& band, const T* from, const T** begins) const {
    for (int64_t n = 0; n < band.images; ++n) {
      for (int64_t y = 0; y < band.rows; ++y) {
        const T* const row =
            from + n * l_.channels * plane() + y * l_.rows.stride() * l_.padded_width();
        for (int64_t x = 0; x < l_.output_width; ++x) *begins++ = row + x * l_.columns.stride();
      }
    }
  }

  Lengths l_;
  bool is_packed_;
  bool copies_;  // bands, instead of reading images where they are
  FilterColumns columns_;
  Bands bands_;
  int64_t slots_;
  PaddedRows<T> padded_rows_;
  PositionProduct<T> product_;
  std::vector<int64_t> places_;  // of the results of each position
};

// Against products by panels (conv2d_panels_cpu.h), which read windows in place as vectors where
// halves of a vector lie in one row, and gather them where not. Filters that leave a ninth of their
// vectors empty or more cost as much as gathering; but for few filters and narrow rows that fills
// no vectors either.
const char* supports(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Lengths l = forward_lengths(call);
  if (l.depth() == 0) return "windows without elements";
  if (l.taps() == 1 && !l.has_padding()) return "windows of one element";
  if (l.output_width > Bands::kMostColumns) return "rows of more than 512 windows";
  const int64_t lanes = lanes_of(call);
  if (lanes > 2 && l.output_width % (lanes / 2) == 0) {
    return "rows of windows that vectors are made of";
  }
  const bool is_deep = l.depth() >= kLeastDepth;
  if (l.columns.stride() == 1 && !is_deep) return "short windows, side by side";
  const bool is_filled = 8 * filled_up(call, l.group_filters) <= 9 * l.group_filters;
  const bool is_small = l.group_filters < lanes && l.output_width < lanes && is_deep;
  if (!is_filled && !is_small) return "filters that do not fill vectors";
  return nullptr;
}

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_positions",
                               .kind = KernelKind::kTuned,
                               .rank = 28,
                               .supports = supports,
                               .packed_input = packed_filter_columns,
                               .partwise = true,
                               .make = cpu::make_for_floats<Conv2dPositions, 1>});

}  // namespace
}  // namespace bitale::conv2d_cpu
