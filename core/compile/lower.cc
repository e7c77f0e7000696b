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
#include "core/compile/memory_plan.h"
#include "core/graph/operand.h"
#include "core/graph/traversal.h"
#include "core/runtime/copy_kernel.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

// Where a variable's elements are once its producer has run. For the arena, `place.index` is a buffer
// until the plan is made; `place.moving` is a handle of the IntegerCompiler.
struct Location {
  Place place;
  OperandLayout layout;
};

struct Buffer {
  int64_t bytes = 0;
  int32_t begin = 0;
  int32_t end = 0;
  // Not in the arena, but an output's or a shared variable's own memory.
  std::optional<Place> claimed;
  // Lies in the memory of this buffer.
  int32_t host = -1;
};

class Lowerer {
 public:
  explicit Lowerer(const LowerRequest& request)
      : request_(request), analysis_(*request.analysis), program_(std::make_shared<Program>()) {}

  std::shared_ptr<const Program> run() {
    bind_leaves();
    mark_needed();
    for (Apply* apply : schedule()) emit(*apply);
    place_outputs();
    place_updates();
    take_over_buffers();
    plan();
    number_registers();
    return program_;
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
        program_->input_count = std::max<size_t>(program_->input_count, binding.index + 1);
      } else {
        program_->shared_count = std::max<size_t>(program_->shared_count, binding.index + 1);
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

  int32_t now() const { return static_cast<int32_t>(program_->instructions.size()); }

  int32_t new_buffer(int64_t bytes) {
    buffers_.push_back({bytes, now(), now(), {}, -1});
    return static_cast<int32_t>(buffers_.size()) - 1;
  }

  Place use(const Place& place) {
    if (place.region == Region::kArena) {
      Buffer& buffer = buffers_[place.index];
      buffer.end = std::max(buffer.end, now());
    }
    return place;
  }

  Location new_output(DType dtype, const Dims& shape) {
    const int64_t bytes = element_count(shape) * static_cast<int64_t>(size_of(dtype));
    Location location;
    location.place = {Region::kArena, static_cast<uint32_t>(new_buffer(bytes)), 0, -1, 0};
    location.layout = {dtype, shape, contiguous_strides(shape)};
    return location;
  }

  Instruction& push(KernelPtr kernel, std::string label, std::string kernel_name,
                    const Site& site) {
    Instruction instruction;
    instruction.kernel = std::move(kernel);
    instruction.label = std::move(label);
    instruction.kernel_name = std::move(kernel_name);
    instruction.site = site.str();
    program_->instructions.push_back(std::move(instruction));
    return program_->instructions.back();
  }

  void add_input(Instruction& instruction, const Place& place, const OperandLayout& layout) {
    instruction.inputs.push_back(place);
    instruction.input_dtypes.push_back(layout.dtype);
    instruction.input_shapes.push_back(layout.shape);
    instruction.input_strides.push_back(layout.strides);
  }

  void add_output(Instruction& instruction, const Location& location) {
    instruction.outputs.push_back(location.place);
    instruction.output_dtypes.push_back(location.layout.dtype);
    instruction.output_shapes.push_back(location.layout.shape);
  }

  void emit_copy(const Location& from, const Location& to, const char* label, const Site& site) {
    const Place source = use(from.place);
    const Place target = use(to.place);
    Instruction& copy = push(
        make_copy_kernel(from.layout.dtype, from.layout.shape, from.layout.strides), label, "copy",
        site);
    add_input(copy, source, from.layout);
    add_output(copy, to);
    copy.outputs[0] = target;
  }

  Location contiguous(const Location& from, const Site& site) {
    if (from.layout.contiguous()) return from;
    const Location to = new_output(from.layout.dtype, from.layout.shape);
    emit_copy(from, to, "contiguous", site);
    return to;
  }

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
      location.place = {Region::kConstant, static_cast<uint32_t>(program_->constants.size()), 0, -1,
                        0};
      const Tensor value = variable.value().to(kCpu);
      location.layout = {value.dtype(), value.shape(), value.strides()};
      program_->constants.push_back(value);
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
      const Location location = new_output(output.dtype(), concrete_dims(output));
      Instruction& instruction =
          push(make_integers_kernel(output.dtype(), static_cast<int64_t>(values.size())),
               apply.op().str(), "integers", apply.site());
      for (const IntExpr& value : values) instruction.integers.push_back(integers_.add(value));
      add_output(instruction, location);
      locations_[output] = location;
    }
  }

  bool emit_view(const Apply& apply);
  void emit_kernel(const Apply& apply);

  // --- After the last instruction of the graph ---

  bool owns_whole_buffer(const Location& location) const {
    if (location.place.region != Region::kArena || location.place.offset != 0 ||
        location.place.moving >= 0 || !location.layout.contiguous()) {
      return false;
    }
    const Buffer& buffer = buffers_[location.place.index];
    return !buffer.claimed && buffer.bytes == location.layout.size() *
                                                  static_cast<int64_t>(size_of(location.layout.dtype));
  }

  // Gives `variable`'s value memory of its own at `target`: its buffer becomes the target if it can.
  void deliver(const Variable& variable, const Place& target, const char* label) {
    const Location from = locate(variable);
    if (owns_whole_buffer(from)) {
      buffers_[from.place.index].claimed = target;
      return;
    }
    const Location to = new_output(from.layout.dtype, from.layout.shape);
    buffers_[to.place.index].claimed = target;
    emit_copy(from, to, label, variable.site());
  }

  void place_outputs() {
    for (const Variable& output : request_.outputs) {
      const auto index = static_cast<uint32_t>(program_->outputs.size());
      program_->outputs.push_back({output.dtype(), locate(output).layout.shape});
      deliver(output, {Region::kOutput, index, 0, -1, 0}, "output");
    }
  }

  void place_updates();
  bool can_write_in_place(const LoweredUpdate& update, const Location& value) const;

  void take_over_buffers();
  void plan();
  void number_registers();

  const LowerRequest& request_;
  ShapeAnalysis& analysis_;
  std::shared_ptr<Program> program_;
  absl::flat_hash_set<Variable> needed_;
  absl::flat_hash_map<Variable, Location> locations_;
  std::vector<Buffer> buffers_;
  std::vector<std::pair<int32_t, int64_t>> workspaces_;  // instruction, bytes
  IntegerCompiler integers_;
};

