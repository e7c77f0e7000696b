#include "ops/reduction/row_program_cpu.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "ops/elementwise/chain_steps_cpu.h"
#include "ops/elementwise/tile_program_cpu.h"
#include "ops/reduction/reduction.h"
#include "ops/reduction/row_places_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

// Shorter rows are not worth a chain each: all elements of a block are taken alike, and numbers are
// repeated along their rows.
constexpr int64_t kShortestByItself = 64;
// A block of short rows has so many elements; more where no step needs scratch for them.
constexpr int64_t kBlockElements = 1024;
constexpr int64_t kBlockElementsInRegisters = 2048;
// Longer rows are cut into blocks, if each element is read once.
constexpr int64_t kLongestBlock = 8192;
// What lies between passes must stay in the second cache, unless there are rows enough for all
// threads: separate kernels use them all for each row.
constexpr size_t kMostBytesOfFewRows = 192 * 1024;
constexpr int64_t kFewRows = 32;
constexpr size_t kNone = std::numeric_limits<size_t>::max();

class RowProgramBuilder {
 public:
  RowProgramBuilder(const KernelCall& call, const RowGeometry& geometry,
                    const RowSchedule& schedule, RowProgram& program)
      : op_(call.op_as<FusedRowsOp>()),
        call_(call),
        geometry_(geometry),
        schedule_(schedule),
        program_(program),
        emitted_(op_.steps().size(), false) {}

  void build() {
    program_.passes.resize(static_cast<size_t>(schedule_.passes()) + 1);
    for (pass_ = 0; pass_ <= schedule_.passes(); ++pass_) {
      for (size_t i = 0; i < op_.steps().size(); ++i) {
        const FusedRowsOp::Step& step = op_.steps()[i];
        if (!step.whole && !step.folds && schedule_.pass_of(i) == pass_) add_tile(i);
      }
      if (pass_ < schedule_.passes()) add_pass();
    }
  }

 private:
  // How an operand is wanted.
  enum class Form : uint8_t { kElements, kSharedRow, kNumbers, kUniform };

  RowPass& pass() { return program_.passes[static_cast<size_t>(pass_)]; }
  const OperandLayout& layout(int input) const { return call_.inputs[static_cast<size_t>(input)]; }
  bool is_input(int operand) const { return operand < static_cast<int>(op_.input_count()); }
  size_t step_of(int operand) const { return static_cast<size_t>(operand) - op_.input_count(); }
  int value_of(size_t step) const { return static_cast<int>(op_.input_count() + step); }
  bool is_last(size_t step) const { return step + 1 == op_.steps().size(); }

  // Whole steps and folds of the current pass.
  void add_pass() {
    here_.clear();
    for (size_t i = 0; i < op_.steps().size(); ++i) {
      const FusedRowsOp::Step& step = op_.steps()[i];
      if (!step.whole && !step.folds) continue;
      if (!schedule_.runs_in(i, pass_)) continue;
      here_.push_back(i);
      emitted_[i] = false;
    }
    for (const size_t i : here_) {
      if (emitted_[i]) continue;
      if (op_.steps()[i].folds) {
        add_fold(i);
      } else if (schedule_.chain_step(i)) {
        add_chain(i);
      } else {
        add_tile(i);
      }
    }
  }

  void add_tile(size_t index) {
    const FusedRowsOp::Step& step = op_.steps()[index];
    const auto& op = static_cast<const ElementwiseOp&>(*step.op);
    RowInstruction tile{.kind = RowInstruction::kTile};
    std::vector<DType> dtypes;
    for (size_t k = 0; k < step.operands.size(); ++k) {
      const int operand = step.operands[k];
      dtypes.push_back(schedule_.dtype_of(operand));
      if (!op.needs_elements(k)) continue;
      tile.operands[k] = step.whole ? elements(operand) : numbers(operand);
    }
    tile.tile = tile_function(op, dtypes, step.type.dtype);
    tile.result = result_of(index);
    emitted_[index] = true;
    (step.whole ? pass().each : pass().first).push_back(std::move(tile));
  }

