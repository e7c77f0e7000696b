#include "ops/shape/tile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/creation/fill.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {

// Both repeat as views with stride 0; the reshape that follows is what copies.
Variable tile(Operand x, ShapeItems repetitions) {
  SiteScope scope(x.site(), "tile");
  const Variable variable = x.variable();
  const int64_t rank = variable.rank();
  const auto given = static_cast<int64_t>(repetitions.size());
  const int64_t result_rank = std::max(rank, given);
  std::vector<int64_t> order;
  ShapeItems repeated;
  ShapeItems joined;
  for (int64_t i = 0; i < result_rank; ++i) {
    const int64_t axis = i - (result_rank - rank);
    const int64_t place = i - (result_rank - given);
    const ShapeItem count = place >= 0 ? repetitions[static_cast<size_t>(place)] : ShapeItem(1);
    const ShapeItem length = axis >= 0 ? length_of(variable, axis) : ShapeItem(1);
    order.push_back(kNewAxis);
    repeated.push_back(count);
    if (axis >= 0) {
      order.push_back(axis);
      repeated.push_back(-1);
    }
    joined.push_back(multiply_lengths(count, length));
  }
  return reshape(broadcast_to(dimshuffle(variable, order), repeated), joined);
}

Variable repeat(Operand x, ShapeItem repetitions, int64_t axis) {
  const Variable variable = x.variable();
  axis = normalize_axis("repeat", axis, variable.rank(), x.site());
  SiteScope scope(x.site(), "repeat");
  ShapeItems repeated;
  ShapeItems joined;
  for (int64_t i = 0; i < variable.rank(); ++i) {
    const ShapeItem length = length_of(variable, i);
    repeated.push_back(-1);
    if (i == axis) repeated.push_back(repetitions);
    joined.push_back(i == axis ? multiply_lengths(length, repetitions) : length);
  }
  return reshape(broadcast_to(expand_dims(variable, axis + 1), repeated), joined);
}

Variable pad(Operand x, std::vector<std::pair<int64_t, int64_t>> widths, Operand value) {
  SiteScope scope(x.site(), "");
  const Variable variable = x.variable();
  const auto refuse = [&](const std::string& what) {
    throw ShapeError(absl::StrCat("pad: ", what, "\n", describe_operands({&variable, 1}),
                                  "  at: ", resolve_site(x.site()).str()));
  };
  if (static_cast<int64_t>(widths.size()) != variable.rank()) {
    refuse(absl::StrCat(widths.size(), " pairs of widths for rank ", variable.rank()));
  }
  ShapeItems dims;
  Indices inner;
  bool any = false;
  for (size_t axis = 0; axis < widths.size(); ++axis) {
    const auto [before, after] = widths[axis];
    if (before < 0 || after < 0) {
      refuse(absl::StrCat("a width of axis ", axis, " is negative: ", std::min(before, after)));
    }
    any = any || before + after > 0;
    dims.push_back(add_lengths(length_of(variable, static_cast<int64_t>(axis)), before + after));
    inner.push_back(after == 0 ? slice(before, none) : slice(before, -after));
  }
  if (!any) return variable;
  Variable frame = value.variable_for(variable.dtype(), "pad");
  // The default, 0, is false among bools.
  if (variable.dtype() == DType::kBool && constant_scalar(frame) == 0.0) {
    frame = scalar_constant(DType::kBool, 0.0);
  }
  if (frame.dtype() != variable.dtype() || frame.rank() != 0) {
    const Variable both[] = {variable, frame};
    throw TypeError(absl::StrCat(
        "pad: the value must be a ", std::string(name_of(variable.dtype())), " scalar, not ",
        frame.type().str(), "\n", describe_operands(both), "  at: ", resolve_site(x.site()).str()));
  }
  return set_subtensor(full(dims, frame), inner, variable);
}

}  // namespace bitale
