#include "core/compile/compiled_function.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <shared_mutex>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/call_arguments.h"
#include "core/compile/debug_mode.h"
#include "core/compile/lower.h"
#include "core/compile/nan_guard.h"
#include "core/compile/stage_b.h"
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

class ProfileObserver final : public InstructionObserver {
 public:
  explicit ProfileObserver(Profile& profile) : profile_(profile) {}
  void before(const Instruction&, const KernelFrame&) override {
    start_ = std::chrono::steady_clock::now();
  }
  void after(const Instruction& instruction, const KernelFrame&) override {
    profile_.add(instruction, (std::chrono::steady_clock::now() - start_).count());
  }

 private:
  Profile& profile_;
  std::chrono::steady_clock::time_point start_;
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
  CallState state;
  bind_arguments(symbolic_.inputs, args, options_, site_, state);
  ContainerLocks locks(symbolic_.shared, symbolic_.update_output);
  for (const Variable& variable : symbolic_.shared) {
    state.shared.push_back(variable.container().get());
  }
  return run_locked(state);
}

// The prelude reads a subset of this function's shared variables, which are locked already.
Results CompiledFunction::run_prelude(const CallState& state) {
  CallState inner;
  inner.inputs = state.inputs;
  for (const Variable& variable : prelude_->symbolic_.shared) {
    const auto at = std::find(symbolic_.shared.begin(), symbolic_.shared.end(), variable);
    inner.shared.push_back(state.shared[static_cast<size_t>(at - symbolic_.shared.begin())]);
  }
  return prelude_->run_locked(inner);
}

Results CompiledFunction::run_locked(CallState& state) {
  check_named_dims(symbolic_.inputs, symbolic_.shared, state);
  Results computed;
  if (prelude_ != nullptr) computed = run_prelude(state);
  symbol_reader_.read({computed.begin(), computed.size()}, state);
  absl::InlinedVector<int64_t, 64> registers(key_program_.register_count());
  state.key.resize(key_program_.result_count());
  key_program_.evaluate(state.symbols, {registers.data(), registers.size()},
                        {state.key.data(), state.key.size()});
  // Which inputs are strided, and how.
  for (const Tensor& input : state.inputs) {
    state.key.push_back(input.is_contiguous());
    if (state.key.back()) continue;
    state.key.insert(state.key.end(), input.strides().begin(), input.strides().end());
  }
  const std::shared_ptr<Entry> entry = find_or_compile(state);
  const Program& program = *entry->program;
  const auto out_of_memory = [&](const OutOfMemoryError& error, const std::string& what) {
    return OutOfMemoryError(absl::StrCat(title(), ": ", error.what(), "\n  for: ", what,
                                         "\n  compiled at: ", site_.str()));
  };
  const ContextPool::Lease context = [&] {
    try {
      return entry->contexts->acquire();
    } catch (const OutOfMemoryError& error) {
      throw out_of_memory(error, "intermediate results");
    }
  }();
  for (size_t i = 0; i < context->inputs.size(); ++i) {
    context->inputs[i] = state.inputs[i].raw_data();
  }
  for (size_t i = 0; i < context->shared.size(); ++i) {
    const SharedSlot& slot = program.shared[i];
    SharedContainer& container = *state.shared[slot.variable];
    context->shared[i] =
        (slot.written ? container.begin_write(slot.device) : container.read(slot.device))
            .raw_data();
  }
  Results results(site_);
  std::vector<Tensor> debug_values;
  std::vector<Tensor> reshaped;
  const size_t first_reshaped = symbolic_.result_count + 2 * symbolic_.debug_pairs.size();
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const ProgramOutput& spec = program.outputs[i];
    const bool result = i < symbolic_.result_count;
    std::shared_ptr<Storage> block;
    try {
      block = result ? entry->contexts->output_block(i, i < outs_.size() && outs_[i].options.borrow)
                     : Storage::allocate(spec.device, spec.bytes());
    } catch (const OutOfMemoryError& error) {
      const Variable& output = symbolic_.graph->outputs()[i];
      throw out_of_memory(
          error,
          absl::StrCat("output ", i, ", ", output.str(), " ", std::string(name_of(spec.dtype)), " ",
                       to_string(spec.shape), ", made at ", output.site().str()));
    }
    context->outputs[i] = block->data();
    Tensor tensor(std::move(block), spec.dtype, spec.shape, contiguous_strides(spec.shape), 0);
    if (result) {
      results.push_back(std::move(tensor));
    } else if (i < first_reshaped) {
      debug_values.push_back(std::move(tensor));
    } else {
      reshaped.push_back(std::move(tensor));
    }
  }
  ProgramBindings bindings{context->inputs,      context->shared,
                           context->outputs,     {state.externals.data(), state.externals.size()},
                           context->workspace(), context->devices()};
  std::optional<ProfileObserver> profiler;
  NanGuard guard;
  DebugObserver debugger;
  InstructionObserver* observer = nullptr;
  if (options_.profile) observer = &profiler.emplace(profile_);
  if (options_.mode.kind == Mode::Kind::kNanGuard) observer = &guard;
  if (options_.mode.kind == Mode::Kind::kDebug) observer = &debugger;
  run_program(program, bindings, observer);
  for (size_t i = 0; i < symbolic_.debug_pairs.size(); ++i) {
    check_pair(symbolic_.debug_pairs[i], debug_values[2 * i], debug_values[2 * i + 1]);
  }
  for (const SharedSlot& slot : program.shared) {
    if (slot.written) state.shared[slot.variable]->wrote(slot.device);
  }
  for (size_t i = 0; i < entry->reshaped.size(); ++i) {
    if (entry->reshaped[i] >= 0) state.shared[i]->adopt(reshaped[entry->reshaped[i]]);
  }
  return results;
}

