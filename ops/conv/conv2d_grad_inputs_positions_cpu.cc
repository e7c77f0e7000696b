// The gradient of conv2d for its input: for each of its positions, the output gradients of the
// windows that it is in, times the filters' elements that it meets there. Positions that lie a
// stride apart meet the same elements: they are a phase. With a stride of 1 there is one.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_positions_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Along one axis. A padded position p = i stride + phase meets tap t in the window that begins at
// (i - t dilation / stride) stride, if t dilation = phase modulo stride.
struct PhaseTaps {
  PhaseTaps(const Conv2dAxis& axis, int64_t phase) {
    for (int64_t t = 0; t < axis.taps(); ++t) {
      if (t * axis.dilation() % axis.stride() != phase) continue;
      taps.push_back(t);
      back.push_back(t * axis.dilation() / axis.stride());
    }
  }
  std::vector<int64_t> taps;
  std::vector<int64_t> back;  // from i to the window
};
// The most that a window is back.
int64_t most_back(const Conv2dAxis& axis) { return (axis.extent() - 1) / axis.stride(); }

template <typename T>
class GradInputsPositions final : public Kernel {
 public:
  explicit GradInputsPositions(const KernelCall& call)
      : l_(grad_inputs_lengths(call)),
        bands_(l_.batch, l_.height, l_.width, l_.rows.stride() * l_.columns.stride()),
        slots_(cpu::SlotPool::enough_for(bands_.count())),
        rows_(l_.output_height, l_.output_width, most_back(l_.columns), padded_width(), plane()) {
    for (int64_t y = 0; y < l_.rows.stride(); ++y) {
      for (int64_t x = 0; x < l_.columns.stride(); ++x) add_phase(y, x);
    }
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    if (l_.height * l_.width == 0) return;
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
    int64_t packed;  // where its filters begin
  };
  struct Parts {
    Parts(const GradInputsPositions& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.template take<T>(kernel.l_.groups * kernel.packed_);
      padded = layout.template take<T>(kernel.slots_ * kernel.padded_elements());
      results = layout.template take<T>(kernel.slots_ * kernel.result_elements());
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
  int64_t result_elements() const { return (most_positions() * l_.filter_channels + 63) / 64 * 64; }
  // Of output gradients, with zeros where there is no window.
  int64_t padded_width() const {
    return most_back(l_.columns) + (l_.columns.before() + l_.width - 1) / l_.columns.stride() + 1;
  }
  int64_t padded_rows(int64_t rows) const {
    return most_back(l_.rows) + (rows + l_.rows.stride() - 2) / l_.rows.stride() + 1;
  }
  int64_t plane() const { return padded_rows(bands_.most_rows()) * padded_width(); }
  int64_t padded_elements() const {
    return (bands_.most_images() * l_.filters * plane() + 63) / 64 * 64;
  }

  void add_phase(int64_t y, int64_t x) {
    const PhaseTaps rows(l_.rows, y), columns(l_.columns, x);
    std::vector<int64_t> elements, offsets;
    for (const int64_t row : rows.taps) {
      for (const int64_t column : columns.taps) {
        elements.push_back(l_.filter_element(row * l_.columns.taps() + column));
      }
    }
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (const int64_t row : rows.back) {
        for (const int64_t column : columns.back) {
          offsets.push_back(f * plane() - row * padded_width() - column);
        }
      }
    }
    PositionProduct<T> product(std::move(offsets), l_.filter_channels);
    const int64_t packed = product.packed_elements();
    phases_.push_back({y, x, std::move(elements), std::move(product), packed_});
    packed_ += packed;
  }

  void pack_filters(const T* filters, T* to) const {
    const int64_t panels = cpu::panel_count(l_.filter_channels, phases_[0].product.width());
    parallel_for(l_.groups * std::ssize(phases_) * panels, [&](int64_t index) {
      const int64_t group = index / panels / std::ssize(phases_);
      const Phase& phase = phases_[static_cast<size_t>(index / panels % std::ssize(phases_))];
      const int64_t width = phase.product.width();
      const int64_t first = index % panels * width;
      const int64_t columns = std::min(width, l_.filter_channels - first);
      T* row =
          to + group * packed_ + phase.packed + index % panels * phase.product.panel_elements();
      for (int64_t f = 0; f < l_.group_filters; ++f) {
        const T* const filter =
            filters + ((group * l_.group_filters + f) * l_.filter_channels + first) * l_.taps();
        for (const int64_t element : phase.elements) {
          for (int64_t c = 0; c < columns; ++c) row[c] = filter[c * l_.taps() + element];
          std::fill(row + columns, row + width, T{0});
          row += width;
        }
      }
    });
  }

  void run_band(const Band& band, const T* grad, const Parts& parts, int64_t slot, T* out) const {
    const int64_t first = band.row + l_.rows.before();  // of the padded image
    const int64_t first_window = first / l_.rows.stride() - most_back(l_.rows);
    const int64_t last_window = (first + band.rows - 1) / l_.rows.stride();
    T* const padded = parts.padded + slot * padded_elements();
    // Windows further right than any position is in are left out.
    rows_.copy(band.images * l_.filters, grad + band.image * l_.filters * l_.positions(),
               first_window, last_window - first_window + 1, padded);

    const T** const begins = parts.begins + slot * most_positions();
    int64_t* const places = parts.places + slot * most_positions();
    T* const results = parts.results + slot * result_elements();
    const int64_t positions = band.rows * l_.width;
    for (int64_t group = 0; group < l_.groups; ++group) {
      int64_t found = 0;
      for (const Phase& phase : phases_) {
        const int64_t begin = found;
        for (int64_t n = 0; n < band.images; ++n) {
          const T* const windows = padded + (n * l_.filters + group * l_.group_filters) * plane() +
                                   most_back(l_.columns);
          const int64_t row_step = l_.rows.stride(), column_step = l_.columns.stride();
          const int64_t before = l_.columns.before();
          const int64_t first_y = ((phase.y - first) % row_step + row_step) % row_step;
          const int64_t first_x = ((phase.x - before) % column_step + column_step) % column_step;
          for (int64_t y = first_y; y < band.rows; y += row_step) {
            const T* const row = windows + ((first + y) / row_step - first_window) * padded_width();
            for (int64_t x = first_x; x < l_.width; x += column_step) {
              begins[found] = row + (before + x) / column_step;
              places[n * positions + y * l_.width + x] = found * l_.filter_channels;
              ++found;
            }
          }
        }
        phase.product.multiply({begins + begin, begins + found},
                               parts.filters + group * packed_ + phase.packed,
                               results + begin * l_.filter_channels);
      }
      for (int64_t n = 0; n < band.images; ++n) {
        const int64_t channel = (band.image + n) * l_.channels + group * l_.filter_channels;
        cpu::runs<T>().gather_columns(positions, places + n * positions, l_.filter_channels,
                                      results, out + (channel * l_.height + band.row) * l_.width,
                                      l_.height * l_.width);
      }
    }
  }

  Lengths l_;
  Bands bands_;
  int64_t slots_;
  PaddedRows<T> rows_;
  std::vector<Phase> phases_;
  int64_t packed_ = 0;  // elements of a group's filters
};

// Products of single positions, channels filled up to vectors, against those of windows, which must
// then be added up.
const char* supports(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Lengths l = grad_inputs_lengths(call);
  if (l.taps() == 1 && !l.has_padding()) return "windows of one element";
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
