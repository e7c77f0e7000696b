// How a CompiledFunction comes by the program for a call: the cache, stage B, the limit on memory.

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/compiled_function.h"
#include "core/compile/lower.h"
#include "core/compile/program_memory.h"
#include "core/compile/rematerialize.h"
#include "core/compile/stage_b.h"
#include "core/graph/traversal.h"

namespace bitale {

std::shared_ptr<CompiledFunction::Entry> CompiledFunction::find_or_compile(CallState& state) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto it = cache_.begin(); it != cache_.end(); ++it) {
    if (!std::equal((*it)->key.begin(), (*it)->key.end(), state.key.begin(), state.key.end())) {
      continue;
    }
    if (it != cache_.begin()) cache_.splice(cache_.begin(), cache_, it);
    return cache_.front();
  }
  const Profiler::Clock::time_point start = Profiler::Clock::now();
  cache_.push_front(compile(state));
  state.compiling = Profiler::Clock::now() - start;
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

CompiledFunction::Plan CompiledFunction::plan(const CallShapes& shapes) {
  checks_.check(shapes.symbols);
  Plan result;
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
  program.evaluate(shapes.symbols, registers, lengths);
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

  run_stage_b(graph, analysis, stage_b_options());

  result.program = lower(lower_request(graph, analysis, shapes, result.reshaped));
  if (options_.max_bytes > 0) save_memory(graph, analysis, shapes, result.program);
  return result;
}

StageBOptions CompiledFunction::stage_b_options() const {
  StageBOptions options;
  options.rewrite = rewrite_options(options_.mode);
  // NanGuardMode names the op that made a NaN, not the group it was fused into.
  options.fuse =
      options_.mode.kind == Mode::Kind::kFastRun || options_.mode.kind == Mode::Kind::kDebug;
  options.home = options_.mode.device;
  options.placed = symbolic_.placed;
  return options;
}

// Programs that compute more and keep less, until one takes no more than .max_bytes; the best of
// them if none does.
void CompiledFunction::save_memory(FunctionGraph& graph, ShapeAnalysis& analysis,
                                   const CallShapes& shapes,
                                   std::shared_ptr<const Program>& program) const {
  constexpr int kMostRounds = 64;
  size_t least = memory_report(*program).peak_bytes;
  std::vector<int> reshaped;
  for (int round = 0; round < kMostRounds && least > options_.max_bytes; ++round) {
    const std::vector<Apply*> order =
        lowering_order(lower_request(graph, analysis, shapes, reshaped));
    const auto excess = static_cast<int64_t>(least - options_.max_bytes);
    if (!rematerialize(graph, analysis, order, excess)) break;
    std::shared_ptr<const Program> next = lower(lower_request(graph, analysis, shapes, reshaped));
    const size_t bytes = memory_report(*next).peak_bytes;
    if (bytes >= least) continue;
    least = bytes;
    program = std::move(next);
  }
}

LowerRequest CompiledFunction::lower_request(const FunctionGraph& graph, ShapeAnalysis& analysis,
                                             const CallShapes& shapes,
                                             std::vector<int>& reshaped) const {
  const bool debug = options_.mode.kind == Mode::Kind::kDebug;
  reshaped.clear();
  LowerRequest request;
  request.analysis = &analysis;
  const Variables& outputs = graph.outputs();
  request.outputs.assign(outputs.begin(),
                         outputs.begin() + static_cast<std::ptrdiff_t>(symbolic_.result_count));
  const size_t first_debug = outputs.size() - 2 * symbolic_.debug_pairs.size();
  for (size_t i = first_debug; i < outputs.size(); ++i) request.outputs.push_back(outputs[i]);
  for (size_t i = 0; i < symbolic_.inputs.size(); ++i) {
    request.bindings.push_back({symbolic_.inputs[i].variable, Region::kInput,
                                static_cast<uint32_t>(i), shapes.inputs[i].shape,
                                shapes.inputs[i].strides});
  }
  int reshaped_count = 0;
  for (size_t i = 0; i < symbolic_.shared.size(); ++i) {
    const Dims& shape = shapes.shared[i];
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
      if (update.reshapes) reshape_index = reshaped_count++;
      request.updates.push_back(update);
    }
    reshaped.push_back(reshape_index);
  }
  request.home = options_.mode.device;
  request.stage_b = stage_b_options();
  request.reuse_buffers = !debug;
  request.find_oracles = debug;
  request.pack_shared = !debug && options_.mode.kind != Mode::Kind::kNanGuard;
  request.write_updates_in_place = !debug && options_.mode.kind != Mode::Kind::kNanGuard;
  return request;
}

CompiledFunction::CallShapes CompiledFunction::shapes_of(const CallState& state) {
  CallShapes shapes;
  shapes.symbols = state.symbols;
  for (const BoundInput& input : state.inputs) {
    shapes.inputs.push_back({input.shape(), input.is_contiguous()
                                                ? contiguous_strides(input.shape())
                                                : input.strides()});
  }
  for (const SharedContainer* container : state.shared) shapes.shared.push_back(container->shape());
  return shapes;
}

