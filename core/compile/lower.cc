#include "core/compile/lower.h"

#include <algorithm>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/integer_compiler.h"
#include "core/compile/kernel_registry.h"
#include "core/compile/lower_inner.h"
#include "core/compile/oracles.h"
#include "core/compile/place_updates.h"
#include "core/compile/placement.h"
#include "core/compile/program_builder.h"
#include "core/compile/take_over_buffers.h"
#include "core/compile/transfer.h"
#include "core/graph/analysis_reader.h"
#include "core/graph/operand.h"
#include "core/graph/traversal.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

class Lowerer {
 public:
  explicit Lowerer(const LowerRequest& request)
      : request_(request),
        analysis_(*request.analysis),
        program_(builder_.program()),
        placement_(request.home) {}

  std::shared_ptr<const Program> run() {
    bind_leaves();
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
  friend class Maker;

  // --- Before any instruction ---

  void bind_leaves() {
    for (const LeafBinding& binding : request_.bindings) {
      if (binding.region == Region::kShared) {
        shared_[binding.leaf] = &binding;
        continue;
      }
      Location location;
      location.place = {Region::kInput, binding.index, 0, -1, 0};
      location.layout = {binding.leaf.dtype(), binding.shape, binding.strides};
      location.arena = builder_.arena_of(binding.device);
      set_location(binding.leaf, location);
      program_.input_count = std::max<size_t>(program_.input_count, binding.index + 1);
    }
  }

  void set_location(const Variable& variable, const Location& location) {
    if (locations_.size() <= location.arena) locations_.resize(location.arena + 1);
    locations_[location.arena][variable] = location;
  }

  const Location* find_location(const Variable& variable, uint32_t arena) const {
    if (locations_.size() <= arena) return nullptr;
    const auto it = locations_[arena].find(variable);
    return it == locations_[arena].end() ? nullptr : &it->second;
  }

  Variables roots() const {
    Variables roots = request_.outputs;
    for (const LoweredUpdate& update : request_.updates) roots.push_back(update.value);
    return roots;
  }

  bool is_known_integers(const Variable& variable) const {
    return analysis_.find_value(variable) != nullptr && variable.is_output();
  }

  void mark_needed() {
    std::vector<Variable> pending = roots();
    absl::flat_hash_set<const Apply*> visited;
    while (!pending.empty()) {
      const Variable variable = pending.back();
      pending.pop_back();
      if (!needed_.insert(variable).second) continue;
      const Apply* apply = variable.owner();
      if (apply == nullptr || is_known_integers(variable)) continue;
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

  // The arena where an application runs, or where a variable's elements are made.
  uint32_t arena_of(const Apply& apply) { return builder_.arena_of(placement_.of(apply)); }
  uint32_t arena_of(const Variable& variable) {
    if (variable.is_input()) {
      for (uint32_t arena = 0; arena < locations_.size(); ++arena) {
        if (find_location(variable, arena) != nullptr) return arena;
      }
    }
    return variable.is_output() ? arena_of(*variable.owner()) : builder_.arena_of(request_.home);
  }

  Dims concrete_dims(const Variable& variable) {
    Dims dims;
    for (const IntExpr& dim : analysis_.dims(variable)) {
      if (!dim.is_constant()) {
        throw CompileError(absl::StrCat(
            "a dim of ", variable.str(), " ", variable.type().str(),
            " is not known from the shapes of the inputs\n  at: ", variable.site().str()));
      }
      dims.push_back(dim.constant());
    }
    return dims;
  }

  Location add_constant(const Tensor& constant, uint32_t arena) {
    const Tensor value = constant.to(kCpu).to(builder_.device_of(arena));
    Location location;
    location.place = {Region::kConstant, static_cast<uint32_t>(program_.constants.size()), 0, -1,
                      0};
    location.layout = {value.dtype(), value.shape(), value.strides()};
    location.arena = arena;
    program_.constants.push_back(value);
    return location;
  }

  // Where a device needs integers that dims alone decide, it keeps them.
  Location locate_integers(const Variable& variable, const IntExprs& values, uint32_t arena) {
    const bool fixed = std::all_of(values.begin(), values.end(),
                                   [](const IntExpr& value) { return value.is_constant(); });
    if (fixed && arena != 0) {
      std::vector<int64_t> integers;
      for (const IntExpr& value : values) integers.push_back(value.constant());
      return add_constant(Tensor::from(integers, concrete_dims(variable)).cast(variable.dtype()),
                          arena);
    }
    std::vector<int32_t> handles;
    for (const IntExpr& value : values) handles.push_back(integers_.add(value));
    return builder_.emit_integers(
        variable.dtype(), concrete_dims(variable), std::move(handles),
        variable.is_output() ? variable.owner()->op().str() : variable.str(), variable.site(),
        arena);
  }

  Location locate(const Variable& variable, uint32_t arena) {
    if (const Location* known = find_location(variable, arena)) return *known;
    Location location;
    location.arena = arena;
    if (variable.is_constant()) {
      location = add_constant(variable.value(), arena);
    } else if (const auto binding = shared_.find(variable); binding != shared_.end()) {
      location.place = {Region::kShared, static_cast<uint32_t>(program_.shared.size()), 0, -1, 0};
      location.layout = {variable.dtype(), binding->second->shape, binding->second->strides};
      program_.shared.push_back({binding->second->index, builder_.device_of(arena)});
    } else if (const IntExprs* values = analysis_.find_value(variable)) {
      location = locate_integers(variable, *values, arena);
    } else if (variable.is_input() && find_location(variable, arena_of(variable)) == nullptr) {
      throw CompileError(absl::StrCat("an input of the graph is not bound: ", variable.str(), " ",
                                      variable.type().str(),
                                      "\n  made at: ", variable.site().str()));
    } else {
      throw CompileError(absl::StrCat(variable.str(), " ", variable.type().str(), " lies on ",
                                      builder_.device_of(arena_of(variable)).str(),
                                      " and is read on ", builder_.device_of(arena).str(),
                                      " without a transfer\n  made at: ", variable.site().str()));
    }
    set_location(variable, location);
    return location;
  }

  void emit(const Apply& apply) {
    bool wanted = false;
    bool all_known = true;
    for (size_t i = 0; i < apply.output_count(); ++i) {
      const Variable output = apply.output(i);
      if (!needed_.contains(output)) continue;
      wanted = true;
      all_known = all_known && is_known_integers(output);
    }
    if (!wanted) return;
    if (all_known) {
      // A device makes them where they are read.
      if (request_.home.is_cpu()) locate_outputs(apply);
    } else if (made_by_transfer(apply.output(0)) != nullptr) {
      emit_transfer(apply);
    } else if (!(apply.op().traits().view && emit_view(apply))) {
      emit_kernel(apply);
    }
  }

  void locate_outputs(const Apply& apply) {
    for (size_t i = 0; i < apply.output_count(); ++i) {
      const Variable output = apply.output(i);
      if (needed_.contains(output)) locate(output, arena_of(apply));
    }
  }

  void emit_transfer(const Apply& apply) {
    const Variable& source = apply.input(0);
    const uint32_t target = arena_of(apply);
    if (find_location(apply.output(0), target) != nullptr) return;
    // What can be had there at once needs no copy; a shared variable's device keeps one.
    const bool there = source.is_constant() || (source.is_shared() && target != 0);
    Location location = locate(source, there ? target : arena_of(source));
    location = builder_.emit_transfer(location, target, apply.site());
    set_location(apply.output(0), location);
  }

  bool emit_view(const Apply& apply);
  void emit_kernel(const Apply& apply);
  bool is_updated(const LeafBinding& shared) const {
    return std::ranges::any_of(request_.updates, [&](const LoweredUpdate& update) {
      return update.variable == shared.leaf;
    });
  }
  absl::InlinedVector<bool, 4> take_packed(const KernelRegistration& registration,
                                           const KernelCall& call, std::vector<Location>& inputs);

  // --- After the last instruction of the graph ---

  // Host integers go to the host; the rest is where it was made.
  uint32_t final_arena(const Variable& variable) {
    if (variable.is_constant() || is_known_integers(variable)) {
      return request_.inner ? builder_.arena_of(request_.home) : 0;
    }
    return arena_of(variable);
  }

  void place_outputs() {
    for (const Variable& output : request_.outputs) {
      if (output.is_output() && waits_for_the_end(*output.owner())) emit(*output.owner());
      const Location location = locate(output, final_arena(output));
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
      const Location value = locate(update.value, arena);
      const uint32_t slot = locate(update.variable, arena).place.index;
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
  std::vector<absl::flat_hash_map<Variable, Location>> locations_;  // by arena
  absl::flat_hash_map<Variable, const LeafBinding*> shared_;
  IntegerCompiler integers_;
};

bool Lowerer::emit_view(const Apply& apply) {
  const Variable output = apply.output(0);
  const Dims shape = concrete_dims(output);
  Location source = locate(apply.input(0), arena_of(apply));
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
  set_location(output, location);
  return true;
}

// Replaces the places of inputs that the kernel would rather have packed, and can; says which.
absl::InlinedVector<bool, 4> Lowerer::take_packed(const KernelRegistration& registration,
                                                  const KernelCall& call,
                                                  std::vector<Location>& inputs) {
  absl::InlinedVector<bool, 4> packed(inputs.size(), false);
  if (registration.packed_input == nullptr || !request_.pack_shared) return packed;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto binding = shared_.find(call.apply.input(i));
    if (binding == shared_.end() || inputs[i].arena != 0 || is_updated(*binding->second)) continue;
    const Layout layout = registration.packed_input(call, i);
    if (layout.is_strided()) continue;
    const SharedSlot slot{binding->second->index, kCpu, false, layout};
    const auto known = std::ranges::find_if(program_.shared, [&](const SharedSlot& other) {
      return other.variable == slot.variable && other.layout == slot.layout &&
             other.device == slot.device;
    });
    inputs[i].place.index = static_cast<uint32_t>(known - program_.shared.begin());
    if (known == program_.shared.end()) program_.shared.push_back(slot);
    packed[i] = true;
  }
  return packed;
}

class Maker final : public KernelMaker {
 public:
  // Appends the handles of the kernel's integers to `handles`.
  Maker(Lowerer& lowerer, const KernelCall& call, Device device,
        const absl::InlinedVector<bool, 4>& packed, std::vector<int32_t>& handles)
      : lowerer_(lowerer),
        call_(call),
        device_(device),
        packed_(packed),
        handles_(handles),
        first_(handles.size()) {}
  const KernelCall& call() const override { return call_; }
  size_t runtime_integer(size_t input, size_t element) override {
    handles_.push_back(
        lowerer_.integers_.add(lowerer_.analysis_.value(call_.apply.input(input), element)));
    return handles_.size() - 1 - first_;
  }
  bool is_packed(size_t input) const override { return packed_[input]; }
  std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) override {
    return bitale::lower_inner(call_.op, inner_input_dims, device_, lowerer_.request_);
  }

 private:
  Lowerer& lowerer_;
  const KernelCall& call_;
  Device device_;
  const absl::InlinedVector<bool, 4>& packed_;
  std::vector<int32_t>& handles_;
  size_t first_;
};

// Which kernels there are instead, as a line of an error.
std::string nothing_registered(const Op& op, Device device) {
  if (device.is_cpu() || kernels_of(op.name(), DeviceKind::kCpu).empty()) {
    return "\n  no kernel is registered for this op";
  }
  return "\n  kernels exist on cpu only\n  hint: transfer(x, kCpu) of its operands runs it there";
}

void Lowerer::emit_kernel(const Apply& apply) {
  const Op& op = apply.op();
  const uint32_t arena = arena_of(apply);
  const Device device = builder_.device_of(arena);
  std::vector<Location> inputs(apply.inputs().size());
  std::vector<OperandLayout> input_layouts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (op.needs_elements(i)) {
      inputs[i] = locate(apply.input(i), arena);
      if (inputs[i].arena != 0 && inputs[i].place.moving >= 0) {
        inputs[i] = builder_.contiguous(inputs[i], apply.site());
        set_location(apply.input(i), inputs[i]);  // one copy for all who read it
      }
    } else {
      const Dims shape = concrete_dims(apply.input(i));
      inputs[i].layout = {apply.input(i).dtype(), shape, contiguous_strides(shape)};
    }
    input_layouts.push_back(inputs[i].layout);
  }
  std::vector<OperandLayout> output_layouts;
  for (size_t i = 0; i < apply.output_count(); ++i) {
    const Dims shape = concrete_dims(apply.output(i));
    output_layouts.push_back({apply.output(i).dtype(), shape, contiguous_strides(shape)});
  }
  std::string reasons;
  const KernelRegistration* chosen =
      choose_kernel({op, apply, input_layouts, output_layouts}, device.kind, &reasons);
  const bool strided = std::any_of(input_layouts.begin(), input_layouts.end(),
                                   [](const OperandLayout& l) { return !l.contiguous(); });
  if (strided && (chosen == nullptr || !chosen->strided_inputs)) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!op.needs_elements(i)) continue;
      inputs[i] = builder_.contiguous(inputs[i], apply.site());
      input_layouts[i] = inputs[i].layout;
    }
    reasons.clear();
    chosen = choose_kernel({op, apply, input_layouts, output_layouts}, device.kind, &reasons);
  }
  if (chosen == nullptr) {
    throw CompileError(absl::StrCat(op.str(), ": no kernel for this call on ", device.str(), "\n",
                                    describe_operands(apply.inputs()), "  at: ", apply.site().str(),
                                    reasons.empty() ? nothing_registered(op, device)
                                                    : "\n  kernels that refused:\n" + reasons));
  }
  const KernelCall call{op, apply, input_layouts, output_layouts};
  const absl::InlinedVector<bool, 4> packed = take_packed(*chosen, call, inputs);
  std::vector<int32_t> integers;
  const auto make = [&](const KernelRegistration& registration, const KernelCall& made_for) {
    const size_t first_integer = integers.size();
    Maker maker(*this, made_for, device, packed, integers);
    return MadeKernel{KernelPtr(registration.make(maker)), first_integer};
  };
  KernelPtr kernel = make(*chosen, call).kernel;
  std::vector<Oracle> oracles;
  if (request_.find_oracles && device.is_cpu()) {
    oracles = find_oracles(call, *chosen, analysis_, make);
  }
  std::vector<Location> outputs;
  for (const OperandLayout& layout : output_layouts) {
    outputs.push_back(builder_.new_output(layout.dtype, layout.shape, arena));
  }
  builder_.add_workspace(kernel->workspace_bytes());
  std::vector<Place> places;
  for (const Location& input : inputs) places.push_back(builder_.use(input.place));
  Instruction& instruction =
      builder_.push(std::move(kernel), op.str(), chosen->name, apply.site(), arena);
  for (const Site& site : apply.merged_sites()) {
    absl::StrAppend(&instruction.site, ", ", site.str());
  }
  for (size_t i = 0; i < places.size(); ++i) {
    add_input(instruction, places[i], input_layouts[i]);
    const Variable& input = apply.input(i);
    const std::optional<double> number = constant_scalar(input);
    instruction.input_names.push_back(
        {number ? absl::StrCat(input.str(), " ", *number) : input.str(), input.site().str()});
  }
  instruction.integers = std::move(integers);
  instruction.oracles = std::move(oracles);
  for (size_t i = 0; i < outputs.size(); ++i) {
    add_output(instruction, outputs[i]);
    set_location(apply.output(i), outputs[i]);
  }
}

void Lowerer::number_registers() {
  auto source = [&](int64_t symbol) -> IntegerCompiler::Source {
    const IntSymbol& what = analysis_.symbols()[symbol];
    if (what.kind == IntSymbol::Kind::kValue) {
      const Location location = locate(what.variable, 0);
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