  void add_fold(size_t index) {
    RowInstruction fold{.kind =
                            program_.row_by_row ? RowInstruction::kChain : RowInstruction::kFold};
    fold.operands[0] = elements(op_.steps()[index].operands[0]);
    finish_with_fold(fold, index);
    pass().each.push_back(std::move(fold));
  }

  void finish_with_fold(RowInstruction& instruction, size_t index) {
    const FusedRowsOp::Step& step = op_.steps()[index];
    instruction.fold = row_fold(static_cast<const ReduceOp&>(*step.op).kind(), step.type.dtype);
    instruction.result = result_of(index);
    emitted_[index] = true;
    if (program_.pieces == 1 || program_.blocks_are_pieces) return;
    RowInstruction combine{.kind = RowInstruction::kCombine, .fold = instruction.fold};
    combine.operands[0] =
        add_value({.dtype = step.type.dtype, .whole = false, .is_per_piece = true});
    combine.result = std::exchange(instruction.result, combine.operands[0]);
    program_.passes[static_cast<size_t>(pass_) + 1].first.push_back(std::move(combine));
  }

  // As many steps as lead from one to the next.
  void add_chain(size_t index) {
    RowInstruction chain{.kind = RowInstruction::kChain};
    const std::vector<int>& operands = op_.steps()[index].operands;
    size_t from = 0;
    if (operands.size() > 1 && !has_elements(operands[0])) from = 1;
    chain.operands[0] = elements(operands[from]);
    append(chain, index, from);
    while (true) {
      emitted_[index] = true;
      const std::vector<size_t> readers = readers_here(index);
      const bool is_full = chain.steps.size() + 4 > cpu::row_chain::kMostSteps;
      const size_t next = is_full ? kNone : next_of(index, readers);
      const auto fold = std::ranges::find_if(
          readers, [&](size_t reader) { return op_.steps()[reader].folds && program_.row_by_row; });
      const bool ends_with_fold = next == kNone && fold != readers.end();
      const size_t served = next != kNone || ends_with_fold ? 1 : 0;
      if (is_last(index) || schedule_.is_kept(index) || readers.size() > served) {
        chain.steps.push_back({StepKind::kStore, result_of(index)});
      }
      if (ends_with_fold) finish_with_fold(chain, *fold);
      if (next == kNone) break;
      append(chain, next, op_.steps()[next].operands[0] == value_of(index) ? 0 : 1);
      index = next;
    }
    pass().each.push_back(std::move(chain));
  }

  // A step of which operand `from` is what the chain has come to.
  void append(RowInstruction& chain, size_t index, size_t from) {
    const std::vector<int>& operands = op_.steps()[index].operands;
    StepKind kind = *schedule_.chain_step(index);
    if (from == 1) kind = turned_step(kind);
    chain.steps.push_back({kind, operands.size() > 1 ? chain_operand(operands[1 - from]) : -1});
  }

  std::vector<size_t> readers_here(size_t index) const {
    std::vector<size_t> readers;
    for (const size_t i : here_) {
      if (std::ranges::count(op_.steps()[i].operands, value_of(index)) > 0) readers.push_back(i);
    }
    return readers;
  }

  // A reader of this step that can follow it in a chain, or kNone.
  size_t next_of(size_t index, const std::vector<size_t>& readers) const {
    for (const size_t reader : readers) {
      if (emitted_[reader] || op_.steps()[reader].folds || !schedule_.chain_step(reader)) continue;
      const std::vector<int>& operands = op_.steps()[reader].operands;
      if (std::ranges::count(operands, value_of(index)) != 1) continue;
      const bool others_exist = std::ranges::all_of(operands, [&](int operand) {
        if (is_input(operand) || !op_.steps()[step_of(operand)].whole) return true;
        return !schedule_.runs_in(step_of(operand), pass_) || emitted_[step_of(operand)];
      });
      if (others_exist) return reader;
    }
    return kNone;
  }

  // Whether an operand of a whole step has elements, not numbers.
  bool has_elements(int operand) const {
    if (!is_input(operand)) return op_.steps()[step_of(operand)].whole;
    const RowOperand kind = geometry_.kind_of(layout(operand));
    return kind == RowOperand::kRows || kind == RowOperand::kSharedRow;
  }

  int add_value(RowValue value) {
    program_.values.push_back(value);
    return static_cast<int>(program_.values.size()) - 1;
  }

