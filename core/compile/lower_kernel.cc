#include "core/compile/lower_kernel.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/lower_inner.h"
#include "core/compile/oracles.h"
#include "core/graph/operand.h"

namespace bitale {
namespace {

class Maker final : public KernelMaker {
 public:
  // Appends the handles of the kernel's integers to `handles`.
  Maker(const LowerRequest& request, const KernelCall& call, Device device,
        const absl::InlinedVector<bool, 4>& packed, IntegerCompiler& integers,
        std::vector<int32_t>& handles)
      : request_(request),
        call_(call),
        device_(device),
        packed_(packed),
        integers_(integers),
        handles_(handles),
        first_(handles.size()) {}
  const KernelCall& call() const override { return call_; }
  size_t runtime_integer(size_t input, size_t element) override {
    handles_.push_back(integers_.add(request_.analysis->value(call_.apply.input(input), element)));
    return handles_.size() - 1 - first_;
  }
  bool is_packed(size_t input) const override { return packed_[input]; }
  std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) override {
    return bitale::lower_inner(call_.op, inner_input_dims, device_, request_);
  }

 private:
  const LowerRequest& request_;
  const KernelCall& call_;
  Device device_;
  const absl::InlinedVector<bool, 4>& packed_;
  IntegerCompiler& integers_;
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

}  // namespace

KernelLowering::KernelLowering(const LowerRequest& request, Locations& locations,
                               ProgramBuilder& builder, IntegerCompiler& integers)
    : request_(request), locations_(locations), builder_(builder), integers_(integers) {
  for (const LoweredUpdate& update : request.updates) updated_.insert(update.variable);
}

KernelLowering::Operands KernelLowering::operands_of(const Apply& apply, uint32_t arena) {
  Operands operands;
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    const Variable& variable = apply.input(i);
    Location input;
    if (apply.op().needs_elements(i)) {
      input = locations_.locate_but_shared(variable, arena);
      if (arena != 0 && input.place.moving >= 0) {
        input = builder_.contiguous(input, apply.site());
        locations_.set(variable, input);  // one copy for all who read it
      }
    } else {
      const Dims shape = locations_.concrete_dims(variable);
      input.layout = {variable.dtype(), shape, contiguous_strides(shape)};
    }
    operands.input_layouts.push_back(input.layout);
    operands.inputs.push_back(std::move(input));
  }
  for (size_t i = 0; i < apply.output_count(); ++i) {
    const Dims shape = locations_.concrete_dims(apply.output(i));
    operands.output_layouts.push_back({apply.output(i).dtype(), shape, contiguous_strides(shape)});
  }
  return operands;
}

// Copies inputs that have gaps where no kernel takes them so.
const KernelRegistration& KernelLowering::choose(const Apply& apply, Device device,
                                                 Operands& operands) {
  const Op& op = apply.op();
  const KernelCall call{op, apply, operands.input_layouts, operands.output_layouts};
  std::string reasons;
  const KernelRegistration* chosen = choose_kernel(call, device.kind, &reasons);
  const bool strided = !std::ranges::all_of(operands.input_layouts, &OperandLayout::contiguous);
  if (strided && (chosen == nullptr || !chosen->strided_inputs)) {
    for (size_t i = 0; i < operands.inputs.size(); ++i) {
      if (!op.needs_elements(i)) continue;
      operands.inputs[i] = builder_.contiguous(operands.inputs[i], apply.site());
      operands.input_layouts[i] = operands.inputs[i].layout;
    }
    reasons.clear();
    chosen = choose_kernel(call, device.kind, &reasons);
  }
  if (chosen == nullptr) {
    throw CompileError(absl::StrCat(op.str(), ": no kernel for this call on ", device.str(), "\n",
                                    describe_operands(apply.inputs()), "  at: ", apply.site().str(),
                                    reasons.empty() ? nothing_registered(op, device)
                                                    : "\n  kernels that refused:\n" + reasons));
  }
  return *chosen;
}

// Gives shared variables among the inputs their place: the packed one that the kernel would rather
// have, where it can, and says where.
absl::InlinedVector<bool, 4> KernelLowering::place_inputs(const KernelRegistration& registration,
                                                          const KernelCall& call, uint32_t arena,
                                                          std::vector<Location>& inputs) {
  const bool may_pack = registration.packed_input != nullptr && request_.pack_shared && arena == 0;
  absl::InlinedVector<bool, 4> packed(inputs.size(), false);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Variable& variable = call.apply.input(i);
    if (!call.op.needs_elements(i) || !locations_.is_bound_shared(variable)) continue;
    const Layout layout =
        may_pack && !updated_.contains(variable) ? registration.packed_input(call, i) : Layout{};
    packed[i] = !layout.is_strided();
    if (packed[i]) {
      inputs[i].place = locations_.packed(variable, layout);
    } else {
      inputs[i] = locations_.locate(variable, arena);
    }
  }
  return packed;
}

void KernelLowering::emit(const Apply& apply) {
  const uint32_t arena = locations_.arena_of(apply);
  const Device device = builder_.device_of(arena);
  Operands operands = operands_of(apply, arena);
  const KernelRegistration& chosen = choose(apply, device, operands);
  const KernelCall call{apply.op(), apply, operands.input_layouts, operands.output_layouts};
  const absl::InlinedVector<bool, 4> packed = place_inputs(chosen, call, arena, operands.inputs);
  std::vector<int32_t> integers;
  const auto make = [&](const KernelRegistration& registration, const KernelCall& made_for) {
    const size_t first_integer = integers.size();
    Maker maker(request_, made_for, device, packed, integers_, integers);
    return MadeKernel{KernelPtr(registration.make(maker)), first_integer};
  };
  KernelPtr kernel = make(chosen, call).kernel;
  std::vector<Oracle> oracles;
  if (request_.find_oracles && device.is_cpu()) {
    oracles = find_oracles(call, chosen, *request_.analysis, make);
  }
  std::vector<Location> outputs;
  for (const OperandLayout& layout : operands.output_layouts) {
    outputs.push_back(builder_.new_output(layout.dtype, layout.shape, arena));
  }
  builder_.add_workspace(kernel->workspace_bytes());
  std::vector<Place> places;
  for (const Location& input : operands.inputs) places.push_back(builder_.use(input.place));
  Instruction& instruction =
      builder_.push(std::move(kernel), apply.op().str(), chosen.name, apply.site(), arena);
  for (const Site& site : apply.merged_sites()) {
    absl::StrAppend(&instruction.site, ", ", site.str());
  }
  for (size_t i = 0; i < places.size(); ++i) {
    add_input(instruction, places[i], operands.input_layouts[i]);
    const Variable& input = apply.input(i);
    const std::optional<double> number = constant_scalar(input);
    instruction.input_names.push_back(
        {number ? absl::StrCat(input.str(), " ", *number) : input.str(), input.site().str()});
  }
  instruction.integers = std::move(integers);
  instruction.oracles = std::move(oracles);
  for (size_t i = 0; i < outputs.size(); ++i) {
    add_output(instruction, outputs[i]);
    locations_.set(apply.output(i), outputs[i]);
  }
}

}  // namespace bitale
