// From one application to one instruction: which kernel computes it, of which operands.

#ifndef BITALE_CORE_COMPILE_LOWER_KERNEL_H_
#define BITALE_CORE_COMPILE_LOWER_KERNEL_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "core/compile/integer_compiler.h"
#include "core/compile/kernel_registry.h"
#include "core/compile/locations.h"
#include "core/compile/lower.h"
#include "core/compile/program_builder.h"
#include "core/graph/op.h"
#include "core/graph/variable.h"

namespace bitale {

class KernelLowering {
 public:
  // All arguments outlive it.
  KernelLowering(const LowerRequest& request, Locations& locations, ProgramBuilder& builder,
                 IntegerCompiler& integers);

  // Appends the call of the best kernel that there is, with copies of operands that it needs
  // contiguous. CompileError that names op, operands and site where no kernel supports the call.
  void emit(const Apply& apply);

 private:
  // An application's operands, and the layouts that a KernelCall shows of them.
  struct Operands {
    std::vector<Location> inputs;  // without a place where nobody has located a shared variable
    std::vector<OperandLayout> input_layouts;
    std::vector<OperandLayout> output_layouts;
  };
  Operands operands_of(const Apply& apply, uint32_t arena);
  const KernelRegistration& choose(const Apply& apply, Device device, Operands& operands);
  absl::InlinedVector<bool, 4> place_inputs(const KernelRegistration& registration,
                                            const KernelCall& call, uint32_t arena,
                                            std::vector<Location>& inputs);

  const LowerRequest& request_;
  Locations& locations_;
  ProgramBuilder& builder_;
  IntegerCompiler& integers_;
  absl::flat_hash_set<Variable> updated_;  // shared variables
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_LOWER_KERNEL_H_
