// Which device each application of a graph runs on, and the transfers that this takes.
//
// A function has one home device (Mode::device). Applications run there, but for what depends on a
// transfer() that states another device. Arguments and results lie on the host. Constants and
// shared variables are wherever they are read, and host integers are made there from the program's
// registers, so none of these is ever transferred.

#ifndef BITALE_CORE_COMPILE_PLACEMENT_H_
#define BITALE_CORE_COMPILE_PLACEMENT_H_

#include "absl/container/flat_hash_map.h"
#include "core/graph/function_graph.h"
#include "core/graph/shape_analysis.h"
#include "core/tensor/device.h"

namespace bitale {

// Whether `apply` reads the elements of its input `i` when it runs.
bool reads_elements(const Apply& apply, size_t i);

class Placement {
 public:
  explicit Placement(Device home) : home_(home) {}

  Device home() const { return home_; }
  // Producers before their users.
  void add(const Apply& apply);
  // The device of an application that was added.
  Device of(const Apply& apply) const { return spots_.at(&apply).device; }
  // Where a variable's elements are made; the host for leaves.
  Device of(const Variable& variable) const {
    return variable.is_output() ? of(*variable.owner()) : kCpu;
  }

 private:
  struct Spot {
    Device device;
    bool stated = false;  // by a transfer() upstream
  };
  Device home_;
  absl::flat_hash_map<const Apply*, Spot> spots_;
};

// Whether the graph has a transfer in it.
bool has_transfers(const FunctionGraph& graph);

// Inserts transfers so that every operand lies on the device of the application that reads it.
void insert_transfers(FunctionGraph& graph, ShapeAnalysis& analysis, Device home);

// The same outputs, the first `result_count` of them on the host where no transfer() says
// otherwise. `graph` has its transfers.
Variables results_on_host(const FunctionGraph& graph, ShapeAnalysis& analysis, Device home,
                          size_t result_count);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PLACEMENT_H_
