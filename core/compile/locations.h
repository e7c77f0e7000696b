// Where the values of a graph's variables lie, as its lowering proceeds.

#ifndef BITALE_CORE_COMPILE_LOCATIONS_H_
#define BITALE_CORE_COMPILE_LOCATIONS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/dim.h"
#include "core/compile/integer_compiler.h"
#include "core/compile/lower.h"
#include "core/compile/placement.h"
#include "core/compile/program_builder.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/variable.h"
#include "core/tensor/layout.h"

namespace bitale {

class Locations {
 public:
  // Knows the request's bindings. All arguments outlive it; `placement` knows an application before
  // its arena is asked for.
  Locations(const LowerRequest& request, const Placement& placement, ProgramBuilder& builder,
            IntegerCompiler& integers);

  // The arena where an application runs, or where a variable's elements are made.
  uint32_t arena_of(const Apply& apply);
  uint32_t arena_of(const Variable& variable);
  // CompileError for dims that the shapes of the inputs do not decide.
  Dims concrete_dims(const Variable& variable) const;
  // Whether an application's output needs none: registers hold its elements.
  bool is_known_integers(const Variable& variable) const;
  // Whether a shared variable stands for the variable.
  bool is_bound_shared(const Variable& variable) const { return shared_.contains(variable); }

  // Of what an instruction has made, or a view of it.
  void set(const Variable& variable, const Location& location);
  // Null where the arena has no such elements yet.
  const Location* find(const Variable& variable, uint32_t arena) const;
  // For who reads the elements in an arena. Constants, known integers and the slots of shared
  // variables come to be with their first reader. CompileError for what is not there.
  Location locate(const Variable& variable, uint32_t arena);
  // The same without a place where the elements are a shared variable's that nobody has located:
  // a reader of another form of it should not make the program bind the plain one too.
  Location locate_but_shared(const Variable& variable, uint32_t arena);
  // Where a bound shared variable lies in a packed form, on the host.
  Place packed(const Variable& shared, const Layout& layout);

 private:
  Location add_constant(const Tensor& constant, uint32_t arena);
  Location add_integers(const Variable& variable, const IntExprs& values, uint32_t arena);
  // Without a place.
  Location shared_location(const LeafBinding& binding, uint32_t arena) const;
  uint32_t add_slot(const LeafBinding& binding, Device device, const Layout& layout);

  ShapeAnalysis& analysis_;
  const Device home_;
  const Placement& placement_;
  ProgramBuilder& builder_;
  IntegerCompiler& integers_;
  std::vector<absl::flat_hash_map<Variable, Location>> locations_;  // by arena
  absl::flat_hash_map<Variable, const LeafBinding*> shared_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_LOCATIONS_H_
