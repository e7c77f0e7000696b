// From a graph with concrete dims to a flat Program: chooses kernels, states views, inserts copies,
// and plans memory.

#ifndef BITALE_CORE_COMPILE_LOWER_H_
#define BITALE_CORE_COMPILE_LOWER_H_

#include <memory>
#include <vector>

#include "core/compile/stage_b.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/variable.h"
#include "core/runtime/program.h"

namespace bitale {

// A leaf that is bound to memory at each call. A shared variable is bound on each device that reads
// or writes it.
struct LeafBinding {
  Variable leaf;
  Region region;  // kInput or kShared
  uint32_t index;
  Dims shape;
  Dims strides;  // in elements
  // Of an input.
  Device device = kCpu;
};

// A shared variable's new value.
struct LoweredUpdate {
  Variable variable;
  Variable value;
  // Whether the container takes a new block, because the shape changes, or nothing may be written
  // yet.
  bool reshapes = false;
};

struct LowerRequest {
  Variables outputs;
  std::vector<LoweredUpdate> updates;
  std::vector<LeafBinding> bindings;
  // Has concrete dims for all leaves, and pre-stated ones where dims depend on values.
  ShapeAnalysis* analysis = nullptr;
  // Where applications run that no transfer() places elsewhere. The graph has all its transfers.
  Device home = kCpu;
  // How the graph was prepared; inner graphs are prepared alike.
  StageBOptions stage_b = {};
  // The graph is a loop's or a branch's: its outputs stay on `home`, whatever they are.
  bool inner = false;
  // Buffers take over each other's memory, and updates are written in place. Off in DebugMode.
  bool reuse_buffers = true;
  bool write_updates_in_place = true;
  // Shared variables that are not updated are read in the form that kernels ask for. Off where
  // somebody looks at the operands of kernels.
  bool pack_shared = true;
  // Gives every kernel call on the host its oracles, in inner graphs too.
  bool find_oracles = false;
};

// The program's outputs, each where its value is made, are `outputs`, then one for each reshaping
// update. Throws CompileError that names op, dtypes, shapes and site where no kernel supports a
// call.
std::shared_ptr<const Program> lower(const LowerRequest& request);

// The applications in the order in which lower() takes them.
std::vector<Apply*> lowering_order(const LowerRequest& request);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_LOWER_H_
