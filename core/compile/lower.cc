#include "core/compile/lower.h"

#include <optional>
#include <span>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/integer_compiler.h"
#include "core/compile/locations.h"
#include "core/compile/lower_kernel.h"
#include "core/compile/place_updates.h"
#include "core/compile/placement.h"
#include "core/compile/program_builder.h"
#include "core/compile/take_over_buffers.h"
#include "core/compile/transfer.h"
#include "core/graph/analysis_reader.h"
#include "core/graph/traversal.h"

namespace bitale {
namespace {

class Lowerer {
 public:
  explicit Lowerer(const LowerRequest& request)
      : request_(request),
        analysis_(*request.analysis),
        program_(builder_.program()),
        placement_(request.home),
        locations_(request, placement_, builder_, integers_),
        kernels_(request, locations_, builder_, integers_) {}

  std::shared_ptr<const Program> run() {
    mark_needed();
    const std::vector<Apply*> order = lowering_order(request_);
    for (const Apply* apply : order) placement_.add(*apply);
    emit_uploads(order);
    for (const Apply* apply : order) {
      if (!waits_for_the_end(*apply)) emit(*apply);
    }
    place_outputs();
    place_new_values();
    if (request_.reuse_buffers) take_over_buffers(builder_);
    builder_.plan(request_.reuse_buffers);
    number_registers();
    return builder_.finished();
  }

 private:
  // --- Before any instruction ---

  Variables roots() const {
    Variables roots = request_.outputs;
    for (const LoweredUpdate& update : request_.updates) roots.push_back(update.value);
    return roots;
  }

  void mark_needed() {
    std::vector<Variable> pending = roots();
    absl::flat_hash_set<const Apply*> visited;
    while (!pending.empty()) {
      const Variable variable = pending.back();
      pending.pop_back();
      if (!needed_.insert(variable).second) continue;
      const Apply* apply = variable.owner();
      if (apply == nullptr || locations_.is_known_integers(variable)) continue;
      if (!visited.insert(apply).second) continue;  // another of its outputs was here
      for (size_t i = 0; i < apply->inputs().size(); ++i) {
        if (!reads_elements(*apply, i)) continue;
        operands_.insert(apply->input(i));
        pending.push_back(apply->input(i));
      }
    }
  }

  // Arguments go to their devices before anything else runs, and results come back when all else is
  // done, so that what lies between is one list of launches.
  void emit_uploads(std::span<Apply* const> order) {
    for (const Apply* apply : order) {
      if (made_by_transfer(apply->output(0)) && apply->input(0).is_input()) emit(*apply);
    }
  }

  bool waits_for_the_end(const Apply& apply) const {
    return made_by_transfer(apply.output(0)) != nullptr && placement_.of(apply).is_cpu() &&
           !operands_.contains(apply.output(0));
  }

  // --- Instructions ---

  void emit(const Apply& apply) {
    bool wanted = false;
    bool all_known = true;
    for (size_t i = 0; i < apply.output_count(); ++i) {
      const Variable output = apply.output(i);
      if (!needed_.contains(output)) continue;
      wanted = true;
      all_known = all_known && locations_.is_known_integers(output);
    }
    if (!wanted) return;
    if (all_known) {
      // A device makes them where they are read.
      if (request_.home.is_cpu()) locate_outputs(apply);
    } else if (made_by_transfer(apply.output(0)) != nullptr) {
      emit_transfer(apply);
    } else if (!(apply.op().traits().view && emit_view(apply))) {
      kernels_.emit(apply);
    }
  }

  void locate_outputs(const Apply& apply) {
    for (size_t i = 0; i < apply.output_count(); ++i) {
      const Variable output = apply.output(i);
      if (needed_.contains(output)) locations_.locate(output, locations_.arena_of(apply));
    }
  }

  void emit_transfer(const Apply& apply) {
    const Variable& source = apply.input(0);
    const uint32_t target = locations_.arena_of(apply);
    if (locations_.find(apply.output(0), target) != nullptr) return;
    // What can be had there at once needs no copy; a shared variable's device keeps one.
    const bool there = source.is_constant() || (source.is_shared() && target != 0);
    Location location = locations_.locate(source, there ? target : locations_.arena_of(source));
    location = builder_.emit_transfer(location, target, apply.site());
    locations_.set(apply.output(0), location);
  }

  bool emit_view(const Apply& apply);

  // --- After the last instruction of the graph ---

  // Host integers go to the host; the rest is where it was made.
  uint32_t final_arena(const Variable& variable) {
    if (variable.is_constant() || locations_.is_known_integers(variable)) {
      return request_.inner ? builder_.arena_of(request_.home) : 0;
    }
    return locations_.arena_of(variable);
  }

