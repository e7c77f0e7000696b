// How the steps of an elementwise group are run on one tile after the other: some by a function of
// their own, through the first cache; simple ones that follow each other as a chain in registers.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_PLAN_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_PLAN_CPU_H_

#include <optional>
#include <span>
#include <vector>

#include "ops/cpu/row_chain.h"
#include "ops/elementwise/row_operands_cpu.h"
#include "ops/elementwise/tiles_cpu.h"

namespace bitale {

// Values are numbered: inputs first, then one per step.
struct TileStep {
  TileFunction function = nullptr;
  int arity = 0;
  int operands[3] = {-1, -1, -1};   // -1: not read
  int output = -1;                  // of the group, or -1
  DType compute_as = DType::kBool;  // kFloat32 where two-byte floats are converted around the step
  DType in = DType::kBool;
  DType out = DType::kBool;
  std::optional<cpu::row_chain::StepKind> chain_step = {};  // the same in a chain
};

struct TileInstruction {
  // Of a chain: what is done to its source, or the value that is stored where it has come to.
  struct Link {
    cpu::row_chain::StepKind kind;
    int value = -1;  // the operand, or what is stored
  };

  // Without links, of a function.
  TileStep step = {};
  int result = -1;
  // Otherwise.
  int source = -1;
  std::vector<Link> links = {};
  bool has_rows = false;       // some operands are numbers of rows, or one row
  bool has_functions = false;  // the chain runs on packs

  bool is_chain() const { return !links.empty(); }
  // Values that are written.
  std::vector<int> writes() const;
};

// An elementwise group, with its instructions.
struct TileGroup {
  // `dtypes`: of all values. Ranges are asked for: see TileProgramBuilder::build().
  TileGroup(std::span<const OperandLayout> inputs, const Dims& shape, std::vector<DType> dtypes,
            std::span<const TileStep> steps, bool any_ranges);

  // Values that an instruction reads from memory element by element, in order.
  std::vector<int> reads(const TileInstruction& instruction) const;
  // Whether some instruction reads a value so.
  bool is_read(int value) const;
  // How a chain reads an operand.
  RowOperands::Form form(int value) const {
    return value < input_count ? rows.form(value) : RowOperands::Form::kElements;
  }

  int64_t count;  // elements of each output
  int input_count;
  bool any_ranges;
  bool converts = false;  // two-byte floats, around some step
  size_t widest = 1;      // bytes of an element of any value
  std::vector<DType> dtypes;
  std::vector<int> outputs;  // their values
  std::vector<StridedReader> readers;
  RowOperands rows;
  std::vector<TileInstruction> instructions;
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_PLAN_CPU_H_