// The ShapeContext that a view op's view() sees: dims and values of the program being lowered.
class ViewContext final : public ShapeContext {
 public:
  ViewContext(ShapeAnalysis& analysis, const Apply& apply) : analysis_(analysis), apply_(apply) {}
  const Apply& apply() const override { return apply_; }
  IntExpr dim(size_t input, size_t axis) override {
    return analysis_.dims(apply_.input(input))[axis];
  }
  IntExpr value(size_t input, size_t element) override {
    return analysis_.value(apply_.input(input), element);
  }
  bool has_value(size_t input) override { return analysis_.has_value(apply_.input(input)); }
  void set_dims(size_t, IntExprs) override {}
  void set_value(size_t, IntExprs) override {}
  void require_equal(IntExpr, IntExpr, const char*, const char*) override {}

 private:
  ShapeAnalysis& analysis_;
  const Apply& apply_;
};

bool Lowerer::emit_view(const Apply& apply) {
  const Variable output = apply.output(0);
  const Dims shape = concrete_dims(output);
  Location source = locate(apply.input(0));
  ViewContext context(analysis_, apply);
  std::optional<ViewOutput> view =
      apply.op().view({source.layout.shape, source.layout.strides}, shape, context);
  if (!view && !source.layout.contiguous()) {
    source = contiguous(source, apply.site());
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
      inputs[i] = contiguous(inputs[i], apply.site());
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
    outputs.push_back(new_output(layout.dtype, layout.shape));
  }
  if (kernel->workspace_bytes() > 0) {
    workspaces_.emplace_back(now(), static_cast<int64_t>(kernel->workspace_bytes()));
  }
  std::vector<Place> places;
  for (const Location& input : inputs) places.push_back(use(input.place));
  Instruction& instruction = push(std::move(kernel), op.str(), chosen->name, apply.site());
  for (size_t i = 0; i < places.size(); ++i) {
    add_input(instruction, places[i], input_layouts[i]);
    const Variable& input = apply.input(i);
    const std::optional<double> number = constant_scalar(input);
    instruction.input_names.push_back(
        {number ? absl::StrCat(input.str(), " ", *number) : input.str(), input.site().str()});
  }
  instruction.integers = maker.handles();
  for (size_t i = 0; i < outputs.size(); ++i) {
    add_output(instruction, outputs[i]);
    locations_[apply.output(i)] = outputs[i];
  }
}

