// The one mechanism of elementwise kernels on the CPU: a list of tile functions, run tile by tile
// over the output, so that what lies between the steps of a fused group stays in the first cache. A
// plain op is a group of one step, which reads and writes its operands' memory directly where it
// can.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_PROGRAM_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_PROGRAM_CPU_H_

#include <memory>
#include <span>
#include <vector>

#include "ops/elementwise/elementwise_op.h"
#include "ops/elementwise/tile_plan_cpu.h"
#include "ops/elementwise/tiles_cpu.h"

namespace bitale {

// Elements that one thread takes at a time: work is split at these borders, whatever the number of
// threads.
inline constexpr int64_t kTileGrain = 32768;

// The kernel of a group, which can also be run on some of the elements alone.
class GroupKernel : public Kernel {
 public:
  // Elements [begin, end) of the outputs in row-major order, on the calling thread. Only of kernels
  // made for any ranges, which may begin and end anywhere. The frame's outputs have room for the
  // elements from `first_of_outputs` on.
  virtual void run_range(const KernelFrame& frame, int64_t begin, int64_t end,
                         int64_t first_of_outputs = 0) const = 0;
};

// Collects the steps of a group. Values are numbered: inputs first, then one per step.
class TileProgramBuilder {
 public:
  // Inputs of any strides, repeated along axes that they lack or where they have length 1, and the
  // shape of all outputs.
  TileProgramBuilder(std::span<const OperandLayout> inputs, const Dims& shape);

  // Appends a step and returns the number of its value.
  int add_step(const ElementwiseOp& op, std::span<const int> operands, DType out);
  // Appends a step that copies a value to one of the same dtype, and returns the copy's number.
  int add_copy(int value);
  // States that output `output` is this step's value.
  void set_output(int value, int output);

  // For any ranges, strided operands are copied tile by tile; otherwise they are read in the order
  // that suits them best.
  std::unique_ptr<const GroupKernel> build(bool any_ranges = false);

 private:
  std::span<const OperandLayout> inputs_;
  Dims shape_;
  std::vector<DType> dtypes_;  // of values
  std::vector<TileStep> steps_;
};

// The tile function of `op` on operands of these dtypes; null if there is none that computes in the
// operands' own dtype.
TileFunction tile_function(const ElementwiseOp& op, std::span<const DType> operands, DType out);

// Null if there is a tile function for `op` on operands of these dtypes, else the reason why not.
const char* tile_refusal(const ElementwiseOp& op, std::span<const DType> operands);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_PROGRAM_CPU_H_
