// conv2d behind max_pool: a few rows, or a few images, are convolved into cache and pooled there.
// The sums are those of conv2d_panels, bit by bit.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/conv/conv2d_winograd_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/pool/maxima_cpu.h"

namespace bitale::conv2d_cpu {
namespace {

// What is convolved at once, for all filters of a group, shares the first cache with the panel that
// is multiplied.
constexpr int64_t kChunkBytes = 16 << 10;
// A chunk is taken as large as fits, unless more than this part of it is computed in vain: columns
// that fill up a panel, and rows that two chunks need.
constexpr double kMostWaste = 0.04;
// From so many on, whole images are chunks enough for the threads; fewer are cut into parts, if
// that makes no more than so many times the work.
constexpr int64_t kEnoughImages = 4;
constexpr int64_t kPartsOfImage = 4;
constexpr double kMostCutWork = 1.2;
// Fewer parts than so many are made an even number, for no more than so many times the work.
constexpr int64_t kManyParts = 12;
constexpr double kMostEvenWork = 1.1;

Dims convolved_shape(const Lengths& l) {
  return {l.batch, l.filters, l.output_height, l.output_width};
}

// What is convolved and pooled at once: whole images, or, where one is too large, a few rows of its
// windows.
struct ChunkSize {
  bool whole = true;
  int64_t count = 1;  // of images or rows
};

// When an epilogue is told of results: after each chunk, after an image's last one, or at the end.
enum class Told { kChunks, kImages, kAll };

template <typename T>
class Conv2dMaxPool final : public PartwiseKernel {
 public:
  Conv2dMaxPool(const KernelCall& call, bool is_packed)
      : l_(forward_lengths(call)),
        pool_(call.op_as<Conv2dMaxPoolOp>().window(), convolved_shape(l_), call.outputs[0].shape),
        with_positions_(call.op_as<Conv2dMaxPoolOp>().positions()),
        product_(l_, is_packed) {
    // Rows that no window covers are not computed.
    l_.output_height = pool_.window_at(pool_.output_height - 1, 0).bottom;
    size_ = choose_size();
    if (!size_.whole && l_.batch < kEnoughImages) size_.count = evenly_shared(size_.count);
    most_columns_ =
        size_.whole ? size_.count * l_.positions() : rows_under(size_.count) * l_.output_width;
    results_stride_ = round_up(most_columns_);
    // Rows of results that lie a multiple of this apart would compete for places in the cache.
    if (results_stride_ * static_cast<int64_t>(sizeof(T)) % 1024 == 0) results_stride_ += 16;
    chunks_ = size_.whole ? cpu::panel_count(l_.batch, size_.count) : l_.batch * chunks_per_image();
    const double chunk_work =
        product_.panel_work() * static_cast<double>(round_up(most_columns_) / product_.width());
    const double block_work =
        multiplications_of_block(chunk_work * static_cast<double>(chunks_ * l_.groups));
    plan_told();
    const auto most_chunks = std::max<int64_t>(1, static_cast<int64_t>(block_work / chunk_work));
    blocks_ = cpu::even_panel_count(chunks_ / chunks_per_unit_,
                                    cpu::panel_count(most_chunks, chunks_per_unit_));
    slots_ = cpu::SlotPool::enough_for(blocks_ * l_.groups);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const Parts parts(*this, frame.workspace);
    const auto prepared = product_.prepare(frame.input<T>(0), frame.input<T>(1), parts.product);
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * l_.groups, [&](int64_t block) {
      const int64_t group = block / blocks_;
      const int64_t first = first_chunk(block % blocks_);
      const int64_t last = first_chunk(block % blocks_ + 1);
      const cpu::SlotPool::Loan loan(slots);
      T* scratch = parts.scratch + loan.slot() * scratch_elements();
      for (int64_t c = first; c < last; ++c) {
        const Chunk chunk = chunk_at(c);
        convolve(prepared, group, chunk, scratch);
        pool(frame, group, chunk, scratch + product_.gathered_elements());
        tell(group, chunk, done);
      }
    });
    if (told_ == Told::kAll) tell_all(pool_.planes * pool_.output_size(), done);
  }

 private:
  // Images [image, image + images), and of them windows in rows [begin, end), which cover rows
  // [top, bottom) of what is convolved.
  struct Chunk {
    int64_t image, images;
    int64_t begin, end;
    int64_t top, bottom;
  };

