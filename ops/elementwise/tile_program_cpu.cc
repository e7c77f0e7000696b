#include "ops/elementwise/tile_program_cpu.h"

#include "ops/elementwise/chain_steps_cpu.h"
#include "ops/elementwise/tile_kernel_cpu.h"

namespace bitale {

namespace {

bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

DType computing_dtype(const ElementwiseOp& op, std::span<const DType> operands) {
  switch (op.scalar().rule) {
    case DTypeRule::kWhere:
    case DTypeRule::kSecond:
      return operands[1];
    default:
      return operands[0];
  }
}

struct Tile {
  TileFunction function;
  DType compute_as;
};

Tile find_tile(const ElementwiseOp& op, std::span<const DType> operands, DType out) {
  const DType dtype = computing_dtype(op, operands);
  if (op.scalar().rule == DTypeRule::kCast) return {cast_tile(dtype, out), dtype};
  const TileRegistrar* registrar = TileRegistrar::find(op.name());
  if (registrar == nullptr) return {nullptr, dtype};
  const TileTable table = registrar->table();
  if (table[dtype] == nullptr && is_half(dtype)) return {table[DType::kFloat32], DType::kFloat32};
  return {table[dtype], dtype};
}

}  // namespace

TileProgramBuilder::TileProgramBuilder(std::span<const OperandLayout> inputs, const Dims& shape)
    : inputs_(inputs), shape_(shape) {
  for (const OperandLayout& input : inputs) dtypes_.push_back(input.dtype);
}

int TileProgramBuilder::add_step(const ElementwiseOp& op, std::span<const int> operands,
                                 DType out) {
  TileStep step;
  step.arity = static_cast<int>(operands.size());
  std::vector<DType> dtypes;
  for (int k = 0; k < step.arity; ++k) {
    dtypes.push_back(dtypes_[operands[k]]);
    if (op.needs_elements(k)) step.operands[k] = operands[k];
  }
  const Tile tile = find_tile(op, dtypes, out);
  step.function = tile.function;
  step.in = computing_dtype(op, dtypes);
  step.compute_as = tile.compute_as;
  step.out = out;
  step.chain_step = pack_chain_step(op, dtypes, out);
  steps_.push_back(step);
  dtypes_.push_back(out);
  return static_cast<int>(dtypes_.size()) - 1;
}

int TileProgramBuilder::add_copy(int value) {
  const DType dtype = dtypes_[value];
  steps_.push_back({.function = cast_tile(dtype, dtype),
                    .arity = 1,
                    .operands = {value, -1, -1},
                    .compute_as = dtype,
                    .in = dtype,
                    .out = dtype});
  dtypes_.push_back(dtype);
  return static_cast<int>(dtypes_.size()) - 1;
}

void TileProgramBuilder::set_output(int value, int output) {
  steps_[value - static_cast<int>(inputs_.size())].output = output;
}

std::unique_ptr<const GroupKernel> TileProgramBuilder::build(bool any_ranges) {
  return make_tile_kernel(inputs_, shape_, std::move(dtypes_), steps_, any_ranges);
}

TileFunction tile_function(const ElementwiseOp& op, std::span<const DType> operands, DType out) {
  const Tile tile = find_tile(op, operands, out);
  return tile.compute_as == computing_dtype(op, operands) ? tile.function : nullptr;
}

const char* tile_refusal(const ElementwiseOp& op, std::span<const DType> operands) {
  if (op.scalar().rule == DTypeRule::kCast) return nullptr;
  const bool known = find_tile(op, operands, DType::kBool).function != nullptr;
  return known ? nullptr : "no tile function for this dtype";
}

}  // namespace bitale
