// The gradient of conv2d for its input: for each of its positions, the output gradients of the
// windows that it is in, times the filters' elements that it meets there. Positions that lie a
// stride apart meet the same elements: they are a phase. With a stride of 1 there is one.

#include <algorithm>
#include <utility>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_axis_taps_cpu.h"
#include "ops/conv/conv2d_bands_cpu.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_padded_rows_cpu.h"
#include "ops/conv/conv2d_positions_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Of more phases, a band has too few positions each for a product.
constexpr int64_t kMostPhases = 16;

template <typename T>
class GradInputsPositions final : public Kernel {
 public:
  explicit GradInputsPositions(const KernelCall& call)
      : l_(grad_inputs_lengths(call)),
        rows_(l_.rows, l_.height),
        columns_(l_.columns, l_.width),
        width_(cpu::gemm_tile<T>().columns),
        group_panels_(cpu::panel_count(l_.filter_channels, width_)),
        bands_(l_.batch, l_.height, l_.width, l_.groups * group_panels_, l_.cost({}).flops / 2,
               l_.rows.stride() * l_.columns.stride()),
        slots_(cpu::SlotPool::enough_for(bands_.count())),
        padded_rows_(l_.output_height, l_.output_width, columns_.lead, padded_width(), plane()) {
    for (int64_t y = 0; y < l_.rows.stride(); ++y) {
      for (int64_t x = 0; x < l_.columns.stride(); ++x) add_phase(y, x);
    }
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const int64_t size = l_.batch * l_.channels * l_.height * l_.width;
    if (size == 0) return;
    if (l_.filters == 0) {
      std::fill_n(frame.output<T>(0), size, T{0});
      return;
    }
    const Parts parts(*this, frame.workspace);
    pack_filters(frame.input<T>(1), parts.filters);
    cpu::SlotPool slots(slots_);
    parallel_for(bands_.count(), [&](int64_t index) {
      const cpu::SlotPool::Loan loan(slots);
      run_band(bands_[index], frame.input<T>(0), parts, loan.slot(), frame.output<T>(0));
    });
  }

 private:
  struct Phase {
    int64_t y, x;
    std::vector<int64_t> elements;  // of a filter's plane, in the order of the product
    PositionProduct<T> product;
    int64_t packed;  // where its rows begin in a panel
  };
  struct Parts {
    Parts(const GradInputsPositions& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.template take<T>(kernel.l_.groups * kernel.group_panels_ * kernel.packed_);
      padded = layout.template take<T>(kernel.slots_ * kernel.padded_elements());
      results = layout.template take<T>(kernel.slots_ * kernel.most_positions() * kernel.width_);
      begins = layout.template take<const T*>(kernel.slots_ * kernel.most_positions());
      places = layout.template take<int64_t>(kernel.slots_ * kernel.most_positions());
      bytes = layout.bytes();
    }
    T* filters;
    T* padded;
    T* results;
    const T** begins;
    int64_t* places;
    size_t bytes;
  };

  int64_t most_positions() const { return bands_.most_images() * bands_.most_rows() * l_.width; }
  // Of output gradients, with zeros where there is no window.
  int64_t padded_width() const { return columns_.lead + columns_.last + 1; }
  int64_t plane() const {
    const int64_t rows = (bands_.most_rows() + l_.rows.stride() - 2) / l_.rows.stride() + 1;
    return apart<T>((rows_.lead + rows) * padded_width());
  }
  int64_t padded_elements() const {
    return cpu::whole_lines(bands_.most_images() * l_.filters * plane());
  }