  void place_outputs() {
    for (const Variable& output : request_.outputs) {
      if (output.is_output() && waits_for_the_end(*output.owner())) emit(*output.owner());
      const Location location = locations_.locate(output, final_arena(output));
      const auto index = static_cast<uint32_t>(program_.outputs.size());
      program_.outputs.push_back(
          {output.dtype(), location.layout.shape, builder_.device_of(location.arena)});
      builder_.deliver(location, {Region::kOutput, index, 0, -1, 0}, "output", output.site());
    }
  }

  void place_new_values() {
    std::vector<PlacedUpdate> updates;
    for (const LoweredUpdate& update : request_.updates) {
      const uint32_t arena = final_arena(update.value);
      const Location value = locations_.locate(update.value, arena);
      const uint32_t slot = locations_.locate(update.variable, arena).place.index;
      updates.push_back({slot, value, update.value.site(), update.reshapes});
    }
    place_updates(builder_, updates, request_.write_updates_in_place);
  }
  void number_registers();

  const LowerRequest& request_;
  ShapeAnalysis& analysis_;
  ProgramBuilder builder_;
  Program& program_;
  absl::flat_hash_set<Variable> needed_;
  absl::flat_hash_set<Variable> operands_;  // of needed applications
  Placement placement_;
  IntegerCompiler integers_;
  Locations locations_;
  KernelLowering kernels_;
};

bool Lowerer::emit_view(const Apply& apply) {
  const Variable output = apply.output(0);
  const Dims shape = locations_.concrete_dims(output);
  Location source = locations_.locate(apply.input(0), locations_.arena_of(apply));
  AnalysisReader context(analysis_, apply);
  std::optional<ViewOutput> view =
      apply.op().view({source.layout.shape, source.layout.strides}, shape, context);
  if (!view && !source.layout.contiguous()) {
    source = builder_.contiguous(source, apply.site());
    view = apply.op().view({source.layout.shape, source.layout.strides}, shape, context);
  }
  if (!view) return false;
  const auto width = static_cast<int32_t>(size_of(output.dtype()));
  Location location = source;
  location.layout = {output.dtype(), shape, view->strides};
  if (element_count(shape) == 0) {
    // No element is read; an offset might point past the block.
  } else if (view->offset.is_constant()) {
    location.place.offset += view->offset.constant() * width;
  } else if (location.place.moving < 0) {
    location.place.moving = integers_.add(view->offset);
    location.place.scale = width;
  } else {
    // A moving view of a moving view: both offsets count elements of one dtype.
    location.place.moving =
        integers_.add(integers_.expression(location.place.moving) + view->offset);
  }
  locations_.set(output, location);
  return true;
}

void Lowerer::number_registers() {
  auto source = [&](int64_t symbol) -> IntegerCompiler::Source {
    const IntSymbol& what = analysis_.symbols()[symbol];
    if (what.kind == IntSymbol::Kind::kValue) {
      const Location location = locations_.locate(what.variable, 0);
      const int64_t stride = location.layout.strides.empty() ? 1 : location.layout.strides[0];
      return {std::nullopt,
              {location.place.region, location.place.index,
               static_cast<int64_t>(what.index) * stride, what.variable.dtype()}};
    }
    if (what.kind == IntSymbol::Kind::kExternal) {
      return {std::nullopt, {Region::kNone, static_cast<uint32_t>(what.index), 0, DType::kInt64}};
    }
    throw CompileError(absl::StrCat(
        "an integer of ", what.variable.str(),
        " is not known before the program runs\n  made at: ", what.variable.site().str()));
  };
  const std::vector<int32_t> registers = integers_.finish(analysis_.ints(), source, program_);
  for (Instruction& instruction : program_.instructions) {
    for (int32_t& handle : instruction.integers) handle = registers[handle];
    for (auto* places : {&instruction.inputs, &instruction.outputs}) {
      for (Place& place : *places) {
        if (place.moving >= 0) place.moving = registers[place.moving];
      }
    }
  }
}

}  // namespace

// Producers first; what makes a shared variable's new value and is not needed for anything else
// comes last, so that it can be written in place after all reads of the old one. It may make an
// output of the function besides, which then comes last too.
std::vector<Apply*> lowering_order(const LowerRequest& request) {
  absl::flat_hash_set<const Apply*> updating;
  Variables operands;
  for (const LoweredUpdate& update : request.updates) {
    const Apply* apply = update.value.owner();
    if (apply == nullptr || !updating.insert(apply).second) continue;
    operands.insert(operands.end(), apply->inputs().begin(), apply->inputs().end());
  }
  Variables roots;
  for (const Variable& output : request.outputs) {
    if (!updating.contains(output.owner())) roots.push_back(output);
  }
  roots.insert(roots.end(), operands.begin(), operands.end());
  for (const LoweredUpdate& update : request.updates) roots.push_back(update.value);
  return topological_order(roots);
}

std::shared_ptr<const Program> lower(const LowerRequest& request) { return Lowerer(request).run(); }

}  // namespace bitale
