// The kernel of fused rows: blocks of rows go through all steps while they lie in cache. Where a
// sum or the like is all that comes of long rows, a block is a piece of a row.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/workspace.h"
#include "ops/elementwise/strided_reader_cpu.h"
#include "ops/elementwise/tile_program_cpu.h"
#include "ops/reduction/folds_cpu.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale {
namespace {

// A block has so many elements if rows are short, else it is one row.
constexpr int64_t kBlockElements = 1024;
// Longer rows are cut into pieces of kBlockElements, if each element is read once.
constexpr int64_t kLongestWholeRow = 8192;
// Work is split at multiples of about so many elements, whatever the number of threads.
constexpr int64_t kGrain = 32768;
// What lies between steps must stay in the second cache: beyond it, separate kernels that use all
// threads for each row do better.
constexpr size_t kMostScratchBytes = 192 * 1024;

using FoldFunction = void (*)(const void* rows, int64_t count, int64_t length, void* out);

// The same order of operations as a reduction by itself.
template <typename F, typename T>
void fold(const void* rows, int64_t count, int64_t length, void* out) {
  const T* row = static_cast<const T*>(rows);
  for (int64_t r = 0; r < count; ++r, row += length) {
    static_cast<T*>(out)[r] = F::store(reduction::fold_row<F>(row, length, 1));
  }
}

template <typename T>
FoldFunction fold_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return fold<reduction::Sum<T>, T>;
    case ReduceKind::kProd:
      return fold<reduction::Prod<T>, T>;
    case ReduceKind::kMax:
      return fold<reduction::Max<T>, T>;
    case ReduceKind::kMin:
      return fold<reduction::Min<T>, T>;
    default:
      return nullptr;
  }
}

FoldFunction fold_of(const ReduceOp& op, DType dtype) {
  if (dtype == DType::kFloat32) return fold_of<float>(op.kind());
  if (dtype == DType::kFloat64) return fold_of<double>(op.kind());
  return nullptr;
}

// Where a value's part of a block is found.
struct Value {
  enum Kind : uint8_t {
    kDirect,    // in the input's memory
    kRepeated,  // the same for all rows: copied to scratch once for many blocks
    kGather,    // strided elements, copied to scratch for each block
    kOutput,    // in the output's memory
    kScratch,   // between steps
  };
  DType dtype = DType::kFloat32;
  bool whole = true;  // rows of elements, not one number per row
  Kind kind = kScratch;
  int input = -1;   // which one of the group
  int slot = -1;    // of scratch
  int reader = -1;  // of strided inputs
};

struct Instruction {
  TileFunction tile = nullptr;  // else a fold, else the repetition of a number along its row
  FoldFunction fold = nullptr;
  int arity = 0;
  int operands[3] = {-1, -1, -1};
  int result = -1;
};

// The steps of a group for concrete layouts.
struct RowProgram {
  const char* refusal = nullptr;
  int64_t rows = 1;
  int64_t length = 1;      // of a row
  int64_t block_rows = 1;  // rows of a block
  int64_t pieces = 1;      // of a row; a block is one of them if there are several
  std::vector<Value> values;
  std::vector<Instruction> instructions;
  std::vector<StridedReader> readers;
  int whole_slots = 0;
  int number_slots = 0;
  size_t widest = 1;

  int64_t block_elements() const { return pieces > 1 ? kBlockElements : block_rows * length; }
  size_t whole_slot_bytes() const {
    return cpu::aligned_bytes(static_cast<size_t>(block_elements()) * widest);
  }
  size_t number_slot_bytes() const {
    return cpu::aligned_bytes(static_cast<size_t>(block_rows) * sizeof(double));
  }
  size_t scratch_bytes() const {
    return static_cast<size_t>(whole_slots) * whole_slot_bytes() +
           static_cast<size_t>(number_slots) * number_slot_bytes();
  }
};

