#include "ops/creation/arange.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/creation/arange_op.h"
#include "ops/elementwise/elementwise.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {

std::vector<TensorType> ArangeOp::infer_types(const TypeContext& context) const {
  for (size_t i = 0; i < 3; ++i) {
    if (context.type(i).rank() != 0 || !is_integer(context.type(i).dtype)) {
      const char* const names[] = {"start", "stop", "step"};
      context.type_error(
          absl::StrCat(names[i], " must be an integer scalar, not ", context.type(i).str()));
    }
  }
  if (dtype_ == DType::kBool) context.type_error("a sequence cannot be bool");
  const ShapeItem start(context.input(0)), stop(context.input(1)), step(context.input(2));
  if (step.is_static() && step.length() == 0) context.shape_error("the step is 0");
  Dim length;
  if (start.is_static() && stop.is_static() && step.is_static()) {
    const IntExpr count =
        ceil_div_any(IntExpr(stop.length()) - IntExpr(start.length()), IntExpr(step.length()));
    length = Dim(std::max<int64_t>(count.constant(), 0));
  } else if (start.is_static() && start.length() == 0 && step.is_static() && step.length() == 1) {
    length = dim_of_length(context.input(1));
  }
  return {{dtype_, {length}}};
}

IntExpr ArangeOp::ceil_div_any(IntExpr a, IntExpr b) { return 0 - floor_div(0 - a, b); }

void ArangeOp::infer_shape(ShapeContext& context) const {
  const IntExpr start = context.value(0);
  const IntExpr stop = context.value(1);
  const IntExpr step = context.value(2);
  if (!step.is_constant()) context.require(step * step, "the step is 0");
  const IntExpr count = max(ceil_div_any(stop - start, step), 0);
  context.set_dims(0, {count});
  if (!count.is_constant() || count.constant() > kMostValues) return;
  IntExprs elements;
  for (int64_t i = 0; i < count.constant(); ++i) elements.push_back(start + step * i);
  context.set_value(0, std::move(elements));
}

Variables ArangeOp::pullback(const PullbackContext&) const { return Variables(3); }
Variables ArangeOp::pushforward(const PushforwardContext&) const { return {Variable()}; }

Variable arange(ShapeItem start, ShapeItem stop, ShapeItem step, DType dtype, SourceSite site) {
  return apply_one(std::make_shared<ArangeOp>(dtype),
                   {start.as_variable(site), stop.as_variable(site), step.as_variable(site)}, site);
}

Variable arange(ShapeItem stop, SourceSite site) {
  return arange(0, std::move(stop), 1, DType::kInt64, site);
}

Variable eye(ShapeItem rows, DType dtype, SourceSite site) {
  const ShapeItem columns = rows;
  return eye(std::move(rows), columns, 0, dtype, site);
}

Variable eye(ShapeItem rows, ShapeItem columns, int64_t diagonal, DType dtype, SourceSite site) {
  SiteScope scope(site, "eye");
  const ShapeItem diagonal_end = add_lengths(rows, diagonal);
  const Variable row = dimshuffle(arange(diagonal, diagonal_end, 1, DType::kInt64, site), {0, 'x'});
  const Variable column = dimshuffle(arange(columns, site), {'x', 0});
  const Variable ones = eq(row, column);
  const bool lengths_known =
      rows.is_static() && columns.is_static() && rows.length() >= 0 && columns.length() >= 0;
  // An arange of a negative length is empty, a matrix of one is a mistake.
  return cast(lengths_known ? ones : broadcast_to(ones, {rows, columns}), dtype);
}

Variable one_hot(Operand y, ShapeItem classes, DType dtype) {
  SiteScope scope(y.site(), "");
  const Variable labels = y.variable();
  if (!is_integer(labels.dtype())) {
    throw TypeError(absl::StrCat("one_hot: labels must be integers, not ", labels.type().str(),
                                 "\n", describe_operands({&labels, 1}),
                                 "  at: ", resolve_site(y.site()).str()));
  }
  const Variable positions = arange(std::move(classes), y.site());
  return cast(eq(cast(expand_dims(labels, -1), DType::kInt64), positions), dtype);
}

}  // namespace bitale
