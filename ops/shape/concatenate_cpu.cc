#include <cstring>
#include <memory>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "ops/shape/concatenate_op.h"

namespace bitale {
namespace {

// Bytes of a block that are worth another thread.
constexpr int64_t kBytesPerBlock = int64_t{1} << 18;

// Each operand gives, for each position of the axes before the joined one, one run of bytes.
class ConcatenateKernel final : public Kernel {
 public:
  ConcatenateKernel(int64_t rows, std::vector<int64_t> run_bytes)
      : rows_(rows), run_bytes_(std::move(run_bytes)) {
    for (const int64_t bytes : run_bytes_) row_bytes_ += bytes;
    rows_per_block_ = row_bytes_ == 0 ? 1 : (kBytesPerBlock + row_bytes_ - 1) / row_bytes_;
  }

  void run(const KernelFrame& frame) const override {
    if (row_bytes_ == 0) return;
    parallel_ranges(rows_, rows_per_block_, [&](int64_t begin, int64_t end) {
      char* out = frame.output<char>(0) + begin * row_bytes_;
      for (int64_t row = begin; row < end; ++row) {
        for (size_t i = 0; i < run_bytes_.size(); ++i) {
          const int64_t bytes = run_bytes_[i];
          if (bytes == 0) continue;
          std::memcpy(out, frame.input<char>(i) + row * bytes, static_cast<size_t>(bytes));
          out += bytes;
        }
      }
    });
  }

 private:
  int64_t rows_;
  std::vector<int64_t> run_bytes_;
  int64_t row_bytes_ = 0;
  int64_t rows_per_block_ = 1;
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