  int add_reader(int input, const Dims& shape) {
    program_.readers.emplace_back(layout(input), shape);
    return static_cast<int>(program_.readers.size()) - 1;
  }

  // The value in this form: made by `make` when first asked for. Some live in one pass only.
  template <typename Make>
  int known(int operand, Form form, bool in_this_pass, const Make& make) {
    const auto key = std::tuple(operand, form, in_this_pass ? pass_ : -1);
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    const int value = make();
    return known_[key] = value;
  }

  int result_of(size_t index) {
    const FusedRowsOp::Step& step = op_.steps()[index];
    const bool in_this_pass = step.whole && !schedule_.is_kept(index);
    return known(value_of(index), step.whole ? Form::kElements : Form::kNumbers, in_this_pass, [&] {
      const bool is_output = is_last(index);
      return add_value({.dtype = step.type.dtype,
                        .whole = step.whole,
                        .place = is_output ? RowValue::kOutput : RowValue::kScratch,
                        .is_per_piece = is_output && program_.blocks_are_pieces});
    });
  }

  int elements(int operand) {
    if (is_input(operand)) return input_elements(operand);
    const size_t index = step_of(operand);
    if (op_.steps()[index].whole) return result_of(index);
    return known(operand, Form::kElements, true, [&] {
      RowInstruction repeat{.kind = RowInstruction::kRepeat};
      repeat.operands[0] = result_of(index);
      repeat.result = add_value({.dtype = schedule_.dtype_of(operand)});
      pass().first.push_back(repeat);
      return repeat.result;
    });
  }

  int input_elements(int input) {
    const StridedReader reader(layout(input), geometry_.shape);
    const RowOperand kind = geometry_.kind_of(layout(input));
    if (!reader.is_contiguous() && program_.block_rows == 1 && is_shared_row(input)) {
      return shared_row(input);
    }
    return known(input, Form::kElements, false, [&] {
      RowValue value{.dtype = layout(input).dtype, .place = RowValue::kInput, .input = input};
      if (reader.is_contiguous()) return add_value(value);
      value.reader = add_reader(input, geometry_.shape);
      value.is_uniform = reader.is_uniform();
      if (value.is_uniform || (kind == RowOperand::kSharedRow && !program_.blocks_are_pieces)) {
        value.place = RowValue::kRepeated;
        value.spans_block = !value.is_uniform;
        return add_value(value);
      }
      value.place = RowValue::kScratch;
      return add_gather(value, pass().each);
    });
  }

  int add_gather(const RowValue& value, std::vector<RowInstruction>& to) {
    RowInstruction gather{.kind = RowInstruction::kGather};
    gather.result = add_value(value);
    to.push_back(gather);
    return gather.result;
  }

  bool is_shared_row(int input) const {
    return geometry_.kind_of(layout(input)) == RowOperand::kSharedRow &&
           StridedReader(layout(input), geometry_.row_shape).is_contiguous();
  }

  int shared_row(int input) {
    return known(input, Form::kSharedRow, false, [&] {
      return add_value({.dtype = layout(input).dtype, .place = RowValue::kSame, .input = input});
    });
  }

  int numbers(int operand) {
    if (!is_input(operand)) return result_of(step_of(operand));
    return known(operand, Form::kNumbers, false, [&] {
      const StridedReader reader(layout(operand), geometry_.numbers_shape);
      RowValue value{.dtype = layout(operand).dtype,
                     .whole = false,
                     .place = RowValue::kInput,
                     .input = operand,
                     .is_uniform = reader.is_uniform()};
      if (reader.is_contiguous()) return add_value(value);
      value.reader = add_reader(operand, geometry_.numbers_shape);
      value.place = value.is_uniform ? RowValue::kRepeated : RowValue::kScratch;
      return value.is_uniform ? add_value(value) : add_gather(value, pass().first);
    });
  }