class RowProgramBuilder {
 public:
  explicit RowProgramBuilder(const KernelCall& call)
      : op_(call.op_as<FusedRowsOp>()), call_(call) {}

  RowProgram build() {
    measure();
    if (program_.rows == 0 || program_.length == 0) program_.refusal = "there are no elements";
    for (size_t i = 0; i < op_.steps().size() && program_.refusal == nullptr; ++i) add_step(i);
    if (program_.refusal == nullptr) place();
    return std::move(program_);
  }

 private:
  // The dims of whole rows, and with them the geometry.
  void measure() {
    size_t whole = 0;
    while (!op_.steps()[whole].whole) ++whole;
    shape_ = shape_of(whole);
    numbers_shape_ = shape_;
    const size_t leading = shape_.size() - static_cast<size_t>(op_.row_axes());
    for (size_t axis = 0; axis < shape_.size(); ++axis) {
      (axis < leading ? program_.rows : program_.length) *= shape_[axis];
      if (axis >= leading) numbers_shape_[axis] = 1;
    }
    program_.block_rows =
        std::clamp<int64_t>(kBlockElements / std::max<int64_t>(program_.length, 1), 1,
                            std::max<int64_t>(program_.rows, 1));
    if (program_.length > kLongestWholeRow && reads_rows_once()) {
      program_.pieces = (program_.length + kBlockElements - 1) / kBlockElements;
    }
  }

  // The rows are only folded, by the last step.
  bool reads_rows_once() const {
    const auto steps = op_.steps();
    return steps.back().folds &&
           std::ranges::all_of(steps.first(steps.size() - 1),
                               [](const auto& step) { return step.whole && !step.folds; });
  }

  Dims shape_of(size_t step) const {
    const int value = static_cast<int>(op_.input_count() + step);
    Dims shape;
    for (int64_t axis = -op_.steps()[step].type.rank(); axis < 0; ++axis) {
      const FusedRowsOp::Origin from = op_.origin(value, axis);
      if (from.input < 0) {
        shape.push_back(1);
        continue;
      }
      const Dims& dims = call_.inputs[static_cast<size_t>(from.input)].shape;
      shape.push_back(dims[dims.size() - static_cast<size_t>(-from.axis)]);
    }
    return shape;
  }

  // Numbers of one row may have been multiplied with rows of another length.
  bool has_rows_of_one_shape(size_t index) const {
    const FusedRowsOp::Step& step = op_.steps()[index];
    if (step.folds) {
      const size_t operand = static_cast<size_t>(step.operands[0]);
      return operand >= op_.input_count() || call_.inputs[operand].shape == shape_;
    }
    return shape_of(index) == (step.whole ? shape_ : numbers_shape_);
  }

  void add_step(size_t index) {
    const FusedRowsOp::Step& step = op_.steps()[index];
    if (!has_rows_of_one_shape(index)) {
      program_.refusal = "rows of different lengths meet";
      return;
    }
    Instruction instruction;
    instruction.arity = static_cast<int>(step.operands.size());
    std::vector<DType> dtypes;
    for (int operand : step.operands) dtypes.push_back(dtype_of(operand));
    if (step.folds) {
      instruction.fold = fold_of(static_cast<const ReduceOp&>(*step.op), dtypes[0]);
      instruction.operands[0] = value_of(step.operands[0], true);
    } else {
      const auto& op = static_cast<const ElementwiseOp&>(*step.op);
      instruction.tile = tile_function(op, dtypes, step.type.dtype);
      for (size_t k = 0; k < step.operands.size(); ++k) {
        if (op.needs_elements(k)) instruction.operands[k] = value_of(step.operands[k], step.whole);
      }
    }
    if (instruction.fold == nullptr && instruction.tile == nullptr) {
      program_.refusal = "no kernel of a step for this dtype";
      return;
    }
    instruction.result = add_value({step.type.dtype, step.whole, Value::kScratch});
    value_of_[{static_cast<int>(op_.input_count() + index), step.whole}] = instruction.result;
    program_.instructions.push_back(instruction);
  }

