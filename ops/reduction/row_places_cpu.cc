#include "ops/reduction/row_places_cpu.h"

#include <algorithm>
#include <limits>
#include <map>

#include "ops/cpu/workspace.h"
#include "ops/reduction/row_program_cpu.h"

namespace bitale {
namespace {

// Operands of more bytes come from beyond the second cache.
constexpr double kFarBytes = 256 * 1024;

// In more parts than these, asking for them costs more than it helps.
constexpr size_t kMostParts = 4;

constexpr size_t kFreed = std::numeric_limits<size_t>::max();

// Where an instruction stands.
struct Position {
  size_t pass = 0;
  bool in_pieces = false;  // runs for each piece
  size_t index = 0;        // in the order of running
};

template <typename Visitor>
void visit_instructions(RowProgram& program, const Visitor& visitor) {
  Position at;
  for (RowPass& pass : program.passes) {
    for (auto* const list : {&pass.first, &pass.each}) {
      at.in_pieces = list == &pass.each;
      for (RowInstruction& instruction : *list) {
        visitor(instruction, at);
        ++at.index;
      }
    }
    ++at.pass;
  }
}

template <typename Visitor>
void visit_reads(const RowInstruction& instruction, const Visitor& visitor) {
  for (const int value : instruction.operands) {
    if (value >= 0) visitor(value);
  }
  for (const RowChainStep& step : instruction.steps) {
    if (step.value >= 0 && step.kind != cpu::row_chain::StepKind::kStore) visitor(step.value);
  }
}

template <typename Visitor>
void visit_writes(const RowInstruction& instruction, const Visitor& visitor) {
  if (instruction.result >= 0) visitor(instruction.result);
  for (const RowChainStep& step : instruction.steps) {
    if (step.kind == cpu::row_chain::StepKind::kStore) visitor(step.value);
  }
}

class Placement {
 public:
  explicit Placement(RowProgram& program)
      : program_(program), written_(program.values.size()), read_(program.values.size()) {
    for (RowValue& value : program.values) {
      value.size = static_cast<int64_t>(size_of(value.dtype));
      widest_ = std::max(widest_, value.size);
    }
  }

  void run() {
    visit_instructions(program_, [&](const RowInstruction& instruction, const Position& at) {
      visit_writes(instruction, [&](int v) { written_[static_cast<size_t>(v)] = at; });
      visit_reads(instruction, [&](int v) { read_[static_cast<size_t>(v)] = at; });
    });
    for (size_t v = 0; v < program_.values.size(); ++v) {
      RowValue& value = program_.values[v];
      if (value.place == RowValue::kRepeated) value.offset = take(bytes_of(value));
      if (value.place == RowValue::kScratch) {
        value.spans_block = value.whole && written_[v].pass != read_[v].pass;
      }
    }
    size_t pass = 0;
    visit_instructions(program_, [&](const RowInstruction& instruction, const Position& at) {
      if (at.pass != pass) free_pass(pass);
      pass = at.pass;
      // A tile function may write to an operand of elements as long as its own. A chain would
      // overwrite what later steps read.
      if (instruction.kind == RowInstruction::kTile) {
        free_operands(instruction, at, value(instruction.result).size);
      }
      visit_writes(instruction, [&](int v) { place(v); });
      free_operands(instruction, at);
    });
    for (RowValue& value : program_.values) set_steps(value);
    ask_ahead();
  }

 private:
  RowValue& value(int v) { return program_.values[static_cast<size_t>(v)]; }

  size_t bytes_of(const RowValue& v) const {
    const int64_t block = program_.block_rows * program_.length;
    int64_t count = v.is_per_piece ? program_.pieces : program_.block_rows;
    if (v.whole) count = v.spans_block ? block : program_.piece_elements;
    return cpu::aligned_bytes(static_cast<size_t>(count * widest_));
  }

  size_t take(size_t bytes) {
    std::vector<size_t>& free = free_[bytes];
    if (!free.empty()) {
      const size_t offset = free.back();
      free.pop_back();
      return offset;
    }
    program_.scratch_bytes += bytes;
    return program_.scratch_bytes - bytes;
  }

  void place(int v) {
    if (value(v).place == RowValue::kScratch) value(v).offset = take(bytes_of(value(v)));
  }

  void free(int v) {
    if (value(v).place == RowValue::kScratch) {
      free_[bytes_of(value(v))].push_back(value(v).offset);
    }
  }

