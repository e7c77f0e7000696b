// What is behind a Function: the symbolic half, a cache of programs by shape, and the call path.

#ifndef BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_
#define BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/compile/call_checks.h"
#include "core/compile/call_state.h"
#include "core/compile/function.h"
#include "core/compile/profile.h"
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
  size_t compile_count() const { return compile_count_; }
  std::string profile() const { return profile_.table(); }

 private:
  // A program for one key, and what a call needs besides.
  struct Entry {
    std::vector<int64_t> key;
    std::shared_ptr<const Program> program;
    // Per shared variable: which of the program's reshaping updates it takes, or -1.
    std::vector<int> reshaped;
    std::unique_ptr<ContextPool> contexts;
  };

  // "function train", as errors call it.
  std::string title() const;
  void prepare_keys();
  Results run_prelude(const CallState& state);
  Results run_locked(CallState& state);
  std::shared_ptr<Entry> find_or_compile(const CallState& state);
  std::shared_ptr<Entry> compile(const CallState& state);

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

  std::mutex mutex_;                         // guards what follows
  std::list<std::shared_ptr<Entry>> cache_;  // latest first
  size_t compile_count_ = 0;
  size_t dropped_count_ = 0;
  Profile profile_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_COMPILED_FUNCTION_H_