// Whether the instruction that makes `value` may write straight into the shared variable: it comes
// after every other read of the old value, and nothing that can raise comes later.
bool Lowerer::can_write_in_place(const LoweredUpdate& update, const Location& value) const {
  if (!request_.write_updates_in_place || !owns_whole_buffer(value)) return false;
  const int32_t writer = buffers_[value.place.index].begin;
  const Instruction& writing = program_->instructions[writer];
  size_t output = 0;
  while (!(writing.outputs[output].region == Region::kArena &&
           writing.outputs[output].index == value.place.index)) {
    ++output;
  }
  for (int32_t i = 0; i < now(); ++i) {
    const Instruction& instruction = program_->instructions[i];
    if (i >= writer && instruction.kernel->can_raise()) return false;
    for (size_t k = 0; k < instruction.inputs.size(); ++k) {
      const Place& place = instruction.inputs[k];
      if (place.region != Region::kShared || place.index != update.shared_index) continue;
      if (i > writer) return false;
      if (i == writer && !(instruction.kernel->may_overwrite(output, k) && place.offset == 0 &&
                           place.moving < 0)) {
        return false;
      }
    }
  }
  return true;
}

void Lowerer::place_updates() {
  struct Commit {
    Location from;
    Place target;
    Site site;
  };
  std::vector<Commit> commits;
  for (const LoweredUpdate& update : request_.updates) {
    if (update.reshapes) {
      const auto index = static_cast<uint32_t>(program_->outputs.size());
      program_->outputs.push_back({update.value.dtype(), locate(update.value).layout.shape});
      deliver(update.value, {Region::kOutput, index, 0, -1, 0}, "update");
    }
  }
  // First save new values that are views of shared variables: another update may overwrite those.
  std::vector<Location> values;
  for (const LoweredUpdate& update : request_.updates) {
    Location value = locate(update.value);
    const bool identity = value.place.region == Region::kShared &&
                          value.place.index == update.shared_index && value.place.offset == 0 &&
                          value.place.moving < 0 && value.layout.contiguous();
    if (value.place.region == Region::kShared && !identity && !update.reshapes) {
      const Location saved = new_output(value.layout.dtype, value.layout.shape);
      emit_copy(value, saved, "save", update.value.site());
      value = saved;
    }
    values.push_back(value);
  }
  for (size_t i = 0; i < request_.updates.size(); ++i) {
    const LoweredUpdate& update = request_.updates[i];
    if (update.reshapes || values[i].place.region == Region::kShared) continue;
    const Place target{Region::kShared, update.shared_index, 0, -1, 0};
    if (can_write_in_place(update, values[i])) {
      buffers_[values[i].place.index].claimed = target;
    } else {
      commits.push_back({values[i], target, update.value.site()});
    }
  }
  for (const Commit& commit : commits) {
    Location to = new_output(commit.from.layout.dtype, commit.from.layout.shape);
    buffers_[to.place.index].claimed = commit.target;
    emit_copy(commit.from, to, "update", commit.site);
  }
}