  // What is written and read piece by piece is free after its last reader, all else after the pass.
  bool is_free_at_once(int v) const {
    const auto index = static_cast<size_t>(v);
    return program_.values[index].whole && written_[index].in_pieces && read_[index].in_pieces;
  }

  // Operands that are read for the last time; of elements of one size only, unless it is 0.
  void free_operands(const RowInstruction& instruction, const Position& at, int64_t size = 0) {
    visit_reads(instruction, [&](int v) {
      Position& last = read_[static_cast<size_t>(v)];
      if (last.index != at.index || !is_free_at_once(v)) return;
      if (size != 0 && value(v).size != size) return;
      free(v);
      last.index = kFreed;
    });
  }

  void free_pass(size_t pass) {
    for (size_t v = 0; v < read_.size(); ++v) {
      if (read_[v].pass == pass && !is_free_at_once(static_cast<int>(v))) {
        free(static_cast<int>(v));
      }
    }
  }

  void set_steps(RowValue& v) const {
    const bool in_scratch = v.place == RowValue::kScratch || v.place == RowValue::kRepeated;
    if (v.is_per_piece) {
      (in_scratch ? v.piece_step : v.block_step) = v.size;
      return;
    }
    if (v.whole) {
      if (!in_scratch) v.column_step = v.size;
      if (!in_scratch || v.spans_block) v.piece_step = program_.piece_elements * v.size;
    }
    if (v.place == RowValue::kInput || v.place == RowValue::kOutput) {
      v.row_step = (v.whole ? program_.length : 1) * v.size;
    }
    if (v.place != RowValue::kSame) v.stride = v.whole ? program_.length : 1;
  }

  // Lines of operands that vary from row to row, and of the output.
  void ask_ahead() {
    double bytes = 0;
    std::vector<RowInstruction::Ahead> wanted;
    for (size_t v = 0; v < program_.values.size(); ++v) {
      const RowValue& value = program_.values[v];
      const bool is_output = value.place == RowValue::kOutput;
      if (!value.whole || (value.place != RowValue::kInput && !is_output)) continue;
      bytes +=
          static_cast<double>(program_.rows * program_.length) * static_cast<double>(value.size);
      const RowInstruction::Ahead ahead{static_cast<int>(v), is_output};
      wanted.insert(is_output ? wanted.begin() : wanted.end(), ahead);
    }
    if (bytes <= kFarBytes) return;
    wanted.resize(std::min(wanted.size(), cpu::row_chain::kMostFetches));
    if (program_.pieces > 1 || !program_.row_by_row) return ask_piece_ahead(wanted);
    std::vector<RowInstruction*> askers;
    visit_instructions(program_, [&](RowInstruction& instruction, const Position&) {
      if (goes_over_elements(instruction)) askers.push_back(&instruction);
    });
    const size_t parts = std::min(askers.size(), kMostParts);
    for (size_t part = 0; part < parts; ++part) {
      RowInstruction& asker = *askers[part * askers.size() / parts];
      asker.ahead = wanted;
      for (RowInstruction::Ahead& ahead : asker.ahead) {
        ahead.part = static_cast<int>(part);
        ahead.parts = static_cast<int>(parts);
      }
    }
  }
  // Of long rows, whose pieces the hardware foresees, and of short ones, whose blocks take many
  // instructions, the last one that reads or writes a piece asks for the next one.
  void ask_piece_ahead(const std::vector<RowInstruction::Ahead>& wanted) {
    visit_instructions(program_, [&](RowInstruction& instruction, const Position& at) {
      for (const RowInstruction::Ahead& ahead : wanted) {
        const auto v = static_cast<size_t>(ahead.value);
        if ((ahead.to_write ? written_ : read_)[v].index == at.index) {
          instruction.ahead.push_back(ahead);
        }
      }
    });
  }
  bool goes_over_elements(const RowInstruction& instruction) {
    return instruction.kind == RowInstruction::kChain ||
           instruction.kind == RowInstruction::kFold ||
           (instruction.kind == RowInstruction::kTile && value(instruction.result).whole);
  }

  RowProgram& program_;
  std::vector<Position> written_;               // by value
  std::vector<Position> read_;                  // by value: last
  std::map<size_t, std::vector<size_t>> free_;  // offsets by bytes
  int64_t widest_ = 1;
};

}  // namespace

void place_values(RowProgram& program) { Placement(program).run(); }

}  // namespace bitale
