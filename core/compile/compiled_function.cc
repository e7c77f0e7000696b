#include "core/compile/compiled_function.h"

#include <algorithm>
#include <optional>
#include <shared_mutex>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/call_arguments.h"
#include "core/compile/debug_mode.h"
#include "core/compile/debug_observer.h"
#include "core/compile/nan_guard.h"
#include "core/compile/program_memory.h"
#include "core/graph/traversal.h"
#include "core/tensor/container.h"

namespace bitale {
namespace {

// Holds the locks of all shared variables of a call, taken in the order of container ids.
class ContainerLocks {
 public:
  ContainerLocks(std::span<const Variable> shared, std::span<const int> update_output)
      : shared_(shared), update_output_(update_output) {
    for (size_t i = 0; i < shared_.size(); ++i) {
      std::shared_mutex& mutex = shared_[i].container()->mutex();
      if (update_output_[i] >= 0) {
        mutex.lock();
      } else {
        mutex.lock_shared();
      }
    }
  }
  ~ContainerLocks() {
    for (size_t i = shared_.size(); i-- > 0;) {
      std::shared_mutex& mutex = shared_[i].container()->mutex();
      if (update_output_[i] >= 0) {
        mutex.unlock();
      } else {
        mutex.unlock_shared();
      }
    }
  }
  ContainerLocks(const ContainerLocks&) = delete;
  ContainerLocks& operator=(const ContainerLocks&) = delete;

