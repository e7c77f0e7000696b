#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/index_plan_internal.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

using Bound = AxisIndex::Bound;

std::string index_error(std::string_view op_name, std::string_view what, const Variable& x,
                        SourceSite site, std::string_view hint) {
  return absl::StrCat(std::string(op_name), ": ", std::string(what), "\n",
                      describe_operands({&x, 1}), "  at: ", resolve_site(site).str(),
                      hint.empty() ? "" : absl::StrCat("\n  hint: ", std::string(hint)));
}

// The list without ellipsis, one entry per axis beside the new axes.
Indices complete(std::string_view op_name, const Variable& x, const Indices& indices,
                 SourceSite site) {
  int64_t axes = 0;
  int64_t ellipses = 0;
  for (const Index& index : indices) {
    if (index.kind() == Index::Kind::kEllipsis) {
      ++ellipses;
    } else if (index.kind() != Index::Kind::kNewAxis) {
      ++axes;
    }
  }
  if (axes > x.rank()) {
    throw ShapeError(index_error(
        op_name, absl::StrCat("too many indices: ", axes, " for rank ", x.rank()), x, site, ""));
  }
  if (ellipses > 1) {
    throw ShapeError(index_error(
        op_name, absl::StrCat(ellipses, " ellipses, only one has a meaning"), x, site, ""));
  }
  const auto missing = static_cast<size_t>(x.rank() - axes);
  Indices full;
  for (const Index& index : indices) {
    if (index.kind() == Index::Kind::kEllipsis) {
      full.insert(full.end(), missing, slice(site));
    } else {
      full.push_back(index);
    }
  }
  if (ellipses == 0) full.insert(full.end(), missing, slice(site));
  return full;
}

Bound make_bound(const SliceBound& bound, Variables& operands) {
  if (bound.is_absent()) return {};
  if (bound.is_number()) return {Bound::Kind::kNumber, bound.number()};
  operands.push_back(bound.variable());
  return {Bound::Kind::kOperand, 0};
}

// An integer among arrays counts as one.
Variable as_array(const Index& index, SourceSite site) {
  if (index.kind() == Index::Kind::kArray) return index.array();
  return index.start().is_number()
             ? scalar_constant_int(DType::kInt64, index.start().number(), site)
             : index.start().variable();
}

}  // namespace

bool IndexPlan::basic_is_trivial() const {
  return order.empty() &&
         std::all_of(axes.begin(), axes.end(), [](const AxisIndex& a) { return a.is_whole(); });
}

IndexPlan plan_indices(std::string_view op_name, const Variable& x, const Indices& indices,
                       SourceSite site) {
  const Indices full = complete(op_name, x, indices, site);
  bool any_array = false;
  for (const Index& index : full) {
    if (index.kind() != Index::Kind::kArray) continue;
    any_array = true;
    if (is_integer(index.array().dtype())) continue;
    const Variable both[] = {x, index.array()};
    throw TypeError(absl::StrCat(
        std::string(op_name), ": an index must be an integer array, not ",
        index.array().type().str(), "\n", describe_operands(both),
        "  at: ", resolve_site(site).str(),
        index.array().dtype() == DType::kBool
            ? "\n  hint: where(mask, x, other) keeps the dims; boolean masks do not index"
            : "\n  hint: cast(i, DType::kInt64) makes integers of numbers"));
  }

  IndexPlan plan;
  std::vector<int64_t> order;
  std::vector<size_t> array_places;  // in `order`
  int64_t next_axis = 0;
  bool has_new_axis = false;
  for (const Index& index : full) {
    AxisIndex axis;
    switch (index.kind()) {
      case Index::Kind::kNewAxis:
        has_new_axis = true;
        order.push_back(kNewAxis);
        continue;
      case Index::Kind::kSlice:
        axis.start = make_bound(index.start(), plan.bounds);
        axis.stop = make_bound(index.stop(), plan.bounds);
        axis.step = index.step();
        order.push_back(next_axis++);
        break;
      default:
        if (any_array) {
          array_places.push_back(order.size());
          plan.arrays.push_back(as_array(index, site));
          order.push_back(next_axis++);
        } else {
          axis.is_integer = true;
          axis.start = make_bound(index.start(), plan.bounds);
        }
    }
    plan.axes.push_back(axis);
  }

  bool moved = false;
  if (any_array) {
    const bool consecutive = array_places.back() - array_places.front() + 1 == array_places.size();
    if (consecutive) {
      plan.array_axis = static_cast<int64_t>(array_places.front());
    } else {
      // numpy: dims of arrays that are apart come first.
      std::vector<int64_t> front;
      for (const size_t place : array_places) front.push_back(order[place]);
      for (size_t place = 0; place < order.size(); ++place) {
        if (std::find(array_places.begin(), array_places.end(), place) == array_places.end()) {
          front.push_back(order[place]);
        }
      }
      order = std::move(front);
      moved = true;
    }
  }
  if (has_new_axis || moved) plan.order = std::move(order);
  return plan;
}