  DType dtype_of(int operand) const {
    const auto index = static_cast<size_t>(operand);
    return index < op_.input_count() ? call_.inputs[index].dtype
                                     : op_.steps()[index - op_.input_count()].type.dtype;
  }

  int add_value(Value value) {
    program_.values.push_back(value);
    program_.widest = std::max(program_.widest, size_of(value.dtype));
    return static_cast<int>(program_.values.size()) - 1;
  }

  // An operand as whole rows or as numbers. A number that whole rows are computed with is repeated.
  int value_of(int operand, bool whole) {
    const auto found = value_of_.find({operand, whole});
    if (found != value_of_.end()) return found->second;
    int value;
    if (operand < static_cast<int>(op_.input_count())) {
      value = add_input(operand, whole);
    } else {
      Instruction repetition;
      repetition.arity = 1;
      repetition.operands[0] = value_of_.at({operand, false});
      value = add_value({dtype_of(operand), true, Value::kScratch});
      repetition.result = value;
      program_.instructions.push_back(repetition);
    }
    value_of_[{operand, whole}] = value;
    return value;
  }

  int add_input(int input, bool whole) {
    const OperandLayout& layout = call_.inputs[static_cast<size_t>(input)];
    Value value{layout.dtype, whole, Value::kDirect, input};
    StridedReader reader(layout, whole ? shape_ : numbers_shape_);
    if (!reader.is_contiguous()) {
      const bool same_for_blocks =
          reader.is_uniform() || (program_.pieces == 1 && !varies_by_row(layout));
      value.kind = same_for_blocks ? Value::kRepeated : Value::kGather;
      value.reader = static_cast<int>(program_.readers.size());
      program_.readers.push_back(std::move(reader));
    }
    return add_value(value);
  }

  bool varies_by_row(const OperandLayout& layout) const {
    const size_t missing = shape_.size() - layout.shape.size();
    for (size_t axis = missing; axis + static_cast<size_t>(op_.row_axes()) < shape_.size();
         ++axis) {
      if (layout.shape[axis - missing] != 1) return true;
    }
    return false;
  }

  // Gives every value its place; slots of scratch are used again after a value's last reader.
  void place() {
    std::vector<Value>& values = program_.values;
    const std::vector<Instruction>& instructions = program_.instructions;
    std::vector<int> last_reader(values.size(), -1);
    for (size_t i = 0; i < instructions.size(); ++i) {
      for (int operand : instructions[i].operands) {
        if (operand >= 0) last_reader[static_cast<size_t>(operand)] = static_cast<int>(i);
      }
    }
    std::vector<int> free_slots[2];
    const auto take_slot = [&](bool whole) {
      std::vector<int>& free = free_slots[whole];
      if (free.empty()) return whole ? program_.whole_slots++ : program_.number_slots++;
      const int slot = free.back();
      free.pop_back();
      return slot;
    };
    for (Value& value : values) {
      if (value.reader >= 0) value.slot = take_slot(value.whole);
    }
    values[static_cast<size_t>(instructions.back().result)].kind = Value::kOutput;
    for (size_t i = 0; i < instructions.size(); ++i) {
      Value& result = values[static_cast<size_t>(instructions[i].result)];
      // Taken before the operands' slots are free, so that no step reads what it writes.
      if (result.kind == Value::kScratch) result.slot = take_slot(result.whole);
      for (int operand : instructions[i].operands) {
        if (operand < 0 || last_reader[static_cast<size_t>(operand)] != static_cast<int>(i)) {
          continue;
        }
        last_reader[static_cast<size_t>(operand)] = -1;  // read twice, free once
        const Value& value = values[static_cast<size_t>(operand)];
        if (value.kind == Value::kScratch) free_slots[value.whole].push_back(value.slot);
      }
    }
    // Operands that lie in order count as well: strided ones, which are copied, are taken or
    // refused alike.
    const auto in_order = std::ranges::count_if(
        values, [](const Value& value) { return value.whole && value.kind == Value::kDirect; });
    if (program_.scratch_bytes() + static_cast<size_t>(in_order) * program_.whole_slot_bytes() >
        kMostScratchBytes) {
      program_.refusal = "a row is too long for the cache";
    }
  }