 private:
  std::span<const Variable> shared_;
  std::span<const int> update_output_;
};

}  // namespace

CompiledFunction::CompiledFunction(const Ins& inputs, const Outs& outputs, FunctionOptions options,
                                   SourceSite site, const Givens& wider_givens)
    : options_(std::move(options)),
      site_(site),
      outs_(outputs.list()),
      symbolic_(run_stage_a(inputs, outputs, options_, site)) {
  for (In& in : symbolic_.inputs) {
    std::optional<Tensor>& value = in.options.default_value;
    // The caller may write to the tensor.
    if (value && value->defined()) value = value->copy();
  }
  check_defaults(symbolic_.inputs, options_);
  analysis_.analyze(symbolic_.graph->outputs());
  symbolic_.wider_givens.insert(symbolic_.wider_givens.end(), wider_givens.begin(),
                                wider_givens.end());
  checks_ = CallChecks(analysis_, symbolic_.wider_givens, title(), site_);
  prepare_keys();
  if (options_.profile) profiler_ = std::make_unique<Profiler>();
}

std::string CompiledFunction::title() const {
  return absl::StrCat("function", options_.name.empty() ? "" : " ", options_.name);
}

void CompiledFunction::prepare_keys() {
  std::vector<IntExpr> key;
  absl::flat_hash_map<int32_t, bool> seen;
  auto add = [&](const Variable& variable) {
    for (const IntExpr& dim : analysis_.dims(variable)) {
      if (!dim.is_constant() && seen.emplace(dim.id(), true).second) key.push_back(dim);
    }
  };
  for (const Variable& leaf : leaves(symbolic_.graph->outputs())) add(leaf);
  for (Apply* apply : symbolic_.graph->topological_order()) {
    for (size_t i = 0; i < apply->output_count(); ++i) add(apply->output(i));
  }
  // A condition on values may fail at a call whose dims were seen before: whether it holds is part
  // of the key, and a key with a 0 finds no program, so that the checks run.
  const std::vector<IntExpr> conditions = checks_.conditions_on_values();
  key.insert(key.end(), conditions.begin(), conditions.end());
  key_program_ = IntProgram(analysis_.ints(), key);

  symbol_reader_ = SymbolReader(analysis_.symbols(), symbolic_.inputs, symbolic_.shared);
  if (symbol_reader_.computed().empty()) return;
  FunctionOptions options;
  options.mode = options_.mode;
  options.on_unused_input = OnUnusedInput::kIgnore;
  options.no_default_updates = true;
  prelude_ = std::make_unique<CompiledFunction>(
      Ins(symbolic_.inputs), Outs(symbol_reader_.computed()), std::move(options), site_);
}

Results CompiledFunction::call(std::span<const Arg> args) {
  const Profiler::Clock::time_point start =
      profiler_ == nullptr ? Profiler::Clock::time_point() : Profiler::Clock::now();
  const CallStates::Lease lease = states_.acquire();
  CallState& state = *lease;
  bind_arguments(symbolic_.inputs, args, options_, site_, state);
  ContainerLocks locks(symbolic_.shared, symbolic_.update_output);
  for (const Variable& variable : symbolic_.shared) {
    state.shared.push_back(variable.container().get());
  }
  Results results = run_locked(state);
  if (profiler_ != nullptr) {
    profiler_->add_call(start + state.compiling, Profiler::Clock::now());
  }
  return results;
}

// The prelude reads a subset of this function's shared variables, which are locked already.
Results CompiledFunction::run_prelude(const CallState& state) {
  const CallStates::Lease inner = prelude_->states_.acquire();
  inner->inputs = state.inputs;
  for (const Variable& variable : prelude_->symbolic_.shared) {
    const auto at = std::find(symbolic_.shared.begin(), symbolic_.shared.end(), variable);
    inner->shared.push_back(state.shared[static_cast<size_t>(at - symbolic_.shared.begin())]);
  }
  return prelude_->run_locked(*inner);
}

Results CompiledFunction::run_locked(CallState& state) {
  check_named_dims(symbolic_.inputs, symbolic_.shared, state);
  Results computed;
  if (prelude_ != nullptr) computed = run_prelude(state);
  make_key({computed.begin(), computed.size()}, state);
  const std::shared_ptr<Entry> entry = find_or_compile(state);
  return run(*entry, state);
}

void CompiledFunction::make_key(std::span<const Tensor> computed, CallState& state) const {
  symbol_reader_.read(computed, state);
  state.registers.resize(key_program_.register_count());
  state.key.resize(key_program_.result_count());
  key_program_.evaluate(state.symbols, state.registers, state.key);
  // Which inputs are strided, and how.
  for (const BoundInput& input : state.inputs) {
    state.key.push_back(input.is_contiguous());
    if (state.key.back()) continue;
    state.key.insert(state.key.end(), input.strides().begin(), input.strides().end());
  }
}

OutOfMemoryError CompiledFunction::out_of_memory(const OutOfMemoryError& error,
                                                 const std::string& what) const {
  return OutOfMemoryError(absl::StrCat(title(), ": ", error.what(), "\n  for: ", what,
                                       "\n  compiled at: ", site_.str()));
}

ContextPool::Lease CompiledFunction::acquire_context(Entry& entry) const {
  try {
    return entry.contexts->acquire();
  } catch (const OutOfMemoryError& error) {
    throw out_of_memory(error, "intermediate results");
  }
}

std::shared_ptr<Storage> CompiledFunction::output_block(Entry& entry, size_t index) const {
  const ProgramOutput& spec = entry.program->outputs[index];
  try {
    if (index >= symbolic_.result_count) return Storage::allocate(spec.device, spec.bytes());
    return entry.contexts->output_block(index, outs_[index].options.borrow);
  } catch (const OutOfMemoryError& error) {
    const Variable& output = symbolic_.graph->outputs()[index];
    throw out_of_memory(
        error,
        absl::StrCat("output ", index, ", ", output.str(), " ", std::string(name_of(spec.dtype)),
                     " ", to_string(spec.shape), ", made at ", output.site().str()));
  }
}

Results CompiledFunction::run(Entry& entry, CallState& state) {
  const Program& program = *entry.program;
  const ContextPool::Lease context = acquire_context(entry);
  for (size_t i = 0; i < context->inputs.size(); ++i) {
    context->inputs[i] = state.inputs[i].data();
  }
  for (size_t i = 0; i < context->shared.size(); ++i) {
    const SharedSlot& slot = program.shared[i];
    SharedContainer& container = *state.shared[slot.variable];
    context->shared[i] = (slot.written ? container.begin_write(slot.device)
                                       : container.read(slot.device, slot.layout))
                             .raw_data();
  }
  Results results(site_);
  std::vector<Tensor> debug_values;
  std::vector<Tensor> reshaped;
  const size_t first_reshaped = symbolic_.result_count + 2 * symbolic_.debug_pairs.size();
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const ProgramOutput& spec = program.outputs[i];
    std::shared_ptr<Storage> block = output_block(entry, i);
    context->outputs[i] = block->data();
    Tensor tensor(std::move(block), spec.dtype, spec.shape, contiguous_strides(spec.shape), 0);
    if (i < symbolic_.result_count) {
      results.push_back(std::move(tensor));
    } else if (i < first_reshaped) {
      debug_values.push_back(std::move(tensor));
    } else {
      reshaped.push_back(std::move(tensor));
    }
  }
  const ProgramBindings bindings{context->inputs, context->shared,      context->outputs,
                                 state.externals, context->workspace(), context->devices()};
  std::optional<ProfileObserver> profiler;
  std::optional<NanGuard> guard;
  std::optional<DebugObserver> debugger;
  InstructionObserver* observer = nullptr;
  if (profiler_ != nullptr) observer = &profiler.emplace(*profiler_, program, entry.profiled);
  if (options_.mode.kind == Mode::Kind::kNanGuard) observer = &guard.emplace();
  if (options_.mode.kind == Mode::Kind::kDebug) observer = &debugger.emplace();
  run_program(program, bindings, observer);
  for (size_t i = 0; i < symbolic_.debug_pairs.size(); ++i) {
    check_pair(symbolic_.debug_pairs[i], debug_values[2 * i], debug_values[2 * i + 1]);
  }
  for (const SharedSlot& slot : program.shared) {
    if (slot.written) state.shared[slot.variable]->wrote(slot.device);
  }
  for (size_t i = 0; i < entry.reshaped.size(); ++i) {
    if (entry.reshaped[i] >= 0) state.shared[i]->adopt(reshaped[entry.reshaped[i]]);
  }
  return results;
}

