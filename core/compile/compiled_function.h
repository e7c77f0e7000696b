// What is behind a Function: the symbolic half, a cache of programs by shape, and the call path.

#ifndef BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_
#define BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/compile/call_checks.h"
#include "core/compile/call_state.h"
#include "core/compile/function.h"
#include "core/compile/lower.h"
#include "core/compile/profiler.h"
#include "core/compile/stage_a.h"
#include "core/compile/symbol_reader.h"
#include "core/graph/shape_analysis.h"
#include "core/runtime/execution_context.h"

namespace bitale {

class CompiledFunction {
 public:
  // `wider_givens`: pairs that were replaced already, whose value must have the variable's fixed
  // dims.
  CompiledFunction(const Ins& inputs, const Outs& outputs, FunctionOptions options, SourceSite site,
                   const Givens& wider_givens = {});

  Results call(std::span<const Arg> args);

  const FunctionOptions& options() const { return options_; }
  const SymbolicFunction& symbolic() const { return symbolic_; }
  std::shared_ptr<CompiledFunction> copy(const Givens& swap, std::string name,
                                         SourceSite site) const;
  void free();
  std::string program_dump();
  MemoryReport memory();
  size_t compile_count();
  Profile profile() const;

 private:
  // A program for one key, and what a call needs besides.
  struct Entry {
    std::vector<int64_t> key;
    std::shared_ptr<const Program> program;
    // Per shared variable: which of the program's reshaping updates it takes, or -1.
    std::vector<int> reshaped;
    std::unique_ptr<ContextPool> contexts;
    std::vector<ProfiledInstruction> profiled;  // with .profile
  };

  // "function train", as errors call it.
  std::string title() const;
  void prepare_keys();
  Results run_prelude(const CallState& state);
  Results run_locked(CallState& state);
  Results run(Entry& entry, CallState& state);
  void make_key(std::span<const Tensor> computed, CallState& state) const;
  ContextPool::Lease acquire_context(Entry& entry) const;
  std::shared_ptr<Storage> output_block(Entry& entry, size_t index) const;
  // An error of an allocation, with what it was for.
  OutOfMemoryError out_of_memory(const OutOfMemoryError& error, const std::string& what) const;
  std::shared_ptr<Entry> find_or_compile(CallState& state);
  std::shared_ptr<Entry> compile(const CallState& state);

  // What a program is made for.
  struct InputShape {
    Dims shape;
    Dims strides;
  };
  struct CallShapes {
    std::vector<int64_t> symbols;
    std::vector<InputShape> inputs;
    std::vector<Dims> shared;
  };
  struct Plan {
    std::shared_ptr<const Program> program;
    std::vector<int> reshaped;  // as in Entry
  };
  static CallShapes shapes_of(const CallState& state);
  Plan plan(const CallShapes& shapes);
  // Those of the mode.
  StageBOptions stage_b_options() const;
  // `reshaped` as in Entry.
  LowerRequest lower_request(const FunctionGraph& graph, ShapeAnalysis& analysis,
                             const CallShapes& shapes, std::vector<int>& reshaped) const;
  void save_memory(FunctionGraph& graph, ShapeAnalysis& analysis, const CallShapes& shapes,
                   std::shared_ptr<const Program>& program) const;
  // OutOfMemoryError where a call would take more than .max_bytes.
  void check_memory(const Program& program, const CallShapes& shapes);
  // The same shapes where first axes of inputs, and what has their name, are `to` long and not
  // `from`.
  CallShapes with_first_axis(const CallShapes& shapes, int64_t from, int64_t to) const;
  // Which arguments would take no more than .max_bytes, or why none can be named. `needed`: what
  // the call takes.
  std::string how_to_fit(const CallShapes& shapes, size_t needed);
  // The longest first axis of the arguments, shorter than `length`, that takes no more than
  // .max_bytes, if there is one.
  std::optional<int64_t> longest_first_axis(const CallShapes& shapes, int64_t length,
                                            size_t needed);

  const FunctionOptions options_;
  const SourceSite site_;
  const std::vector<Out> outs_;
  SymbolicFunction symbolic_;
  ShapeAnalysis analysis_;
  CallChecks checks_;
  // Dims of all variables of the rewritten graph that are not constants.
  IntProgram key_program_;
  SymbolReader symbol_reader_;
  // Integers that depend on tensor contents: computed by a function of their own before each call.
  std::unique_ptr<CompiledFunction> prelude_;

  CallStates states_;
  std::unique_ptr<Profiler> profiler_;  // with .profile

  std::mutex mutex_;                         // guards what follows
  std::list<std::shared_ptr<Entry>> cache_;  // latest first
  size_t compile_count_ = 0;
  size_t dropped_count_ = 0;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_
