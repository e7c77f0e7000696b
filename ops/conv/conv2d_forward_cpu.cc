// conv2d: panels of columns, each straight into the image where it lies in one.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"

namespace bitale::conv2d_cpu {
namespace {

template <typename T>
class Conv2dPanels final : public PartwiseKernel {
 public:
  Conv2dPanels(const KernelCall& call, bool is_packed)
      : l_(forward_lengths(call)), product_(l_, is_packed) {
    panels_ = cpu::panel_count(l_.batch * l_.positions(), product_.width());
    const double panel_work = std::max(product_.panel_work(), 1.0);
    const double block_work =
        multiplications_of_block(panel_work * static_cast<double>(panels_ * l_.groups));
    panels_per_block_ = std::max<int64_t>(1, static_cast<int64_t>(block_work / panel_work));
    tells_all_ = tells_short_parts(panels_per_block_ * product_.width(), l_.positions());
    const int64_t blocks = cpu::panel_count(panels_, panels_per_block_) * l_.groups;
    slots_ = cpu::SlotPool::enough_for(blocks);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    T* out = frame.output<T>(0);
    if (l_.depth() == 0) {
      const int64_t size = l_.batch * l_.filters * l_.positions();
      std::fill_n(out, size, T{0});
      return done(0, size);
    }
    const Parts parts(*this, frame.workspace);
    const auto prepared = product_.prepare(frame.input<T>(0), frame.input<T>(1), parts.product);
    cpu::SlotPool slots(slots_);
    const int64_t blocks = cpu::panel_count(panels_, panels_per_block_);
    parallel_for(blocks * l_.groups, [&](int64_t block) {
      const int64_t group = block / blocks;
      const int64_t first = block % blocks * panels_per_block_;
      const int64_t last = std::min(panels_, first + panels_per_block_);
      const cpu::SlotPool::Loan loan(slots);
      T* scratch = parts.scratch + loan.slot() * scratch_elements();
      for (int64_t p = first; p < last; ++p) multiply_panel(prepared, group, p, scratch, out);
      if (done && !tells_all_) {
        tell(group, first * product_.width(), last * product_.width(), done);
      }
    });
    if (tells_all_) tell_all(l_.batch * l_.filters * l_.positions(), done);
  }

 private:
  struct Parts {
    Parts(const Conv2dPanels& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      product = kernel.product_.take_parts(layout);
      scratch = layout.template take<T>(kernel.slots_ * kernel.scratch_elements());
      bytes = layout.bytes();
    }
    typename PanelProduct<T>::Parts product;
    T* scratch;
    size_t bytes;
  };

  // A gathered panel, and a panel of results that does not lie in one image; whole cache lines.
  int64_t scratch_elements() const {
    return product_.gathered_elements() + cpu::whole_lines(l_.group_filters * product_.width());
  }

  void multiply_panel(const typename PanelProduct<T>::Prepared& prepared, int64_t group,
                      int64_t panel, T* scratch, T* out) const {
    const int64_t width = product_.width();
    const int64_t begin = panel * width;
    const int64_t columns = std::min(width, l_.batch * l_.positions() - begin);
    Run runs[cpu::kMostTileColumns];
    const int64_t run_count = find_runs(l_, begin, columns, runs);
    T* group_out = out + group * l_.group_filters * l_.positions();
    if (runs[0].image == runs[run_count - 1].image) {
      T* to = group_out + runs[0].image * l_.filters * l_.positions() + runs[0].position;
      product_.multiply(prepared, group, columns, runs, run_count, scratch, to, l_.positions());
      return;
    }
    T* results = scratch + product_.gathered_elements();
    product_.multiply(prepared, group, columns, runs, run_count, scratch, results, width);
    for (int64_t r = 0; r < run_count; ++r) {
      const Run& run = runs[r];
      T* to = group_out + run.image * l_.filters * l_.positions() + run.position;
      for (int64_t f = 0; f < l_.group_filters; ++f) {
        std::copy_n(results + f * width + run.column, run.length, to + f * l_.positions());
      }
    }
  }

  // Columns [begin, end) of all images side by side are final for a group's filters.
  void tell(int64_t group, int64_t begin, int64_t end, PartDone done) const {
    const int64_t size = l_.positions();
    end = std::min(end, l_.batch * size);
    while (begin < end) {
      const int64_t image = begin / size;
      const int64_t next = std::min(end, (image + 1) * size);
      const int64_t plane = (image * l_.filters + group * l_.group_filters) * size;
      const int64_t position = begin - image * size;
      if (next - begin == size) {
        done(plane, l_.group_filters * size);
      } else {
        for (int64_t f = 0; f < l_.group_filters; ++f) {
          done(plane + f * size + position, next - begin);
        }
      }
      begin = next;
    }
  }

  Lengths l_;
  PanelProduct<T> product_;
  int64_t panels_;
  int64_t panels_per_block_;
  bool tells_all_;
  int64_t slots_;
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_panels",
                               .kind = KernelKind::kTuned,
                               .rank = 20,
                               .supports = cpu::supports_floats,
                               .packed_input = packed_filters,
                               .partwise = true,
                               .make = cpu::make_for_floats<Conv2dPanels, 1>});

}  // namespace
}  // namespace bitale::conv2d_cpu
