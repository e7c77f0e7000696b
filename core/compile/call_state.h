// The tensors and integers of one call of a function.

#ifndef BITALE_CORE_COMPILE_CALL_STATE_H_
#define BITALE_CORE_COMPILE_CALL_STATE_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "core/tensor/container.h"
#include "core/tensor/tensor.h"

namespace bitale {

struct CallState {
  absl::InlinedVector<Tensor, 6> inputs;             // in the order of the function's inputs
  absl::InlinedVector<SharedContainer*, 12> shared;  // of its shared variables, locked
  absl::InlinedVector<int64_t, 16> symbols;          // of the shape program
  absl::InlinedVector<int64_t, 4> externals;         // integers that a program reads at run time
  absl::InlinedVector<int64_t, 32> key;              // which program serves this call
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_CALL_STATE_H_
