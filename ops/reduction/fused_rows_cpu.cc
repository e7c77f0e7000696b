// The kernel of fused rows: blocks of rows go through all passes of their program while they lie in
// cache.

#include <algorithm>
#include <utility>

#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/row_chain_fetcher.h"
#include "ops/cpu/workspace.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/row_program_cpu.h"

namespace bitale {
namespace {

// Work is split at multiples of about so many elements, whatever the number of threads.
constexpr int64_t kGrain = 32768;

// Rows [row, row + rows), or one piece of a row.
struct Block {
  int64_t index;
  int64_t row, rows;
  int64_t column;  // of its first element
  int64_t count;   // elements
  bool is_last;    // of what a thread takes at once
};

// What one thread needs to run blocks.
class BlockRunner {
 public:
  BlockRunner(const RowProgram& program, const KernelFrame& frame, void* out, std::byte* scratch)
      : program_(program),
        frame_(frame),
        out_(static_cast<std::byte*>(out)),
        scratch_(scratch),
        places_(reinterpret_cast<std::byte**>(scratch + program.scratch_bytes)) {
    for (const RowValue& v : program.values) {
      if (v.place != RowValue::kRepeated) continue;
      const int64_t elements =
          v.spans_block ? program.block_rows * program.length : program.piece_elements;
      reader_of(v).read(frame.inputs[v.input], 0, v.whole ? elements : program.block_rows,
                        scratch + v.offset);
    }
  }

  static size_t scratch_bytes(const RowProgram& program) {
    return program.scratch_bytes + cpu::aligned_bytes(program.values.size() * sizeof(std::byte*));
  }

  void run(const Block& block) {
    block_ = &block;
    for (size_t i = 0; i < program_.values.size(); ++i) {
      const RowValue& v = program_.values[i];
      places_[i] = start(v) + block.row * v.row_step + block.column * v.column_step +
                   block.index * v.block_step;
    }
    for (const RowPass& pass : program_.passes) {
      piece_ = 0;
      first_ = 0;
      count_ = block.count;
      for (const RowInstruction& instruction : pass.first) run(instruction);
      if (pass.each.empty()) continue;
      for (; first_ < block.count; first_ += program_.piece_elements, ++piece_) {
        count_ = std::min(program_.piece_elements, block.count - first_);
        for (const RowInstruction& instruction : pass.each) run(instruction);
      }
    }
  }

 private:
  const RowValue& value(int index) const { return program_.values[static_cast<size_t>(index)]; }
  const StridedReader& reader_of(const RowValue& v) const {
    return program_.readers[static_cast<size_t>(v.reader)];
  }
  int64_t first_element() const { return block_->row * program_.length + block_->column; }

  // Where a value's memory starts.
  std::byte* start(const RowValue& v) const {
    switch (v.place) {
      case RowValue::kInput:
      case RowValue::kSame:
        return static_cast<std::byte*>(frame_.inputs[v.input]);
      case RowValue::kOutput:
        return out_;
      default:
        return scratch_ + v.offset;
    }
  }

  // Where the current piece's part of it starts.
  std::byte* at(int index) const { return places_[index] + piece_ * value(index).piece_step; }

  int64_t count_of(const RowValue& v) const { return v.whole ? count_ : block_->rows; }
  // Several pieces are of one row.
  int64_t row_length() const { return std::min(program_.length, count_); }

  void run(const RowInstruction& instruction) {
    if (instruction.kind == RowInstruction::kChain) return run_chain(instruction);
    for (const RowInstruction::Ahead& ahead : instruction.ahead) fetch(ahead);
    const RowValue& result = value(instruction.result);
    void* const out = at(instruction.result);
    switch (instruction.kind) {
      case RowInstruction::kTile: {
        const void* operands[3] = {};
        for (int k = 0; k < 3; ++k) {
          if (instruction.operands[k] >= 0) operands[k] = at(instruction.operands[k]);
        }
        return instruction.tile(count_of(result), out, operands);
      }
      case RowInstruction::kFold:
        return instruction.fold->rows(at(instruction.operands[0]), block_->rows, row_length(), out);
      case RowInstruction::kCombine:
        return instruction.fold->pieces(places_[instruction.operands[0]], 1, program_.pieces, out);
      case RowInstruction::kRepeat:
        return repeat(at(instruction.operands[0]), result, out);
      default: {
        const int64_t begin = result.whole ? first_element() + first_ : block_->row;
        return reader_of(result).read(frame_.inputs[result.input], begin, count_of(result), out);
      }
    }
  }

  // Numbers along the rows of a block, or along one piece for all pieces of a row.
  void repeat(const std::byte* numbers, const RowValue& result, void* out) const {
    const int64_t length = std::min(kRowPiece, program_.length);
    for (int64_t r = 0; r < block_->rows; ++r) {
      fill_elements(numbers + r * result.size, static_cast<size_t>(result.size), length,
                    static_cast<std::byte*>(out) + r * length * result.size);
    }
  }

