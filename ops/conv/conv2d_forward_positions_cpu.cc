// conv2d: windows times filters, a band of output rows at a time.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
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
        columns_(filter_columns(l_)),
        bands_(l_.batch, l_.output_height, l_.output_width),
        slots_(cpu::SlotPool::enough_for(bands_.count())),
        rows_(l_.height, l_.width, l_.columns.before(), l_.padded_width(), plane()),
        product_(offsets_in_padded(l_, plane()), l_.group_filters),
        results_(multiples(bands_.most_images() * bands_.most_rows() * l_.output_width,
                           l_.group_filters)) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const Parts parts(*this, frame.workspace);
    const T* filters = frame.input<T>(1);
    if (!is_packed_) {
      parallel_for(columns_.panels<T>(), [&](int64_t panel) {
        columns_.pack(panel, filters, parts.filters + panel * columns_.panel_elements<T>());
      });
      filters = parts.filters;
    }
    const int64_t of_image = l_.filters * l_.positions();
    const bool tells_images = bands_.most_rows() == l_.output_height;
    cpu::SlotPool slots(slots_);
    parallel_for(bands_.count(), [&](int64_t index) {
      const cpu::SlotPool::Loan loan(slots);
      const Band band = bands_[index];
      run_band(band, frame.input<T>(0), filters, parts, loan.slot(), frame.output<T>(0));
      if (done && tells_images) done(band.image * of_image, band.images * of_image);
    });
    if (!tells_images) tell_all(l_.batch * of_image, done);
  }

 private:
  struct Parts {
    Parts(const Conv2dPositions& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.template take<T>(
          kernel.is_packed_ ? 0 : kernel.l_.groups * kernel.product_.packed_elements());
      padded = layout.template take<T>(kernel.slots_ * kernel.padded_elements());
      results = layout.template take<T>(kernel.slots_ * kernel.result_elements());
      begins = layout.template take<const T*>(kernel.slots_ * std::ssize(kernel.results_));
      bytes = layout.bytes();
    }
    T* filters;
    T* padded;
    T* results;
    const T** begins;
    size_t bytes;
  };

  // Rows of a padded image from which windows of so many output rows are read.
  int64_t rows_read(int64_t rows) const { return (rows - 1) * l_.rows.stride() + l_.rows.extent(); }
  // Of padded bands, or of images as they are.
  int64_t plane() const {
    return l_.has_padding() ? rows_read(bands_.most_rows()) * l_.padded_width()
                            : l_.height * l_.width;
  }
  int64_t padded_elements() const {
    return l_.has_padding() ? (bands_.most_images() * l_.channels * plane() + 63) / 64 * 64 : 0;
  }
  int64_t result_elements() const {
    return (std::ssize(results_) * l_.group_filters + 63) / 64 * 64;
  }

  void run_band(const Band& band, const T* image, const T* filters, const Parts& parts,
                int64_t slot, T* out) const {
    const T* from = image + band.image * l_.channels * l_.height * l_.width;
    const int64_t first_row = band.row * l_.rows.stride();
    if (l_.has_padding()) {
      T* const padded = parts.padded + slot * padded_elements();
      rows_.copy(band.images * l_.channels, from, first_row - l_.rows.before(),
                 rows_read(band.rows), padded);
      from = padded;
    } else {
      from += first_row * l_.width;
    }
    const int64_t positions = band.rows * l_.output_width;
    const T** const begins = parts.begins + slot * std::ssize(results_);
    T* const results = parts.results + slot * result_elements();
    for (int64_t group = 0; group < l_.groups; ++group) {
      const T** next = begins;
      for (int64_t n = 0; n < band.images; ++n) {
        const T* const windows = from + (n * l_.channels + group * l_.filter_channels) * plane();
        for (int64_t y = 0; y < band.rows; ++y) {
          const T* const row = windows + y * l_.rows.stride() * l_.padded_width();
          for (int64_t x = 0; x < l_.output_width; ++x) *next++ = row + x * l_.columns.stride();
        }
      }
      product_.multiply({begins, next}, filters + group * product_.packed_elements(), results);
      for (int64_t n = 0; n < band.images; ++n) {
        const int64_t filter = (band.image + n) * l_.filters + group * l_.group_filters;
        cpu::runs<T>().gather_columns(positions, results_.data(), l_.group_filters,
                                      results + n * positions * l_.group_filters,
                                      out + filter * l_.positions() + band.row * l_.output_width,
                                      l_.positions());
      }
    }
  }

  Lengths l_;
  bool is_packed_;
  FilterColumns columns_;
  Bands bands_;
  int64_t slots_;
  PaddedRows<T> rows_;
  PositionProduct<T> product_;
  std::vector<int64_t> results_;  // where those of a position begin
};

// Windows that lie beside each other in whole halves of a vector are better read in place, as
// vectors. What is measured here: the gathering of others against filters that do not fill vectors.
const char* supports(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Lengths l = forward_lengths(call);
  if (l.taps() == 1 && !l.has_padding()) return "windows of one element";
  const int64_t lanes = lanes_of(call);
  if (lanes > 1 && l.output_width % (lanes / 2) == 0) {
    return "windows that vectors of images are made of";
  }
  if (l.columns.stride() == 1 && l.depth() < kLeastDepth)
    return "windows of fewer than 64 elements";
  const bool is_filled = 8 * filled_up(call, l.group_filters) <= 9 * l.group_filters;
  const bool is_small = l.group_filters < lanes && l.output_width < lanes;
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
