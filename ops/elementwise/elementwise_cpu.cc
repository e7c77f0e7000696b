#include "ops/elementwise/tile_program_cpu.h"

namespace bitale {
namespace {

constinit const TileRegistrar* newest_tiles = nullptr;

const char* supports(const KernelCall& call) {
  std::vector<DType> dtypes;
  for (const OperandLayout& input : call.inputs) dtypes.push_back(input.dtype);
  return tile_refusal(call.op_as<ElementwiseOp>(), dtypes);
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  TileProgramBuilder program(call.inputs, call.outputs[0].shape);
  constexpr int kOperands[] = {0, 1, 2};
  const int value = program.add_step(
      call.op_as<ElementwiseOp>(), std::span(kOperands, call.inputs.size()), call.outputs[0].dtype);
  program.set_output(value, 0);
  return program.build();
}

}  // namespace

TileRegistrar::TileRegistrar(const char* op, TileTable (*make_table)())
    : op_(op),
      make_table_(make_table),
      next_(newest_tiles),
      kernel_({.op = op,
               .name = "elementwise_tiles",
               .strided_inputs = true,
               .supports = supports,
               .make = make}) {
  newest_tiles = this;
}

const TileRegistrar* TileRegistrar::find(std::string_view op) {
  for (const TileRegistrar* r = newest_tiles; r != nullptr; r = r->next_) {
    if (op == r->op_) return r;
  }
  return nullptr;
}

}  // namespace bitale