  const FusedRowsOp& op_;
  const KernelCall& call_;
  RowProgram program_;
  Dims shape_;                                    // of whole rows
  Dims numbers_shape_;                            // of one number per row
  std::map<std::pair<int, bool>, int> value_of_;  // by the group's number, and whether whole
};

class RowsKernel final : public Kernel {
 public:
  explicit RowsKernel(const KernelCall& call) : program_(RowProgramBuilder(call).build()) {
    blocks_ = program_.pieces > 1 ? program_.rows * program_.pieces
                                  : (program_.rows + program_.block_rows - 1) / program_.block_rows;
    grain_ = std::max<int64_t>(1, kGrain / program_.block_elements());
    slots_ = cpu::SlotPool::enough_for((blocks_ + grain_ - 1) / grain_);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }

  // A step counts as one operation on each element, whichever function it is.
  KernelCost cost(KernelCost operands) const override {
    operands.flops = 0;
    for (const Instruction& instruction : program_.instructions) {
      const bool whole = value(instruction.result).whole || instruction.fold != nullptr;
      operands.flops += static_cast<double>(program_.rows * (whole ? program_.length : 1));
    }
    return operands;
  }

  // Rows are read before their results are written, and by nobody else.
  bool may_overwrite(size_t, size_t input) const override {
    const Value& out = value(program_.instructions.back().result);
    bool fits = false;
    for (const Value& v : program_.values) {
      if (v.input != static_cast<int>(input)) continue;
      if (v.kind != Value::kDirect || v.whole != out.whole) return false;
      fits = size_of(v.dtype) == size_of(out.dtype);
    }
    return fits;
  }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const bool in_pieces = program_.pieces > 1;
    auto* const out = in_pieces ? parts.folded : static_cast<std::byte*>(frame.outputs[0]);
    cpu::SlotPool slots(slots_);
    parallel_ranges(blocks_, grain_, [&](int64_t begin, int64_t end) {
      const cpu::SlotPool::Loan loan(slots);
      std::byte* const scratch =
          parts.scratch + static_cast<size_t>(loan.slot()) * program_.scratch_bytes();
      copy_repeated(frame, scratch);
      for (int64_t i = begin; i < end; ++i) run_block(frame, block_at(i), scratch, out);
    });
    if (!in_pieces) return;
    program_.instructions.back().fold(parts.folded, program_.rows, program_.pieces,
                                      frame.outputs[0]);
  }

 private:
  struct Parts {
    Parts(const RowsKernel& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      const RowProgram& program = kernel.program_;
      scratch =
          layout.take<std::byte>(kernel.slots_ * static_cast<int64_t>(program.scratch_bytes()));
      folded = layout.take<std::byte>(program.pieces > 1 ? program.rows * program.pieces *
                                                               static_cast<int64_t>(sizeof(double))
                                                         : 0);
      bytes = layout.bytes();
    }
    std::byte* scratch;
    std::byte* folded;  // one number per piece
    size_t bytes;
  };

  // Elements [first, first + count) of rows [row, row + rows), or piece `row` of all pieces.
  struct Block {
    int64_t row, rows;
    int64_t first, count;
  };

  Block block_at(int64_t index) const {
    if (program_.pieces > 1) {
      const int64_t within = index % program_.pieces * kBlockElements;
      return {index, 1, index / program_.pieces * program_.length + within,
              std::min(kBlockElements, program_.length - within)};
    }
    const int64_t row = index * program_.block_rows;
    const int64_t rows = std::min(program_.block_rows, program_.rows - row);
    return {row, rows, row * program_.length, rows * program_.length};
  }

  const Value& value(int index) const { return program_.values[static_cast<size_t>(index)]; }

  static int64_t first(const Value& v, const Block& block) {
    return v.whole ? block.first : block.row;
  }
  static int64_t count(const Value& v, const Block& block) {
    return v.whole ? block.count : block.rows;
  }

  std::byte* slot_of(const Value& v, std::byte* scratch) const {
    const size_t numbers = static_cast<size_t>(program_.whole_slots) * program_.whole_slot_bytes();
    return v.whole ? scratch + static_cast<size_t>(v.slot) * program_.whole_slot_bytes()
                   : scratch + numbers + static_cast<size_t>(v.slot) * program_.number_slot_bytes();
  }

  // For a block of full size, of which the first is one.
  void copy_repeated(const KernelFrame& frame, std::byte* scratch) const {
    for (const Value& v : program_.values) {
      if (v.kind != Value::kRepeated) continue;
      program_.readers[static_cast<size_t>(v.reader)].read(
          frame.inputs[v.input], 0, count(v, block_at(0)), slot_of(v, scratch));
    }
  }

  // Where a value's elements of a block lie.
  void* place_of(const KernelFrame& frame, const Value& v, const Block& block, std::byte* scratch,
                 std::byte* out) const {
    const auto skipped = static_cast<size_t>(first(v, block)) * size_of(v.dtype);
    if (v.kind == Value::kDirect) return static_cast<std::byte*>(frame.inputs[v.input]) + skipped;
    if (v.kind == Value::kOutput) return out + skipped;
    return slot_of(v, scratch);
  }

  void run_block(const KernelFrame& frame, const Block& block, std::byte* scratch,
                 std::byte* out) const {
    for (const Value& v : program_.values) {
      if (v.kind != Value::kGather) continue;
      program_.readers[static_cast<size_t>(v.reader)].read(frame.inputs[v.input], first(v, block),
                                                           count(v, block), slot_of(v, scratch));
    }
    for (const Instruction& instruction : program_.instructions) {
      const void* operands[3] = {};
      for (int k = 0; k < instruction.arity; ++k) {
        const int operand = instruction.operands[k];
        if (operand >= 0) operands[k] = place_of(frame, value(operand), block, scratch, out);
      }
      const Value& result = value(instruction.result);
      void* const to = place_of(frame, result, block, scratch, out);
      if (instruction.tile != nullptr) {
        instruction.tile(count(result, block), to, operands);
      } else if (instruction.fold != nullptr) {
        instruction.fold(operands[0], block.rows, block.count / block.rows, to);
      } else {
        repeat(static_cast<const std::byte*>(operands[0]), size_of(result.dtype), block.rows,
               static_cast<std::byte*>(to));
      }
    }
  }

  void repeat(const std::byte* numbers, size_t size, int64_t rows, std::byte* out) const {
    const size_t row_bytes = static_cast<size_t>(program_.length) * size;
    for (int64_t r = 0; r < rows; ++r) {
      fill_elements(numbers + static_cast<size_t>(r) * size, size, program_.length,
                    out + static_cast<size_t>(r) * row_bytes);
    }
  }

  RowProgram program_;
  int64_t blocks_ = 0;
  int64_t grain_ = 1;  // blocks that a thread takes at once
  int64_t slots_ = 1;
};

const char* supports(const KernelCall& call) { return RowProgramBuilder(call).build().refusal; }

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  return std::make_unique<RowsKernel>(maker.call());
}

const KernelRegistrar fused_rows({.op = "fused_rows",
                                  .name = "fused_rows_blocks",
                                  .strided_inputs = true,
                                  .supports = supports,
                                  .make = make});

}  // namespace
}  // namespace bitale
