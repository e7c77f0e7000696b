// The node behind a Variable. Only core/graph includes this.

#ifndef BITALE_CORE_GRAPH_VARIABLE_NODE_H_
#define BITALE_CORE_GRAPH_VARIABLE_NODE_H_

#include <atomic>
#include <memory>
#include <string>

#include "core/graph/variable.h"
#include "core/tensor/tensor.h"

namespace bitale {

// What only leaves have.
struct LeafData {
  Site site;
  Tensor value;
  std::shared_ptr<SharedContainer> container;
};

struct VariableNode {
  TensorType type;
  Apply* owner = nullptr;
  uint32_t output_index = 0;
  VariableKind kind = VariableKind::kOutput;
  // Handles to this leaf, or, in output 0, to any output of the Apply.
  std::atomic<uint32_t> count{0};
  std::unique_ptr<std::string> name;
  std::unique_ptr<LeafData> leaf;
};

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_VARIABLE_NODE_H_