std::shared_ptr<CompiledFunction::Entry> CompiledFunction::compile(const CallState& state) {
  const CallShapes shapes = shapes_of(state);
  Plan planned = plan(shapes);
  if (options_.max_bytes > 0) check_memory(*planned.program, shapes);
  auto entry = std::make_shared<Entry>();
  entry->key = state.key;
  entry->program = std::move(planned.program);
  entry->reshaped = std::move(planned.reshaped);
  entry->contexts = std::make_unique<ContextPool>(entry->program);
  if (profiler_ != nullptr) entry->profiled = profiler_->add_program(*entry->program);
  return entry;
}

void CompiledFunction::check_memory(const Program& program, const CallShapes& shapes) {
  const size_t needed = memory_report(program).peak_bytes;
  if (needed <= options_.max_bytes) return;
  throw OutOfMemoryError(absl::StrCat(title(), ": a call of these shapes takes ", needed,
                                      " bytes, .max_bytes allows ", options_.max_bytes,
                                      "\n  compiled at: ", site_.str(),
                                      "\n  hint: ", how_to_fit(shapes, needed)));
}

std::string CompiledFunction::how_to_fit(const CallShapes& shapes, size_t needed) {
  std::optional<int64_t> length;  // of the longest first axis that an argument may choose
  for (size_t i = 0; i < symbolic_.inputs.size(); ++i) {
    const SymbolicDims& dims = symbolic_.inputs[i].variable.type().dims;
    if (dims.empty() || dims[0].is_fixed()) continue;
    length = std::max(length.value_or(0), shapes.inputs[i].shape[0]);
  }
  if (!length) {
    return "no argument has a first axis that may be shorter: the lengths are the graph's own, "
           "such as that of a slice in .givens";
  }
  const std::optional<int64_t> rows = longest_first_axis(shapes, *length, needed);
  if (!rows) return "arguments with a shorter first axis do not fit either";
  return absl::StrCat("arguments with a first axis of at most ", *rows, " fit");
}

CompiledFunction::CallShapes CompiledFunction::with_first_axis(const CallShapes& shapes,
                                                               int64_t from, int64_t to) const {
  CallShapes changed = shapes;
  std::vector<const std::string*> names;
  for (size_t i = 0; i < symbolic_.inputs.size(); ++i) {
    const SymbolicDims& dims = symbolic_.inputs[i].variable.type().dims;
    if (!dims.empty() && dims[0].is_named() && shapes.inputs[i].shape[0] == from) {
      names.push_back(&dims[0].name());
    }
  }
  const auto follows = [&](const Dim& dim, size_t axis) {
    return dim.is_named() ? std::ranges::find(names, &dim.name()) != names.end()
                          : axis == 0 && !dim.is_fixed();
  };
  for (size_t i = 0; i < symbolic_.inputs.size(); ++i) {
    const SymbolicDims& dims = symbolic_.inputs[i].variable.type().dims;
    InputShape& input = changed.inputs[i];
    const bool contiguous = input.strides == contiguous_strides(input.shape);
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      if (input.shape[axis] == from && follows(dims[axis], axis)) input.shape[axis] = to;
    }
    if (contiguous) input.strides = contiguous_strides(input.shape);
  }
  for (size_t i = 0; i < changed.symbols.size(); ++i) {
    const IntSymbol& symbol = analysis_.symbols()[i];
    const bool is_dim =
        symbol.kind == IntSymbol::Kind::kDim || symbol.kind == IntSymbol::Kind::kNamed;
    if (is_dim && symbol.variable.is_input() && shapes.symbols[i] == from &&
        follows(symbol.variable.type().dims[symbol.index], symbol.index)) {
      changed.symbols[i] = to;
    }
  }
  return changed;
}

std::optional<int64_t> CompiledFunction::longest_first_axis(const CallShapes& shapes,
                                                            int64_t length, size_t needed) {
  const auto bytes_for = [&](int64_t rows) {
    return memory_report(*plan(with_first_axis(shapes, length, rows)).program).peak_bytes;
  };
  // Bytes are near linear in the length, so that a few steps of interpolation find it.
  try {
    int64_t fits = 1, too_long = length;
    if (too_long <= fits) return std::nullopt;
    auto low = static_cast<double>(bytes_for(fits));
    auto high = static_cast<double>(needed);
    const auto limit = static_cast<double>(options_.max_bytes);
    if (low > limit) return std::nullopt;
    for (int step = 0; too_long - fits > 1; ++step) {
      const double share = step % 3 == 2 ? 0.5 : (limit - low) / (high - low);
      const auto width = static_cast<double>(too_long - fits);
      const int64_t rows =
          std::clamp(fits + static_cast<int64_t>(width * share), fits + 1, too_long - 1);
      const auto bytes = static_cast<double>(bytes_for(rows));
      (bytes <= limit ? fits : too_long) = rows;
      (bytes <= limit ? low : high) = bytes;
    }
    return fits;
  } catch (const Error&) {
    return std::nullopt;  // other lengths do not go with the rest of the graph
  }
}

}  // namespace bitale
