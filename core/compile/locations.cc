#include "core/compile/locations.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/tensor/tensor.h"

namespace bitale {

Locations::Locations(const LowerRequest& request, const Placement& placement,
                     ProgramBuilder& builder, IntegerCompiler& integers)
    : analysis_(*request.analysis),
      home_(request.home),
      placement_(placement),
      builder_(builder),
      integers_(integers) {
  Program& program = builder_.program();
  for (const LeafBinding& binding : request.bindings) {
    if (binding.region == Region::kShared) {
      shared_[binding.leaf] = &binding;
      continue;
    }
    Location location;
    location.place = {Region::kInput, binding.index, 0, -1, 0};
    location.layout = {binding.leaf.dtype(), binding.shape, binding.strides};
    location.arena = builder_.arena_of(binding.device);
    set(binding.leaf, location);
    program.input_count = std::max<size_t>(program.input_count, binding.index + 1);
  }
}

uint32_t Locations::arena_of(const Apply& apply) { return builder_.arena_of(placement_.of(apply)); }

uint32_t Locations::arena_of(const Variable& variable) {
  if (variable.is_input()) {
    for (uint32_t arena = 0; arena < locations_.size(); ++arena) {
      if (find(variable, arena) != nullptr) return arena;
    }
  }
  return variable.is_output() ? arena_of(*variable.owner()) : builder_.arena_of(home_);
}

Dims Locations::concrete_dims(const Variable& variable) const {
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

bool Locations::is_known_integers(const Variable& variable) const {
  return analysis_.find_value(variable) != nullptr && variable.is_output();
}

void Locations::set(const Variable& variable, const Location& location) {
  if (locations_.size() <= location.arena) locations_.resize(location.arena + 1);
  locations_[location.arena][variable] = location;
}

const Location* Locations::find(const Variable& variable, uint32_t arena) const {
  if (locations_.size() <= arena) return nullptr;
  const auto it = locations_[arena].find(variable);
  return it == locations_[arena].end() ? nullptr : &it->second;
}

Location Locations::add_constant(const Tensor& constant, uint32_t arena) {
  Program& program = builder_.program();
  const Tensor value = constant.to(kCpu).to(builder_.device_of(arena));
  Location location;
  location.place = {Region::kConstant, static_cast<uint32_t>(program.constants.size()), 0, -1, 0};
  location.layout = {value.dtype(), value.shape(), value.strides()};
  location.arena = arena;
  program.constants.push_back(value);
  return location;
}

// Where a device needs integers that dims alone decide, it keeps them.
Location Locations::add_integers(const Variable& variable, const IntExprs& values, uint32_t arena) {
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
      variable.is_output() ? variable.owner()->op().str() : variable.str(), variable.site(), arena);
}

Location Locations::shared_location(const LeafBinding& binding, uint32_t arena) const {
  Location location;
  location.layout = {binding.leaf.dtype(), binding.shape, binding.strides};
  location.arena = arena;
  return location;
}

uint32_t Locations::add_slot(const LeafBinding& binding, Device device, const Layout& layout) {
  std::vector<SharedSlot>& slots = builder_.program().shared;
  slots.push_back({binding.index, device, false, layout});
  return static_cast<uint32_t>(slots.size() - 1);
}

Location Locations::locate(const Variable& variable, uint32_t arena) {
  if (const Location* known = find(variable, arena)) return *known;
  Location location;
  location.arena = arena;
  if (variable.is_constant()) {
    location = add_constant(variable.value(), arena);
  } else if (const auto binding = shared_.find(variable); binding != shared_.end()) {
    location = shared_location(*binding->second, arena);
    location.place = {Region::kShared, add_slot(*binding->second, builder_.device_of(arena), {}), 0,
                      -1, 0};
  } else if (const IntExprs* values = analysis_.find_value(variable)) {
    location = add_integers(variable, *values, arena);
  } else if (variable.is_input() && find(variable, arena_of(variable)) == nullptr) {
    throw CompileError(absl::StrCat("an input of the graph is not bound: ", variable.str(), " ",
                                    variable.type().str(), "\n  made at: ", variable.site().str()));
  } else {
    throw CompileError(absl::StrCat(variable.str(), " ", variable.type().str(), " lies on ",
                                    builder_.device_of(arena_of(variable)).str(),
                                    " and is read on ", builder_.device_of(arena).str(),
                                    " without a transfer\n  made at: ", variable.site().str()));
  }
  set(variable, location);
  return location;
}

Location Locations::locate_but_shared(const Variable& variable, uint32_t arena) {
  const auto binding = shared_.find(variable);
  return binding == shared_.end() || find(variable, arena) != nullptr
             ? locate(variable, arena)
             : shared_location(*binding->second, arena);
}

Place Locations::packed(const Variable& shared, const Layout& layout) {
  const LeafBinding& binding = *shared_.at(shared);
  const std::vector<SharedSlot>& slots = builder_.program().shared;
  const auto known = std::ranges::find_if(slots, [&](const SharedSlot& slot) {
    return slot.variable == binding.index && slot.layout == layout && slot.device.is_cpu();
  });
  const uint32_t slot = known == slots.end() ? add_slot(binding, kCpu, layout)
                                             : static_cast<uint32_t>(known - slots.begin());
  return {Region::kShared, slot, 0, -1, 0};
}

}  // namespace bitale
