#include <algorithm>
#include <memory>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "core/tensor/strided_block.h"
#include "ops/shape/concatenate_op.h"

namespace bitale {
namespace {

// Bytes of a block that are worth another thread.
constexpr int64_t kBytesPerBlock = int64_t{1} << 18;
// Bytes of the result that one operand after the other is written to while they lie in cache.
constexpr int64_t kBytesPerStep = int64_t{1} << 14;

// Each operand gives, for each position of the axes before the joined one, one run of bytes.
class ConcatenateKernel final : public Kernel {
 public:
  ConcatenateKernel(int64_t rows, std::vector<int64_t> run_bytes)
      : rows_(rows), run_bytes_(std::move(run_bytes)) {
    for (const int64_t bytes : run_bytes_) row_bytes_ += bytes;
    if (row_bytes_ == 0) return;
    rows_per_block_ = (kBytesPerBlock + row_bytes_ - 1) / row_bytes_;
    rows_per_step_ = (kBytesPerStep + row_bytes_ - 1) / row_bytes_;
  }

  void run(const KernelFrame& frame) const override {
    if (row_bytes_ == 0) return;
    parallel_ranges(rows_, rows_per_block_, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row += rows_per_step_) {
        copy_rows(frame, row, std::min(rows_per_step_, end - row));
      }
    });
  }

 private:
  void copy_rows(const KernelFrame& frame, int64_t first, int64_t count) const {
    char* out = frame.output<char>(0) + first * row_bytes_;
    for (size_t i = 0; i < run_bytes_.size(); ++i) {
      const int64_t bytes = run_bytes_[i];
      move_block(1, {count, row_bytes_, bytes}, {bytes, 1, 1}, frame.input<char>(i) + first * bytes,
                 out);
      out += bytes;
    }
  }

  int64_t rows_;
  std::vector<int64_t> run_bytes_;
  int64_t row_bytes_ = 0;
  int64_t rows_per_block_ = 1;
  int64_t rows_per_step_ = 1;
};

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  const auto axis = static_cast<size_t>(call.op_as<ConcatenateOp>().axis());
  const OperandLayout& out = call.outputs[0];
  int64_t rows = 1;
  for (size_t i = 0; i < axis; ++i) rows *= out.shape[i];
  std::vector<int64_t> run_bytes;
  for (const OperandLayout& input : call.inputs) {
    int64_t bytes = static_cast<int64_t>(size_of(out.dtype));
    for (size_t i = axis; i < input.shape.size(); ++i) bytes *= input.shape[i];
    run_bytes.push_back(bytes);
  }
  return std::make_unique<ConcatenateKernel>(rows, std::move(run_bytes));
}

const KernelRegistrar concatenate_runs(
    {.op = "concatenate", .name = "concatenate_runs", .kind = KernelKind::kPortable, .make = make});

}  // namespace
}  // namespace bitale