  void run_chain(const RowInstruction& instruction) {
    cpu::row_chain::Step steps[cpu::row_chain::kMostSteps];
    size_t step_count = 0;
    for (const RowChainStep& step : instruction.steps) {
      cpu::row_chain::Step& taken = steps[step_count++];
      taken.kind = step.kind;
      if (step.value < 0) continue;
      const RowValue& operand = value(step.value);
      taken.is_number = !operand.whole;
      taken.place = at(step.value);
      taken.row_stride = operand.stride;
    }
    cpu::row_chain::Fetch fetches[cpu::row_chain::kMostFetches];
    size_t fetch_count = 0;
    if (!block_->is_last) {
      for (const RowInstruction::Ahead& ahead : instruction.ahead) {
        // Elements of a value need not be as wide as the chain's.
        fetches[fetch_count++] = {next_part(ahead), ahead.to_write,
                                  cpu::row_chain::Fetch::kWhole * value(ahead.value).size /
                                      (ahead.parts * value(instruction.operands[0]).size)};
      }
    }
    const int source = instruction.operands[0];
    // Without rows of their own all elements of a block are one.
    const int64_t length = program_.row_by_row ? row_length() : count_;
    cpu::row_chain::run(
        {.source = at(source),
         .source_stride = value(source).stride,
         .steps = {steps, step_count},
         .fold = instruction.fold ? std::optional(instruction.fold->op) : std::nullopt,
         .folded = instruction.fold ? at(instruction.result) : nullptr,
         .rows = count_ / length,
         .length = length,
         .fetches = {fetches, fetch_count}},
        value(source).dtype == DType::kFloat64);
  }

  int64_t bytes_of_piece(const RowInstruction::Ahead& ahead) const {
    return count_ * value(ahead.value).size;
  }
  const std::byte* next_part(const RowInstruction::Ahead& ahead) const {
    const int64_t bytes = bytes_of_piece(ahead);
    return at(ahead.value) + bytes + bytes * ahead.part / ahead.parts;
  }

  void fetch(const RowInstruction::Ahead& ahead) const {
    if (block_->is_last) return;
    cpu::row_chain::fetch_lines(next_part(ahead), bytes_of_piece(ahead) / ahead.parts,
                                ahead.to_write);
  }

  const RowProgram& program_;
  const KernelFrame& frame_;
  std::byte* out_;
  std::byte* scratch_;
  std::byte** places_;  // by value, of the block
  const Block* block_ = nullptr;
  int64_t piece_ = 0;  // of the block
  int64_t first_ = 0;  // element of the piece, within the block
  int64_t count_ = 0;  // elements of the piece
};

class RowsKernel final : public Kernel {
 public:
  explicit RowsKernel(const KernelCall& call)
      : program_(call, RowGeometry(call), RowSchedule(call)) {
    const int64_t elements =
        program_.blocks_are_pieces ? kRowPiece : program_.block_rows * program_.length;
    blocks_ = program_.blocks_are_pieces
                  ? program_.rows * program_.pieces
                  : (program_.rows + program_.block_rows - 1) / program_.block_rows;
    grain_ = std::max<int64_t>(1, kGrain / elements);
    slots_ = cpu::SlotPool::enough_for((blocks_ + grain_ - 1) / grain_);
    for (const FusedRowsOp::Step& step : call.op_as<FusedRowsOp>().steps()) {
      flops_ += static_cast<double>(program_.rows) *
                (step.whole || step.folds ? static_cast<double>(program_.length) : 1);
    }
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }

  // A step counts as one operation on each element, whichever function it is.
  KernelCost cost(KernelCost operands) const override {
    operands.flops = flops_;
    return operands;
  }

  // Rows are read before their results are written, and by nobody else.
  bool may_overwrite(size_t, size_t input) const override {
    const auto out =
        std::ranges::find(program_.values, RowValue::kOutput, [](auto& v) { return v.place; });
    bool fits = false;
    for (const RowValue& v : program_.values) {
      if (v.input != static_cast<int>(input)) continue;
      if (v.place != RowValue::kInput || v.whole != out->whole) return false;
      fits = size_of(v.dtype) == size_of(out->dtype);
    }
    return fits;
  }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    void* const out = program_.blocks_are_pieces ? parts.folded : frame.outputs[0];
    cpu::SlotPool slots(slots_);
    parallel_ranges(blocks_, grain_, [&](int64_t begin, int64_t end) {
      const cpu::SlotPool::Loan loan(slots);
      BlockRunner runner(program_, frame, out,
                         parts.scratch + loan.slot() * BlockRunner::scratch_bytes(program_));
      for (int64_t i = begin; i < end; ++i) runner.run(block_at(i, i + 1 == end));
    });
    if (!program_.blocks_are_pieces) return;
    const RowFold& fold = *program_.passes[0].each.back().fold;
    fold.pieces(parts.folded, program_.rows, program_.pieces, frame.outputs[0]);
  }

 private:
  struct Parts {
    Parts(const RowsKernel& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      const RowProgram& program = kernel.program_;
      scratch = layout.take<std::byte>(kernel.slots_ *
                                       static_cast<int64_t>(BlockRunner::scratch_bytes(program)));
      folded = layout.take<double>(program.blocks_are_pieces ? program.rows * program.pieces : 0);
      bytes = layout.bytes();
    }
    std::byte* scratch;
    double* folded;  // one number per piece, of any float dtype
    size_t bytes;
  };

  Block block_at(int64_t index, bool is_last) const {
    if (program_.blocks_are_pieces) {
      const int64_t column = index % program_.pieces * kRowPiece;
      return {
          index,  index / program_.pieces, 1, column, std::min(kRowPiece, program_.length - column),
          is_last};
    }
    const int64_t row = index * program_.block_rows;
    const int64_t rows = std::min(program_.block_rows, program_.rows - row);
    return {index, row, rows, 0, rows * program_.length, is_last};
  }

  RowProgram program_;
  double flops_ = 0;
  int64_t blocks_;
  int64_t grain_;  // blocks that a thread takes at once
  int64_t slots_;
};

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  return std::make_unique<RowsKernel>(maker.call());
}

const KernelRegistrar fused_rows({.op = "fused_rows",
                                  .name = "fused_rows_blocks",
                                  .strided_inputs = true,
                                  .supports = row_program_refusal,
                                  .make = make});

}  // namespace
}  // namespace bitale
