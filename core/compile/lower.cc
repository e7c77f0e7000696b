#include "core/compile/lower.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/integer_compiler.h"
#include "core/compile/kernel_registry.h"
#include "core/compile/lower_inner.h"
#include "core/compile/place_updates.h"
#include "core/compile/program_builder.h"
#include "core/compile/take_over_buffers.h"
#include "core/graph/analysis_reader.h"
#include "core/graph/traversal.h"
#include "core/runtime/copy_kernel.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

class Lowerer {
 public:
  explicit Lowerer(const LowerRequest& request)
      : request_(request), analysis_(*request.analysis), program_(builder_.program()) {}

  std::shared_ptr<const Program> run() {
    bind_leaves();
    mark_needed();
    for (Apply* apply : schedule()) emit(*apply);
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
      Location location;
      location.place = {binding.region, binding.index, 0, -1, 0};
      location.layout = {binding.leaf.dtype(), binding.shape, binding.strides};
      locations_[binding.leaf] = location;
      if (binding.region == Region::kInput) {
        program_.input_count = std::max<size_t>(program_.input_count, binding.index + 1);
      } else {
        program_.shared_count = std::max<size_t>(program_.shared_count, binding.index + 1);
      }
    }
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
    while (!pending.empty()) {
      const Variable variable = pending.back();
      pending.pop_back();
      if (!needed_.insert(variable).second) continue;
      const Apply* apply = variable.owner();
      if (apply == nullptr || is_known_integers(variable)) continue;
      const bool view = apply->op().traits().view;
      for (size_t i = 0; i < apply->inputs().size(); ++i) {
        if (view ? i == 0 : apply->op().needs_elements(i)) pending.push_back(apply->input(i));
      }
    }
  }

  // Producers first; what only makes a shared variable's new value comes last, so that it can be
  // written in place after all reads of the old one.
  std::vector<Apply*> schedule() const {
    Variables first = request_.outputs;
    for (const LoweredUpdate& update : request_.updates) {
      const Apply* apply = update.value.owner();
      if (apply == nullptr) continue;
      for (const Variable& input : apply->inputs()) first.push_back(input);
    }
    Variables all = first;
    for (const LoweredUpdate& update : request_.updates) all.push_back(update.value);
    return topological_order(all);
  }

  // --- Instructions ---

  Dims concrete_dims(const Variable& variable) {
    Dims dims;
    for (const IntExpr& dim : analysis_.dims(variable)) {
      if (!dim.is_constant()) {
        throw CompileError(absl::StrCat("a dim of ", variable.str(), " ", variable.type().str(),
                                        " is not known from the shapes of the inputs\n  at: ",
                                        variable.site().str()));
      }
      dims.push_back(dim.constant());
    }
    return dims;
  }

  const Location& locate(const Variable& variable) {
    const auto it = locations_.find(variable);
    if (it != locations_.end()) return it->second;
    if (variable.is_constant()) {
      Location location;
      location.place = {Region::kConstant, static_cast<uint32_t>(program_.constants.size()), 0, -1,
                        0};
      const Tensor value = variable.value().to(kCpu);
      location.layout = {value.dtype(), value.shape(), value.strides()};
      program_.constants.push_back(value);
      return locations_[variable] = location;
    }
    throw CompileError(absl::StrCat("an input of the graph is not bound: ", variable.str(), " ",
                                    variable.type().str(), "\n  made at: ", variable.site().str()));
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
      emit_known_integers(apply);
    } else if (!(apply.op().traits().view && emit_view(apply))) {
      emit_kernel(apply);
    }
  }

  void emit_known_integers(const Apply& apply) {
    for (size_t i = 0; i < apply.output_count(); ++i) {
      const Variable output = apply.output(i);
      if (!needed_.contains(output)) continue;
      const IntExprs& values = *analysis_.find_value(output);
      const Location location = builder_.new_output(output.dtype(), concrete_dims(output));
      Instruction& instruction =
          builder_.push(make_integers_kernel(output.dtype(), static_cast<int64_t>(values.size())),
                        apply.op().str(), "integers", apply.site());
      for (const IntExpr& value : values) instruction.integers.push_back(integers_.add(value));
      add_output(instruction, location);
      locations_[output] = location;
    }
  }

  bool emit_view(const Apply& apply);
  void emit_kernel(const Apply& apply);

  // --- After the last instruction of the graph ---

  void place_outputs() {
    for (const Variable& output : request_.outputs) {
      const auto index = static_cast<uint32_t>(program_.outputs.size());
      program_.outputs.push_back({output.dtype(), locate(output).layout.shape});
      builder_.deliver(locate(output), {Region::kOutput, index, 0, -1, 0}, "output",
                       output.site());
    }
  }

  void place_new_values() {
    std::vector<PlacedUpdate> updates;
    for (const LoweredUpdate& update : request_.updates) {
      updates.push_back(
          {update.shared_index, locate(update.value), update.value.site(), update.reshapes});
    }
    place_updates(builder_, updates, request_.write_updates_in_place);
  }

  void number_registers();

  const LowerRequest& request_;
  ShapeAnalysis& analysis_;
  ProgramBuilder builder_;
  Program& program_;
  absl::flat_hash_set<Variable> needed_;
  absl::flat_hash_map<Variable, Location> locations_;
  IntegerCompiler integers_;
};