  int chain_operand(int operand) {
    if (is_input(operand)) {
      const RowOperand kind = geometry_.kind_of(layout(operand));
      if (kind == RowOperand::kUniform) {
        return known(operand, Form::kUniform, false, [&] {
          return add_value({.dtype = layout(operand).dtype,
                            .whole = false,
                            .place = RowValue::kSame,
                            .input = operand,
                            .is_uniform = true});
        });
      }
      if (program_.row_by_row && kind == RowOperand::kNumbers) return numbers(operand);
      if (program_.row_by_row && is_shared_row(operand)) return shared_row(operand);
      return input_elements(operand);
    }
    const bool whole = op_.steps()[step_of(operand)].whole;
    return whole || !program_.row_by_row ? elements(operand) : numbers(operand);
  }

  const FusedRowsOp& op_;
  const KernelCall& call_;
  const RowGeometry& geometry_;
  const RowSchedule& schedule_;
  RowProgram& program_;
  int pass_ = 0;
  std::vector<size_t> here_;   // whole steps and folds of the pass
  std::vector<bool> emitted_;  // by step, in the pass
  std::map<std::tuple<int, Form, int>, int> known_;
};

// The rows are only folded, by the last step.
bool reads_rows_once(const FusedRowsOp& op) {
  const auto steps = op.steps();
  return steps.back().folds &&
         std::ranges::all_of(steps.first(steps.size() - 1),
                             [](const auto& step) { return step.whole && !step.folds; });
}

bool is_cut(const FusedRowsOp& op, const RowGeometry& geometry) {
  return geometry.length > kLongestBlock && reads_rows_once(op);
}

bool has_functions(const FusedRowsOp& op, const RowSchedule& schedule) {
  return std::ranges::all_of(op.steps(), [&](const FusedRowsOp::Step& step) {
    std::vector<DType> dtypes;
    for (const int operand : step.operands) dtypes.push_back(schedule.dtype_of(operand));
    if (step.folds) {
      return row_fold(static_cast<const ReduceOp&>(*step.op).kind(), dtypes[0]).has_value();
    }
    return tile_function(static_cast<const ElementwiseOp&>(*step.op), dtypes, step.type.dtype) !=
           nullptr;
  });
}

// What a row needs in cache: operands, and what is kept between passes.
size_t bytes_of_row(const KernelCall& call, const RowGeometry& geometry,
                    const RowSchedule& schedule) {
  size_t bytes = 0;
  for (const OperandLayout& input : call.inputs) {
    if (geometry.kind_of(input) == RowOperand::kRows) bytes += size_of(input.dtype);
  }
  const auto steps = call.op_as<FusedRowsOp>().steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    if (schedule.is_kept(i)) bytes += size_of(steps[i].type.dtype);
  }
  return bytes * static_cast<size_t>(geometry.length);
}

}  // namespace

RowProgram::RowProgram(const KernelCall& call, const RowGeometry& geometry,
                       const RowSchedule& schedule)
    : rows(geometry.rows),
      length(geometry.length),
      blocks_are_pieces(is_cut(call.op_as<FusedRowsOp>(), geometry)),
      row_by_row(geometry.length >= kShortestByItself) {
  pieces = (length + kRowPiece - 1) / kRowPiece;
  const auto steps = call.op_as<FusedRowsOp>().steps();
  bool in_registers = row_by_row;
  for (size_t i = 0; i < steps.size(); ++i) {
    in_registers = in_registers && (!steps[i].whole || schedule.chain_step(i));
  }
  const int64_t elements = in_registers ? kBlockElementsInRegisters : kBlockElements;
  if (pieces == 1) block_rows = std::clamp<int64_t>(elements / length, 1, rows);
  piece_elements = pieces == 1 ? block_rows * length : kRowPiece;
  RowProgramBuilder(call, geometry, schedule, *this).build();
  place_values(*this);
}

const char* row_program_refusal(const KernelCall& call) {
  const RowGeometry geometry(call);
  if (geometry.refusal != nullptr) return geometry.refusal;
  const auto& op = call.op_as<FusedRowsOp>();
  const RowSchedule schedule(call);
  if (!has_functions(op, schedule)) return "no kernel of a step for this dtype";
  if (geometry.rows < kFewRows && !is_cut(op, geometry) &&
      bytes_of_row(call, geometry, schedule) > kMostBytesOfFewRows) {
    return "the rows are too few and too long for the cache";
  }
  return nullptr;
}

}  // namespace bitale
