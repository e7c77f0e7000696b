// In which pass over its row each step of a fused group runs: what is made of a sum of all elements
// needs another pass.

#ifndef BITALE_OPS_REDUCTION_ROW_SCHEDULE_CPU_H_
#define BITALE_OPS_REDUCTION_ROW_SCHEDULE_CPU_H_

#include <optional>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "ops/cpu/row_chain.h"
#include "ops/reduction/fused_rows_internal.h"

namespace bitale {

class RowSchedule {
 public:
  explicit RowSchedule(const KernelCall& call);

  int passes() const { return passes_; }
  // Of whole steps and folds: the pass they run in, the last one that is early enough for their
  // readers. Of numbers: the pass before which they are there, passes() for what follows all.
  int pass_of(size_t step) const { return pass_[step]; }
  // Whether a step runs in this pass. Steps that cost less than to keep their results run in each
  // pass that reads them.
  bool runs_in(size_t step, int pass) const;
  // Whether a whole step's result is kept from pass to pass.
  bool is_kept(size_t step) const;

  // The step of a chain that does the same as this step, up to the order of its operands; none
  // where there is no such.
  std::optional<cpu::row_chain::StepKind> chain_step(size_t step) const;
  DType dtype_of(int value) const;

 private:
  bool is_cheap(size_t step) const;
  void schedule();

  const FusedRowsOp& op_;
  std::vector<DType> dtypes_;               // of values
  std::vector<std::vector<size_t>> users_;  // of steps
  std::vector<int> pass_;                   // of steps
  int passes_ = 0;
};

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_ROW_SCHEDULE_CPU_H_