Variable apply_basic(const IndexPlan& plan, const Variable& x, SourceSite site) {
  Variable part = x;
  const bool whole = std::all_of(plan.axes.begin(), plan.axes.end(),
                                 [](const AxisIndex& axis) { return axis.is_whole(); });
  // x[slice()] is a part of its own, which can be written to; beside arrays it would be in the way.
  if (!whole || (plan.arrays.empty() && plan.order.empty())) {
    Variables operands = {x};
    operands.insert(operands.end(), plan.bounds.begin(), plan.bounds.end());
    part = apply_one(std::make_shared<SubtensorOp>(plan.axes), operands, site);
  }
  return plan.order.empty() ? part : dimshuffle(Operand(part, site), plan.order);
}

Variable fit_value(std::string_view op_name, const Variable& part, const Operand& value) {
  Variable fitted = value.variable_for(part.dtype(), op_name);
  const Variable both[] = {part, fitted};
  if (promote(part.dtype(), fitted.dtype()) != part.dtype()) {
    throw TypeError(
        absl::StrCat(std::string(op_name), ": a value of dtype ",
                     std::string(name_of(fitted.dtype())), " would lose precision in a tensor of ",
                     std::string(name_of(part.dtype())), "\n", describe_operands(both),
                     "  at: ", resolve_site(value.site()).str(), "\n  hint: cast one of them"));
  }
  if (fitted.dtype() != part.dtype()) fitted = cast(fitted, part.dtype());
  if (fitted.rank() > part.rank()) {
    throw ShapeError(absl::StrCat(
        std::string(op_name), ": the value has rank ", fitted.rank(), ", the part has rank ",
        part.rank(), "\n", describe_operands(both), "  at: ", resolve_site(value.site()).str()));
  }
  const int64_t missing = part.rank() - fitted.rank();
  for (int64_t axis = 0; axis < fitted.rank(); ++axis) {
    const Dim& dim = fitted.type().dims[static_cast<size_t>(axis)];
    if (dim == Dim(1) || compatible(dim, part.type().dims[static_cast<size_t>(axis + missing)])) {
      continue;
    }
    throw ShapeError(absl::StrCat(std::string(op_name), ": the value has dims ",
                                  to_string(fitted.type().dims), ", the part ",
                                  to_string(part.type().dims), "\n", describe_operands(both),
                                  "  at: ", resolve_site(value.site()).str()));
  }
  bool repeats = missing > 0;
  for (int64_t axis = 0; axis < fitted.rank() && !repeats; ++axis) {
    repeats = fitted.type().dims[static_cast<size_t>(axis)] == Dim(1) &&
              part.type().dims[static_cast<size_t>(axis)] != Dim(1);
  }
  return repeats ? broadcast_like(fitted, part) : fitted;
}

}  // namespace bitale
