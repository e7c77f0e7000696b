// DebugMode: every replacement that a rule made is computed on both sides and compared, every
// kernel of a composite against its formula; kernels run without reuse of memory, into poisoned
// outputs, and must leave their inputs alone. Theano's DebugMode.

#ifndef BITALE_CORE_COMPILE_DEBUG_MODE_H_
#define BITALE_CORE_COMPILE_DEBUG_MODE_H_

#include <string>
#include <vector>

#include "core/graph/function_graph.h"
#include "core/rewrite/rule.h"
#include "core/runtime/program.h"

namespace bitale {

// Two variables that must have equal values at every call.
struct DebugPair {
  Variable old_value;
  Variable new_value;
  std::string reason;  // "rule log_of_softmax", "formula of softmax"
  Exactness exactness = Exactness::kSameBits;
};

// Lets `pairs` collect every replacement made in `graph` from now on.
void record_replacements(FunctionGraph& graph, std::vector<DebugPair>& pairs);

// A pair for each composite of `graph`: its value, and its formula's.
std::vector<DebugPair> formula_pairs(const FunctionGraph& graph);

// Throws ExecutionError naming the rule, the user's line and the first differing element, unless
// the values agree under the pair's exactness. Where the old value is not finite, a rule that is
// not exact to the bit may give anything: making such values finite is what some rules are for.
void check_pair(const DebugPair& pair, const Tensor& old_value, const Tensor& new_value);

// Poisons outputs before each kernel and checks afterwards that no input changed. Throws
// ExecutionError naming kernel and operand.
class DebugObserver final : public InstructionObserver {
 public:
  void before(const Instruction& instruction, const KernelFrame& frame) override;
  void after(const Instruction& instruction, const KernelFrame& frame) override;

 private:
  std::vector<uint64_t> hashes_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_DEBUG_MODE_H_
