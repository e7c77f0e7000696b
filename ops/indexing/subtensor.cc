#include "ops/indexing/subtensor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/index_plan_internal.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

// Undoes a dimshuffle that only moves axes and makes new ones.
Variable unshuffle(const Variable& x, const std::vector<int64_t>& order) {
  int64_t rank = 0;
  for (const int64_t axis : order) rank += axis != kNewAxis;
  std::vector<int64_t> back(static_cast<size_t>(rank));
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != kNewAxis) back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  return dimshuffle(x, back);
}

Variable write_part(const Variable& x, const IndexPlan& plan, const Variable& part,
                    bool increment) {
  Variables operands = {x, part};
  operands.insert(operands.end(), plan.bounds.begin(), plan.bounds.end());
  return apply_one(std::make_shared<WriteSubtensorOp>(plan.axes, increment), operands);
}

Variable write(Operand x, const Indices& indices, Operand value, bool increment) {
  const char* const name = increment ? "inc_subtensor" : "set_subtensor";
  SiteScope scope(x.site(), "");
  const Variable tensor = x.variable();
  const IndexPlan plan = plan_indices(name, tensor, indices, x.site());
  const Variable part = apply_basic(plan, tensor, x.site());
  if (plan.arrays.empty()) {
    const Variable fitted = fit_value(name, part, value);
    return write_part(tensor, plan, plan.order.empty() ? fitted : unshuffle(fitted, plan.order),
                      increment);
  }
  const Variable written = increment
                               ? advanced_inc_subtensor(part, value, plan.arrays, plan.array_axis)
                               : advanced_set_subtensor(part, value, plan.arrays, plan.array_axis);
  if (plan.basic_is_trivial()) return written;
  return write_part(tensor, plan, plan.order.empty() ? written : unshuffle(written, plan.order),
                    /*increment=*/false);
}

Variable write_through(const Variable& part, Operand value, bool increment) {
  const char* const name = increment ? "inc_subtensor" : "set_subtensor";
  SiteScope scope(value.site(), "");
  const Apply* owner = part.owner();
  const auto* basic = owner ? dynamic_cast<const SubtensorOp*>(&owner->op()) : nullptr;
  const auto* advanced = owner ? dynamic_cast<const AdvancedSubtensorOp*>(&owner->op()) : nullptr;
  if (advanced != nullptr && owner->input(0).is_output()) {
    // Slices and arrays in one list, or two lists one after the other: which tensor is meant is
    // open.
    if (dynamic_cast<const SubtensorOp*>(&owner->input(0).owner()->op()) != nullptr ||
        dynamic_cast<const DimshuffleOp*>(&owner->input(0).owner()->op()) != nullptr) {
      advanced = nullptr;
    }
  }
  if (basic == nullptr && advanced == nullptr) {
    throw TypeError(absl::StrCat(name, ": cannot tell which tensor ", part.str(), " is a part of\n",
                                 describe_operands({&part, 1}),
                                 "  at: ", resolve_site(value.site()).str(), "\n  hint: say ", name,
                                 "(x, {indices}, value)"));
  }
  const Variable& tensor = owner->input(0);
  if (advanced != nullptr) {
    const Variables arrays(owner->inputs().begin() + 1, owner->inputs().end());
    return increment ? advanced_inc_subtensor(tensor, value, arrays, advanced->axis())
                     : advanced_set_subtensor(tensor, value, arrays, advanced->axis());
  }
  Variables operands = {tensor, fit_value(name, part, value)};
  operands.insert(operands.end(), owner->inputs().begin() + 1, owner->inputs().end());
  return apply_one(std::make_shared<WriteSubtensorOp>(basic->indices(), increment), operands);
}

}  // namespace

Index::Index(const Variable& value, SourceSite site) : kind_(Kind::kInteger), site_(site) {
  if (!value.defined()) {
    throw TypeError("an index is no variable (a default-constructed Variable)\n  at: " +
                    resolve_site(site).str());
  }
  if (value.rank() == 0) {
    start_ = SliceBound(value);
  } else {
    kind_ = Kind::kArray;
    array_ = value;
  }
}

Variable subtensor(Operand x, const Indices& indices) {
  SiteScope scope(x.site(), "");
  const IndexPlan plan = plan_indices("subtensor", x.variable(), indices, x.site());
  const Variable part = apply_basic(plan, x.variable(), x.site());
  return plan.arrays.empty() ? part : advanced_subtensor(part, plan.arrays, plan.array_axis);
}

Variable set_subtensor(Operand x, const Indices& indices, Operand value) {
  return write(x, indices, value, /*increment=*/false);
}

Variable inc_subtensor(Operand x, const Indices& indices, Operand value) {
  return write(x, indices, value, /*increment=*/true);
}

Variable set_subtensor(const Variable& part, Operand value) {
  return write_through(part, value, /*increment=*/false);
}

Variable inc_subtensor(const Variable& part, Operand value) {
  return write_through(part, value, /*increment=*/true);
}

Variable Variable::operator[](const Index& index) const {
  return subtensor(Operand(*this, index.site()), {index});
}

Variable Variable::operator[](std::initializer_list<Index> indices) const {
  const SourceSite site = indices.size() > 0 ? indices.begin()->site() : SourceSite{};
  return subtensor(Operand(*this, site), Indices(indices));
}

}  // namespace bitale