std::shared_ptr<CompiledFunction> CompiledFunction::copy(const Givens& swap, std::string name,
                                                         SourceSite site) const {
  FunctionOptions options = options_;
  if (!name.empty()) options.name = std::move(name);
  options.givens.clear();
  options.updates.clear();
  options.no_default_updates = true;  // they are among the updates already
  options.on_unused_input = OnUnusedInput::kIgnore;
  auto swapped = [&](const Variable& variable) {
    for (const auto& [from, to] : swap) {
      if (from == variable) return to;
    }
    return variable;
  };
  for (const auto& [from, to] : swap) {
    if (!from.defined() || !to.defined()) {
      throw TypeError(
          absl::StrCat("copy: a pair of `swap` has no variable\n  at: ", resolve_site(site).str()));
    }
    if (!from.is_shared() || !to.is_shared() || from.type() != to.type()) {
      throw TypeError(absl::StrCat(
          "copy: ", from.str(), " ", from.type().str(), " cannot be swapped for ", to.str(), " ",
          to.type().str(), ": both must be shared variables of one type\n  made at: ",
          from.site().str(), " and ", to.site().str(), "\n  at: ", resolve_site(site).str()));
    }
    if (std::ranges::find(symbolic_.shared, from) == symbolic_.shared.end()) {
      throw TypeError(absl::StrCat(
          "copy: the function does not use ", from.str(), "\n  made at: ", from.site().str(),
          "\n  compiled at: ", site_.str(), "\n  at: ", resolve_site(site).str()));
    }
    options.givens.emplace_back(from, to);
  }
  const Variables& outputs = symbolic_.graph->outputs();
  for (size_t i = 0; i < symbolic_.shared.size(); ++i) {
    if (symbolic_.update_output[i] < 0) continue;
    options.updates.emplace_back(swapped(symbolic_.shared[i]), outputs[symbolic_.update_output[i]]);
  }
  std::vector<Out> results;
  for (size_t i = 0; i < symbolic_.result_count; ++i) {
    results.emplace_back(outputs[i], outs_[i].options);
  }
  Replacements swaps(swap.begin(), swap.end());
  Variables values;
  for (const auto& [variable, value] : symbolic_.wider_givens) values.push_back(value);
  values = clone_graph(values, swaps);
  Givens wider_givens;
  for (size_t i = 0; i < values.size(); ++i) {
    wider_givens.emplace_back(symbolic_.wider_givens[i].first, values[i]);
  }
  return std::make_shared<CompiledFunction>(Ins(symbolic_.inputs), Outs(std::move(results)),
                                            std::move(options), site, wider_givens);
}

void CompiledFunction::free() {
  if (prelude_ != nullptr) prelude_->free();
  std::lock_guard<std::mutex> lock(mutex_);
  cache_.clear();
}

std::string CompiledFunction::program_dump() {
  std::lock_guard<std::mutex> lock(mutex_);
  return cache_.empty() ? "" : cache_.front()->program->dump();
}

MemoryReport CompiledFunction::memory() {
  std::lock_guard<std::mutex> lock(mutex_);
  return cache_.empty() ? MemoryReport() : memory_report(*cache_.front()->program);
}

size_t CompiledFunction::compile_count() {
  std::lock_guard<std::mutex> lock(mutex_);
  return compile_count_;
}

Profile CompiledFunction::profile() const {
  return profiler_ == nullptr ? Profile() : profiler_->report(options_.name);
}

}  // namespace bitale