// Lets an output lie in the memory of an input that dies with the same instruction.
void Lowerer::take_over_buffers() {
  if (!request_.reuse_buffers) return;
  for (int32_t i = 0; i < now(); ++i) {
    Instruction& instruction = program_->instructions[i];
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      if (instruction.outputs[o].region != Region::kArena) continue;
      Buffer& out = buffers_[instruction.outputs[o].index];
      if (out.claimed || out.begin != i || out.bytes == 0 || out.host >= 0) continue;
      for (size_t k = 0; k < instruction.inputs.size(); ++k) {
        const Place& place = instruction.inputs[k];
        if (place.region != Region::kArena || place.offset != 0 || place.moving >= 0) continue;
        int32_t host = static_cast<int32_t>(place.index);
        while (buffers_[host].host >= 0) host = buffers_[host].host;
        Buffer& in = buffers_[host];
        if (in.claimed || in.bytes != out.bytes || in.end != i ||
            !instruction.kernel->may_overwrite(o, k)) {
          continue;
        }
        // Every other operand in that memory must allow it too.
        bool alone = true;
        for (size_t other = 0; other < instruction.inputs.size() && alone; ++other) {
          const Place& p = instruction.inputs[other];
          if (other == k || p.region != Region::kArena) continue;
          int32_t root = static_cast<int32_t>(p.index);
          while (buffers_[root].host >= 0) root = buffers_[root].host;
          if (root == host) {
            alone = p.offset == 0 && p.moving < 0 && instruction.kernel->may_overwrite(o, other);
          }
        }
        for (size_t other = 0; other < instruction.outputs.size() && alone; ++other) {
          const Place& p = instruction.outputs[other];
          if (other != o && p.region == Region::kArena) {
            alone = buffers_[p.index].host != host;
          }
        }
        if (!alone) continue;
        out.host = host;
        in.end = std::max(in.end, out.end);
        break;
      }
    }
  }
}

void Lowerer::plan() {
  std::vector<BufferLifetime> lifetimes;
  std::vector<int32_t> slot(buffers_.size(), -1);
  for (size_t b = 0; b < buffers_.size(); ++b) {
    const Buffer& buffer = buffers_[b];
    program_->buffer_bytes_without_reuse += static_cast<size_t>(buffer.bytes);
    if (buffer.claimed || buffer.host >= 0) continue;
    slot[b] = static_cast<int32_t>(lifetimes.size());
    lifetimes.push_back({buffer.bytes, buffer.begin, buffer.end});
  }
  const size_t first_workspace = lifetimes.size();
  for (const auto& [instruction, bytes] : workspaces_) {
    lifetimes.push_back({bytes, instruction, instruction});
  }
  const MemoryPlan memory = plan_memory(lifetimes, request_.reuse_buffers);
  program_->arena_bytes = static_cast<size_t>(memory.total_bytes);
  for (size_t w = 0; w < workspaces_.size(); ++w) {
    program_->instructions[workspaces_[w].first].workspace_offset =
        memory.offsets[first_workspace + w];
  }
  auto settle = [&](Place& place) {
    if (place.region != Region::kArena) return;
    int32_t root = static_cast<int32_t>(place.index);
    while (buffers_[root].host >= 0) root = buffers_[root].host;
    const Buffer& buffer = buffers_[root];
    if (buffer.claimed) {
      place.region = buffer.claimed->region;
      place.index = buffer.claimed->index;
    } else {
      place.index = 0;
      place.offset += memory.offsets[slot[root]];
    }
  };
  for (Instruction& instruction : program_->instructions) {
    for (Place& place : instruction.inputs) settle(place);
    for (Place& place : instruction.outputs) settle(place);
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
  const std::vector<int32_t> registers = integers_.finish(analysis_.ints(), source, *program_);
  for (Instruction& instruction : program_->instructions) {
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
