// DebugMode's half that concerns rules: every replacement that a rule made in stage A is computed
// on both sides and compared at every call. core/compile/debug_observer.h has the half that
// concerns kernels, core/compile/mode.h the whole of what DebugMode promises.

#ifndef BITALE_CORE_COMPILE_DEBUG_MODE_H_
#define BITALE_CORE_COMPILE_DEBUG_MODE_H_

#include <string>
#include <vector>

#include "core/graph/function_graph.h"
#include "core/rewrite/rule.h"
#include "core/tensor/tensor.h"

namespace bitale {

// Two variables that must have equal values at every call.
struct DebugPair {
  Variable old_value;
  Variable new_value;
  std::string reason;  // "rule log_of_softmax"
  Exactness exactness = Exactness::kSameBits;
};

// Lets `pairs` collect every replacement made in `graph` from now on.
void record_replacements(FunctionGraph& graph, std::vector<DebugPair>& pairs);

// Throws ExecutionError naming the rule, the user's line and the first differing element, unless
// the values agree under the pair's exactness. Where the old value is not finite, a rule that is
// not exact to the bit may give anything: making such values finite is what some rules are for.
void check_pair(const DebugPair& pair, const Tensor& old_value, const Tensor& new_value);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_DEBUG_MODE_H_