  void add_phase(int64_t phase_y, int64_t phase_x) {
    std::vector<int64_t> elements, places;
    for (int64_t y = 0; y < l_.rows.taps(); ++y) {
      for (int64_t x = 0; x < l_.columns.taps(); ++x) {
        if (!rows_.meets(y, phase_y) || !columns_.meets(x, phase_x)) continue;
        elements.push_back(l_.filter_element(y * l_.columns.taps() + x));
        places.push_back(-rows_.windows_before(y) * padded_width() - columns_.windows_before(x));
      }
    }
    std::vector<int64_t> offsets;
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (const int64_t place : places) offsets.push_back(f * plane() + place);
    }
    const int64_t depth = std::ssize(offsets);
    phases_.push_back(
        {phase_y, phase_x, std::move(elements), PositionProduct<T>(std::move(offsets)), packed_});
    packed_ += depth * width_;
  }

  // (group, panel of channels, phase, filter and tap, channel).
  void pack_filters(const T* filters, T* to) const {
    parallel_for(l_.groups * group_panels_, [&](int64_t panel) {
      const int64_t first = panel % group_panels_ * width_;
      const int64_t columns = std::min(width_, l_.filter_channels - first);
      T* row = to + panel * packed_;
      for (const Phase& phase : phases_) {
        for (int64_t f = 0; f < l_.group_filters; ++f) {
          const int64_t filter = panel / group_panels_ * l_.group_filters + f;
          const T* const channel = filters + (filter * l_.filter_channels + first) * l_.taps();
          for (const int64_t element : phase.elements) {
            for (int64_t c = 0; c < columns; ++c) row[c] = channel[c * l_.taps() + element];
            std::fill(row + columns, row + width_, T{0});
            row += width_;
          }
        }
      }
    });
  }

  void run_band(const Band& band, const T* grad, const Parts& parts, int64_t slot, T* out) const {
    const int64_t first_row = band.row + l_.rows.before();  // of the padded image
    const int64_t first_window = first_row / l_.rows.stride() - rows_.lead;
    const int64_t last_window = (first_row + band.rows - 1) / l_.rows.stride();
    T* const padded = parts.padded + slot * padded_elements();
    // Windows further right than any position is in are left out.
    padded_rows_.copy(band.images * l_.filters, grad + band.image * l_.filters * l_.positions(),
                      first_window, last_window - first_window + 1, padded);

    const T** const begins = parts.begins + slot * most_positions();
    int64_t* const places = parts.places + slot * most_positions();
    T* const results = parts.results + slot * most_positions() * width_;
    const int64_t positions = band.rows * l_.width;
    int64_t group = band.panel / group_panels_;
    const int64_t of_group = l_.group_filters * plane();
    find_places(band, padded + group * of_group, first_window, begins, places);
    for (int64_t panel = band.panel; panel < band.panel + band.panels; ++panel) {
      if (panel / group_panels_ != group) {
        ++group;
        for (int64_t i = 0; i < band.images * positions; ++i) begins[i] += of_group;
      }
      const int64_t first = panel % group_panels_ * width_;
      const int64_t columns = std::min(width_, l_.filter_channels - first);
      int64_t begin = 0;
      for (const Phase& phase : phases_) {
        const int64_t count = positions_of(phase, band);
        phase.product.multiply({begins + begin, static_cast<size_t>(count)},
                               parts.filters + panel * packed_ + phase.packed, columns,
                               results + begin * width_);
        begin += count;
      }
      for (int64_t n = 0; n < band.images; ++n) {
        const int64_t channel = (band.image + n) * l_.channels + group * l_.filter_channels + first;
        cpu::runs<T>().gather_columns(positions, places + n * positions, columns, results,
                                      out + (channel * l_.height + band.row) * l_.width,
                                      l_.height * l_.width);
      }
    }
  }

  // The first row of a band, or column, that is of a phase; `before` are above it, or left of it.
  static int64_t first_of(int64_t phase, int64_t before, int64_t stride) {
    return (phase + stride - before % stride) % stride;
  }
  static int64_t count_of(int64_t first, int64_t length, int64_t stride) {
    return first < length ? (length - first - 1) / stride + 1 : 0;
  }
  int64_t first_row_of(const Phase& phase, const Band& band) const {
    return first_of(phase.y, band.row + l_.rows.before(), l_.rows.stride());
  }
  int64_t first_column_of(const Phase& phase) const {
    return first_of(phase.x, l_.columns.before(), l_.columns.stride());
  }
  int64_t positions_of(const Phase& phase, const Band& band) const {
    return band.images * count_of(first_row_of(phase, band), band.rows, l_.rows.stride()) *
           count_of(first_column_of(phase), l_.width, l_.columns.stride());
  }

  // Phase by phase, from which windows on those lie that each position is in, and where its results
  // will be.
  void find_places(const Band& band, const T* windows, int64_t first_window, const T** begins,
                   int64_t* places) const {
    int64_t found = 0;
    for (const Phase& phase : phases_) {
      const int64_t x = first_column_of(phase);
      for (int64_t n = 0; n < band.images; ++n) {
        int64_t* const of_image = places + n * band.rows * l_.width;
        for (int64_t y = first_row_of(phase, band); y < band.rows; y += l_.rows.stride()) {
          const int64_t window = (band.row + l_.rows.before() + y) / l_.rows.stride();
          const T* next = windows + n * l_.filters * plane() +
                          (window - first_window) * padded_width() + columns_.lead +
                          (l_.columns.before() + x) / l_.columns.stride();
          for (int64_t i = x; i < l_.width; i += l_.columns.stride()) {
            begins[found] = next++;
            of_image[y * l_.width + i] = found++ * width_;
          }
        }
      }
    }
  }

  Lengths l_;
  AxisTaps rows_, columns_;
  int64_t width_;         // channels of a panel
  int64_t group_panels_;  // panels of a group's channels
  Bands bands_;
  int64_t slots_;
  PaddedRows<T> padded_rows_;
  std::vector<Phase> phases_;
  int64_t packed_ = 0;  // elements of a panel, all phases
};

// Against products of windows (conv2d_grad_inputs_cpu.cc), which must then be added up: that costs
// about a third more. Here positions are more than windows where there is no border, and channels
// fill up vectors.
const char* supports(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Lengths l = grad_inputs_lengths(call);
  if (l.taps() == 1 && !l.has_padding()) return "windows of one element";
  if (l.width > Bands::kMostColumns) return "rows of more than 512 elements";
  // Strides may be too large for their product.
  if (l.columns.stride() > kMostPhases || l.rows.stride() > kMostPhases / l.columns.stride()) {
    return "more than 16 phases";
  }
  const int64_t of_windows = l.positions() * l.rows.stride() * l.columns.stride();
  if (3 * l.height * l.width * filled_up(call, l.filter_channels) >
      4 * of_windows * l.filter_channels) {
    return "more products than by windows";
  }
  return nullptr;
}

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_positions",
                                   .kind = KernelKind::kTuned,
                                   .rank = 28,
                                   .supports = supports,
                                   .make = cpu::make_for_floats<GradInputsPositions>});

}  // namespace
}  // namespace bitale::conv2d_cpu
