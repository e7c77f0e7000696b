#include "ops/elementwise/tile_plan_cpu.h"

#include <algorithm>

#include "ops/elementwise/chain_steps_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;
using Form = RowOperands::Form;

constexpr size_t kNone = static_cast<size_t>(-1);

std::span<const int> operands_of(const TileStep& step) {
  return {step.operands, static_cast<size_t>(step.arity)};
}

bool has_elements(int value, const RowOperands& operands, int input_count) {
  return value >= input_count || operands.form(value) == Form::kElements;
}

class Planner {
 public:
  Planner(std::span<const TileStep> steps, int input_count, const RowOperands& operands)
      : steps_(steps), input_count_(input_count), operands_(operands), done_(steps.size()) {}

  std::vector<TileInstruction> plan() {
    std::vector<TileInstruction> plan;
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (done_[i]) continue;
      std::optional<TileInstruction> chain = chain_from(i);
      if (!chain) chain = TileInstruction{.step = steps_[i], .result = value_of(i)};
      done_[i] = true;
      plan.push_back(std::move(*chain));
    }
    return plan;
  }

 private:
  int value_of(size_t step) const { return input_count_ + static_cast<int>(step); }
  bool is_done(int value) const { return value < input_count_ || done_[value - input_count_]; }

  // The chain that begins with a step, if that is worth more than a function: several steps, or an
  // operand that need not be copied.
  std::optional<TileInstruction> chain_from(size_t first) {
    const auto operands = operands_of(steps_[first]);
    if (!steps_[first].chain_step) return std::nullopt;
    size_t from = 0;
    while (from < operands.size() && !has_elements(operands[from], operands_, input_count_)) ++from;
    if (from == operands.size()) return std::nullopt;
    TileInstruction chain{.source = operands[from]};
    const std::vector<bool> before = done_;
    size_t length = 0;
    bool copies_less = false;
    for (size_t step = first; step != kNone; ++length) {
      const int other = append(chain, step, from);
      copies_less = copies_less || (other >= 0 && !has_elements(other, operands_, input_count_));
      done_[step] = true;
      const std::vector<size_t> readers = readers_of(step);
      const bool is_full = chain.links.size() + 3 > cpu::row_chain::kMostSteps;
      const size_t next = is_full ? kNone : next_of(step, readers);
      if (next == kNone || readers.size() > 1 || steps_[step].output >= 0) {
        chain.links.push_back({StepKind::kStore, value_of(step)});
      }
      if (next != kNone) from = steps_[next].operands[0] == value_of(step) ? 0 : 1;
      step = next;
    }
    if (length > 1 || copies_less) return chain;
    done_ = before;
    return std::nullopt;
  }

  // A step of which operand `from` is what the chain has come to. Returns the other operand, or -1.
  int append(TileInstruction& chain, size_t index, size_t from) const {
    const TileStep& step = steps_[index];
    const StepKind kind = from == 1 ? turned_step(*step.chain_step) : *step.chain_step;
    const int other = step.arity > 1 ? step.operands[1 - from] : -1;
    chain.links.push_back({kind, other});
    chain.has_functions = chain.has_functions || cpu::row_chain::is_function(kind);
    if (other >= 0 && other < input_count_) {
      const Form form = operands_.form(other);
      chain.has_rows = chain.has_rows || form == Form::kNumbers || form == Form::kRow;
    }
    return other;
  }

  std::vector<size_t> readers_of(size_t step) const {
    std::vector<size_t> readers;
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (!done_[i] && std::ranges::count(operands_of(steps_[i]), value_of(step)) > 0) {
        readers.push_back(i);
      }
    }
    return readers;
  }

  // A reader that can follow in the chain, or kNone.
  size_t next_of(size_t step, std::span<const size_t> readers) const {
    for (const size_t reader : readers) {
      const auto operands = operands_of(steps_[reader]);
      if (!steps_[reader].chain_step) continue;
      if (std::ranges::count(operands, value_of(step)) != 1) continue;
      if (std::ranges::all_of(operands, [&](int value) { return is_done(value); })) return reader;
    }
    return kNone;
  }

  std::span<const TileStep> steps_;
  int input_count_;
  const RowOperands& operands_;
  std::vector<bool> done_;
};

}  // namespace

std::vector<int> TileInstruction::writes() const {
  if (!is_chain()) return {result};
  std::vector<int> values;
  for (const Link& link : links) {
    if (link.kind == StepKind::kStore) values.push_back(link.value);
  }
  return values;
}

TileGroup::TileGroup(std::span<const OperandLayout> inputs, const Dims& shape,
                     std::vector<DType> value_dtypes, std::span<const TileStep> steps, bool ranges)
    : count(element_count(shape)),
      input_count(static_cast<int>(inputs.size())),
      any_ranges(ranges),
      dtypes(std::move(value_dtypes)),
      rows(inputs, shape),
      instructions(Planner(steps, input_count, rows).plan()) {
  for (const OperandLayout& input : inputs) readers.emplace_back(input, shape);
  for (const DType dtype : dtypes) widest = std::max(widest, size_of(dtype));
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].compute_as != steps[i].in) {
      converts = true;
      widest = std::max(widest, sizeof(float));
    }
    if (steps[i].output < 0) continue;
    const auto output = static_cast<size_t>(steps[i].output);
    outputs.resize(std::max(outputs.size(), output + 1));
    outputs[output] = input_count + static_cast<int>(i);
  }
}

std::vector<int> TileGroup::reads(const TileInstruction& instruction) const {
  std::vector<int> values;
  if (!instruction.is_chain()) {
    for (const int value : operands_of(instruction.step)) {
      if (value >= 0) values.push_back(value);
    }
    return values;
  }
  values.push_back(instruction.source);
  for (const TileInstruction::Link& link : instruction.links) {
    if (link.kind == StepKind::kStore || link.value < 0) continue;
    if (form(link.value) == Form::kElements) values.push_back(link.value);
  }
  return values;
}

bool TileGroup::is_read(int value) const {
  return std::ranges::any_of(instructions, [&](const TileInstruction& instruction) {
    return std::ranges::count(reads(instruction), value) != 0;
  });
}

}  // namespace bitale