  struct Parts {
    Parts(const Conv2dMaxPool& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      product = kernel.product_.take_parts(layout);
      scratch = layout.template take<T>(kernel.slots_ * kernel.scratch_elements());
      bytes = layout.bytes();
    }
    typename PanelProduct<T>::Parts product;
    T* scratch;
    size_t bytes;
  };

  int64_t round_up(int64_t columns) const {
    return cpu::panel_count(columns, product_.width()) * product_.width();
  }
  // A gathered panel, and a chunk of results; whole cache lines.
  int64_t scratch_elements() const {
    return product_.gathered_elements() + cpu::whole_lines(l_.group_filters * results_stride_);
  }
  // Rows that so many rows of windows cover, at most.
  int64_t rows_under(int64_t windows) const {
    return std::min(l_.output_height, (windows - 1) * pool_.window.stride[0] + pool_.window.ws[0]);
  }

  ChunkSize choose_size() const {
    const int64_t most_columns = std::max<int64_t>(
        product_.width(), kChunkBytes / (l_.group_filters * static_cast<int64_t>(sizeof(T))));
    if (l_.positions() > most_columns) return rows_of_windows(pool_.output_height, most_columns);
    // Fewer parts where smaller ones do not fill their panels.
    for (int64_t count = kPartsOfImage; l_.batch < kEnoughImages && count > 1; count /= 2) {
      const ChunkSize parts =
          rows_of_windows(std::max<int64_t>(1, pool_.output_height / count), most_columns);
      if (is_worth_cutting(parts)) return parts;
    }
    return best_of({true, l_.batch}, most_columns);
  }

  ChunkSize rows_of_windows(int64_t most, int64_t most_columns) const {
    return best_of({false, most}, most_columns);
  }

  // Where parts are so many rows of windows; columns fill whole panels.
  int64_t parts_of_image(int64_t windows) const {
    return cpu::panel_count(pool_.output_height, windows);
  }
  int64_t columns_in_parts(int64_t windows) const {
    return parts_of_image(windows) * round_up(rows_under(windows) * l_.output_width);
  }

  // Parts must be work enough for a thread, and windows of different parts may overlap.
  bool is_worth_cutting(const ChunkSize& parts) const {
    const int64_t whole = round_up(l_.positions());
    const int64_t cut = columns_in_parts(parts.count);
    const double image_work = product_.panel_work() * static_cast<double>(whole / product_.width());
    return static_cast<double>(cut) <= kMostCutWork * static_cast<double>(whole) &&
           image_work >= 2 * multiplications_of_block(image_work);
  }

  // So many rows of windows at a time, or fewer where an odd number of parts would leave a thread
  // without work and smaller parts are little more of it.
  int64_t evenly_shared(int64_t count) const {
    const int64_t parts = l_.batch * parts_of_image(count);
    if (parts == 1 || parts % 2 == 0 || parts >= kManyParts) return count;
    const double most_columns = kMostEvenWork * static_cast<double>(columns_in_parts(count));
    for (int64_t fewer = count - 1; fewer > 0; --fewer) {
      const bool is_even = l_.batch * parts_of_image(fewer) % 2 == 0;
      if (is_even && static_cast<double>(columns_in_parts(fewer)) <= most_columns) return fewer;
    }
    return count;
  }

  // Of as many at a time as `most.count`, the number that wastes least of what it computes.
  ChunkSize best_of(const ChunkSize& most, int64_t most_columns) const {
    ChunkSize best{most.whole, 1};
    double least_waste = 1;
    for (int64_t count = 1; count <= most.count; ++count) {
      const int64_t columns =
          best.whole ? count * l_.positions() : rows_under(count) * l_.output_width;
      if (count > 1 && columns > most_columns) break;
      const int64_t useful =
          best.whole ? columns
                     : std::min(columns, count * pool_.window.stride[0] * l_.output_width);
      const double waste = 1 - static_cast<double>(useful) / static_cast<double>(round_up(columns));
      if (waste <= std::max(least_waste, kMostWaste)) {
        least_waste = waste;
        best.count = count;
      }
    }
    return best;
  }

  int64_t first_chunk(int64_t block) const {
    return cpu::panel_begin(chunks_ / chunks_per_unit_, blocks_, block) * chunks_per_unit_;
  }

  // Where chunks are rows of windows.
  int64_t chunks_per_image() const { return parts_of_image(size_.count); }