bool Lowerer::emit_view(const Apply& apply) {
  const Variable output = apply.output(0);
  const Dims shape = concrete_dims(output);
  Location source = locate(apply.input(0));
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
  locations_[output] = location;
  return true;
}

class Maker final : public KernelMaker {
 public:
  Maker(Lowerer& lowerer, const KernelCall& call) : lowerer_(lowerer), call_(call) {}
  const KernelCall& call() const override { return call_; }
  size_t runtime_integer(size_t input, size_t element) override {
    handles_.push_back(
        lowerer_.integers_.add(lowerer_.analysis_.value(call_.apply.input(input), element)));
    return handles_.size() - 1;
  }
  std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) override {
    return bitale::lower_inner(call_.op, inner_input_dims);
  }
  const std::vector<int32_t>& handles() const { return handles_; }

 private:
  Lowerer& lowerer_;
  const KernelCall& call_;
  std::vector<int32_t> handles_;
};

void Lowerer::emit_kernel(const Apply& apply) {
  const Op& op = apply.op();
  std::vector<Location> inputs(apply.inputs().size());
  std::vector<OperandLayout> input_layouts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (op.needs_elements(i)) {
      inputs[i] = locate(apply.input(i));
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
      choose_kernel({op, apply, input_layouts, output_layouts}, DeviceKind::kCpu, &reasons);
  const bool strided = std::any_of(input_layouts.begin(), input_layouts.end(),
                                   [](const OperandLayout& l) { return !l.contiguous(); });
  if (strided && (chosen == nullptr || !chosen->strided_inputs)) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!op.needs_elements(i)) continue;
      inputs[i] = builder_.contiguous(inputs[i], apply.site());
      input_layouts[i] = inputs[i].layout;
    }
    reasons.clear();
    chosen = choose_kernel({op, apply, input_layouts, output_layouts}, DeviceKind::kCpu, &reasons);
  }
  if (chosen == nullptr) {
    throw CompileError(absl::StrCat(op.str(), ": no kernel for this call on cpu\n",
                                    describe_operands(apply.inputs()), "  at: ", apply.site().str(),
                                    reasons.empty() ? "\n  no kernel is registered for this op"
                                                    : "\n  kernels that refused:\n" + reasons));
  }
  const KernelCall call{op, apply, input_layouts, output_layouts};
  Maker maker(*this, call);
  KernelPtr kernel(chosen->make(maker));
  std::vector<Location> outputs;
  for (const OperandLayout& layout : output_layouts) {
    outputs.push_back(builder_.new_output(layout.dtype, layout.shape));
  }
  builder_.add_workspace(kernel->workspace_bytes());
  std::vector<Place> places;
  for (const Location& input : inputs) places.push_back(builder_.use(input.place));
  Instruction& instruction =
      builder_.push(std::move(kernel), op.str(), chosen->name, apply.site());
  for (size_t i = 0; i < places.size(); ++i) add_input(instruction, places[i], input_layouts[i]);
  instruction.integers = maker.handles();
  for (size_t i = 0; i < outputs.size(); ++i) {
    add_output(instruction, outputs[i]);
    locations_[apply.output(i)] = outputs[i];
  }
}

void Lowerer::number_registers() {
  auto source = [&](int64_t symbol) -> IntegerCompiler::Source {
    const IntSymbol& what = analysis_.symbols()[symbol];
    if (what.kind == IntSymbol::Kind::kValue) {
      const Location& location = locate(what.variable);
      const int64_t stride =
          location.layout.strides.empty() ? 1 : location.layout.strides[0];
      return {std::nullopt,
              {location.place.region, location.place.index,
               static_cast<int64_t>(what.index) * stride, what.variable.dtype()}};
    }
    if (what.kind == IntSymbol::Kind::kExternal) {
      return {std::nullopt, {Region::kNone, static_cast<uint32_t>(what.index), 0, DType::kInt64}};
    }
    throw CompileError(absl::StrCat("an integer of ", what.variable.str(),
                                    " is not known before the program runs\n  made at: ",
                                    what.variable.site().str()));
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

std::shared_ptr<const Program> lower(const LowerRequest& request) { return Lowerer(request).run(); }

}  // namespace bitale