std::shared_ptr<CompiledFunction::Entry> CompiledFunction::find_or_compile(const CallState& state) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto it = cache_.begin(); it != cache_.end(); ++it) {
    if (!std::equal((*it)->key.begin(), (*it)->key.end(), state.key.begin(), state.key.end())) {
      continue;
    }
    if (it != cache_.begin()) cache_.splice(cache_.begin(), cache_, it);
    return cache_.front();
  }
  cache_.push_front(compile(state));
  ++compile_count_;
  if (cache_.size() > std::max<size_t>(options_.cache_limit, 1)) {
    cache_.pop_back();
    constexpr size_t kNoticedAt = 3;
    if (++dropped_count_ == kNoticedAt) {
      std::fprintf(stderr,
                   "note: %s, compiled at %s, has dropped %zu programs of shapes seen before: it "
                   "keeps .cache_limit = %zu\n",
                   title().c_str(), site_.str().c_str(), dropped_count_, options_.cache_limit);
    }
  }
  return cache_.front();
}

std::shared_ptr<CompiledFunction::Entry> CompiledFunction::compile(const CallState& state) {
  checks_.check(state.symbols);
  auto entry = std::make_shared<Entry>();
  entry->key.assign(state.key.begin(), state.key.end());

  FunctionGraph graph(symbolic_.graph->outputs());
  ShapeAnalysis analysis;
  // Everything that stage A knew gets its concrete dims.
  Variables known = leaves(symbolic_.graph->outputs());
  for (Apply* apply : symbolic_.graph->topological_order()) {
    for (const Variable& output : apply->outputs()) known.push_back(output);
  }
  std::vector<IntExpr> dims;
  for (const Variable& variable : known) {
    for (const IntExpr& dim : analysis_.dims(variable)) dims.push_back(dim);
  }
  IntProgram program(analysis_.ints(), dims);
  std::vector<int64_t> registers(program.register_count());
  std::vector<int64_t> lengths(dims.size());
  program.evaluate(state.symbols, registers, lengths);
  checks_.check_sizes(known, lengths);
  size_t next = 0;
  auto clone_of = [&](const Variable& variable) {
    const auto it = graph.clones().find(variable);
    return it == graph.clones().end() ? variable : it->second;
  };
  for (const Variable& variable : known) {
    IntExprs concrete;
    for (int64_t axis = 0; axis < variable.rank(); ++axis) concrete.push_back(lengths[next++]);
    analysis.set_dims(clone_of(variable), std::move(concrete));
  }
  size_t slot = 0;
  absl::flat_hash_map<Variable, IntExprs> externals;
  for (const IntSymbol& symbol : analysis_.symbols()) {
    if (symbol.kind != IntSymbol::Kind::kOpaque) continue;
    externals[clone_of(symbol.variable)].push_back(analysis.external(slot++));
  }
  for (auto& [variable, values] : externals) analysis.set_value(variable, values);

  StageBOptions stage_b;
  stage_b.rewrite = rewrite_options(options_.mode);
  const bool debug = options_.mode.kind == Mode::Kind::kDebug;
  // NanGuardMode names the op that made a NaN, not the group it was fused into.
  stage_b.fuse = options_.mode.kind == Mode::Kind::kFastRun;
  stage_b.home = options_.mode.device;
  stage_b.placed = symbolic_.placed;
  run_stage_b(graph, analysis, stage_b);

  LowerRequest request;
  request.analysis = &analysis;
  const Variables& outputs = graph.outputs();
  request.outputs.assign(outputs.begin(),
                         outputs.begin() + static_cast<std::ptrdiff_t>(symbolic_.result_count));
  const size_t first_debug = outputs.size() - 2 * symbolic_.debug_pairs.size();
  for (size_t i = first_debug; i < outputs.size(); ++i) request.outputs.push_back(outputs[i]);
  for (size_t i = 0; i < symbolic_.inputs.size(); ++i) {
    request.bindings.push_back({symbolic_.inputs[i].variable, Region::kInput,
                                static_cast<uint32_t>(i), state.inputs[i].shape(),
                                state.inputs[i].is_contiguous()
                                    ? contiguous_strides(state.inputs[i].shape())
                                    : state.inputs[i].strides()});
  }
  int reshaped = 0;
  for (size_t i = 0; i < symbolic_.shared.size(); ++i) {
    const Dims& shape = state.shared[i]->shape();
    request.bindings.push_back({symbolic_.shared[i], Region::kShared, static_cast<uint32_t>(i),
                                shape, contiguous_strides(shape)});
    int reshape_index = -1;
    if (symbolic_.update_output[i] >= 0) {
      LoweredUpdate update{symbolic_.shared[i], outputs[symbolic_.update_output[i]]};
      Dims new_shape;
      for (const IntExpr& dim : analysis.dims(update.value)) new_shape.push_back(dim.constant());
      const TensorType& type = symbolic_.shared[i].type();
      if (!equals_or_narrows(fixed_type(type.dtype, new_shape), type)) {
        throw ShapeError(absl::StrCat("function: the update of ", symbolic_.shared[i].str(),
                                      " has shape ", to_string(new_shape), ", its type is ",
                                      type.str(), "\n  shared variable: made at ",
                                      symbolic_.shared[i].site().str(), "\n  new value: made at ",
                                      update.value.site().str(), "\n  compiled at: ", site_.str()));
      }
      // DebugMode takes no new value before all pairs have been compared.
      update.reshapes = debug || new_shape != shape;
      if (update.reshapes) reshape_index = reshaped++;
      request.updates.push_back(update);
    }
    entry->reshaped.push_back(reshape_index);
  }
  request.home = options_.mode.device;
  request.reuse_buffers = !debug;
  request.write_updates_in_place = !debug && options_.mode.kind != Mode::Kind::kNanGuard;
  entry->program = lower(request);
  entry->contexts = std::make_unique<ContextPool>(entry->program);
  return entry;
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
  std::lock_guard<std::mutex> lock(mutex_);
  cache_.clear();
}

std::string CompiledFunction::program_dump() {
  std::lock_guard<std::mutex> lock(mutex_);
  return cache_.empty() ? "" : cache_.front()->program->dump();
}

MemoryReport CompiledFunction::memory() {
  std::lock_guard<std::mutex> lock(mutex_);
  MemoryReport report;
  if (cache_.empty()) return report;
  const Program& program = *cache_.front()->program;
  report.arena_bytes = program.arena_bytes;
  report.bytes_without_reuse = program.buffer_bytes_without_reuse;
  for (const DeviceArena& arena : program.device_arenas) report.device_arena_bytes += arena.bytes;
  for (const ProgramOutput& output : program.outputs) report.output_bytes += output.bytes();
  return report;
}

}  // namespace bitale