  Chunk chunk_at(int64_t index) const {
    if (size_.whole) {
      const int64_t image = index * size_.count;
      return {image,           std::min(size_.count, l_.batch - image), 0, pool_.output_height, 0,
              l_.output_height};
    }
    const int64_t begin = index % chunks_per_image() * size_.count;
    const int64_t end = std::min(pool_.output_height, begin + size_.count);
    return {index / chunks_per_image(),        1, begin, end, pool_.window_at(begin, 0).top,
            pool_.window_at(end - 1, 0).bottom};
  }

  void convolve(const typename PanelProduct<T>::Prepared& prepared, int64_t group,
                const Chunk& chunk, T* scratch) const {
    const int64_t first = chunk.image * l_.positions() + chunk.top * l_.output_width;
    const int64_t columns = chunk.images * (chunk.bottom - chunk.top) * l_.output_width;
    T* results = scratch + product_.gathered_elements();
    for (int64_t column = 0; column < columns; column += product_.width()) {
      const int64_t count = std::min(product_.width(), columns - column);
      Run runs[cpu::kMostTileColumns];
      const int64_t run_count = find_runs(l_, first + column, count, runs);
      product_.multiply(prepared, group, count, runs, run_count, scratch, results + column,
                        results_stride_);
    }
  }

  void pool(const KernelFrame& frame, int64_t group, const Chunk& chunk, const T* results) const {
    for (int64_t i = 0; i < chunk.images; ++i) {
      const int64_t map = (chunk.image + i) * l_.filters + group * l_.group_filters;
      const int64_t to = map * pool_.output_size() + chunk.begin * pool_.output_width;
      const pool_cpu::PlaneRows<T> rows = {results + i * l_.positions(), chunk.top, chunk.bottom,
                                           l_.group_filters, results_stride_};
      pool_cpu::find_maxima<T>(pool_, rows, chunk.begin, chunk.end, frame.output<T>(0) + to,
                               with_positions_ ? frame.output<int32_t>(1) + to : nullptr);
    }
  }

  // Rows of one map are short parts if maps are small. A block then computes whole images, if these
  // are enough for the threads.
  void plan_told() {
    const int64_t rows = size_.count * pool_.output_width;
    if (size_.whole || rows >= kLeastPart) return;
    told_ = l_.batch < kEnoughImages ? Told::kAll : Told::kImages;
    if (told_ == Told::kImages) chunks_per_unit_ = chunks_per_image();
  }

  // The pooled windows of a chunk are final: planes of its images, or rows of each plane.
  void tell(int64_t group, const Chunk& chunk, PartDone done) const {
    if (!done || told_ == Told::kAll) return;
    if (told_ == Told::kImages && chunk.end < pool_.output_height) return;
    const int64_t rows = chunk.end - chunk.begin;
    for (int64_t i = chunk.image; i < chunk.image + chunk.images; ++i) {
      const int64_t first = (i * l_.filters + group * l_.group_filters) * pool_.output_size();
      if (told_ == Told::kImages || rows == pool_.output_height) {
        done(first, l_.group_filters * pool_.output_size());
        continue;
      }
      for (int64_t f = 0; f < l_.group_filters; ++f) {
        done(first + f * pool_.output_size() + chunk.begin * pool_.output_width,
             rows * pool_.output_width);
      }
    }
  }

  Lengths l_;
  pool_cpu::Lengths pool_;
  bool with_positions_;
  PanelProduct<T> product_;
  ChunkSize size_;
  int64_t most_columns_;
  int64_t results_stride_;
  int64_t chunks_;
  int64_t chunks_per_unit_ = 1;  // that one block takes all of
  Told told_ = Told::kChunks;
  int64_t blocks_;
  int64_t slots_;
};

const char* supports(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  for (const OperandLayout& operand : call.inputs) {
    if (operand.size() == 0) return "an operand has no elements";
  }
  if (call.outputs[0].size() == 0) return "no window fits in";
  const Lengths lengths = forward_lengths(call);
  // Its products save more than the pass through memory costs.
  if (supports_winograd(call, lengths) == nullptr) return "conv2d_winograd is faster, with a pool";
  return lengths.positions() < int64_t{1} << 31 ? nullptr : "a plane has 2^31 elements or more";
}

const KernelRegistrar conv2d_max_pool({.op = "conv2d_max_pool",
                                       .name = "conv2d_max_pool_panels",
                                       .kind = KernelKind::kTuned,
                                       .rank = 20,
                                       .supports = supports,
                                       .packed_input = packed_filters,
                                       .partwise = true,
                                       .make = cpu::make_for_floats<Conv2dMaxPool, 1>});

}  // namespace
}  // namespace bitale::conv2d_cpu
