#include "ops/creation/shape_of.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

class ShapeOp final : public Op {
 public:
  std::string_view name() const override { return "shape"; }
  Traits traits() const override { return {.shape_only = true}; }

  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {{DType::kInt64, {Dim(context.type(0).rank())}}};
  }
  void infer_shape(ShapeContext& context) const override {
    context.set_dims(0, {context.apply().input(0).rank()});
    context.set_value(0, context.dims(0));
  }
  // Integers have no derivative.
  Variables pullback(const PullbackContext&) const override { return {Variable()}; }
  Variables pushforward(const PushforwardContext&) const override { return {Variable()}; }
};

class MakeVectorOp final : public Op {
 public:
  std::string_view name() const override { return "make_vector"; }

  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    for (size_t i = 0; i < context.size(); ++i) {
      if (context.type(i).rank() != 0 || context.type(i).dtype != DType::kInt64) {
        context.type_error(
            absl::StrCat("element ", i, " must be an int64 scalar, not ", context.type(i).str()));
      }
    }
    return {{DType::kInt64, {Dim(static_cast<int64_t>(context.size()))}}};
  }
  void infer_shape(ShapeContext& context) const override {
    const size_t count = context.apply().inputs().size();
    context.set_dims(0, {static_cast<int64_t>(count)});
    IntExprs elements;
    for (size_t i = 0; i < count; ++i) {
      if (!context.has_value(i)) return;
      elements.push_back(context.value(i));
    }
    context.set_value(0, std::move(elements));
  }
  Variables pullback(const PullbackContext& context) const override {
    return Variables(context.inputs.size());
  }
  Variables pushforward(const PushforwardContext&) const override { return {Variable()}; }
};

}  // namespace

Variable shape(Operand x) {
  static const OpPtr op = std::make_shared<ShapeOp>();
  return apply_one(op, {x.variable()}, x.site());
}

Variable shape(Operand x, int64_t axis) {
  const Variable variable = x.variable();
  axis = normalize_axis("shape", axis, variable.rank(), x.site());
  const Dim& dim = variable.type().dims[static_cast<size_t>(axis)];
  if (dim.is_fixed()) return scalar_constant_int(DType::kInt64, dim.length(), x.site());
  return apply_one(std::make_shared<ShapeAxisOp>(axis), {variable}, x.site());
}

Variable make_vector(const ShapeItems& items, SourceSite site) {
  static const OpPtr op = std::make_shared<MakeVectorOp>();
  SiteScope scope(site, "");
  Variables elements;
  for (const ShapeItem& item : items) {
    const Variable element = item.as_variable(site);
    elements.push_back(element.dtype() == DType::kInt64 || !is_integer(element.dtype())
                           ? element
                           : cast(element, DType::kInt64));
  }
  return apply_one(op, elements, site);
}

std::vector<TensorType> ShapeAxisOp::infer_types(const TypeContext& context) const {
  if (axis_ >= context.type(0).rank()) {
    context.shape_error(
        absl::StrCat("axis ", axis_, " of a tensor of rank ", context.type(0).rank()));
  }
  return {{DType::kInt64, {}}};
}

void ShapeAxisOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, {});
  context.set_value(0, {context.dim(0, static_cast<size_t>(axis_))});
}

Variables ShapeAxisOp::pullback(const PullbackContext&) const { return {Variable()}; }
Variables ShapeAxisOp::pushforward(const PushforwardContext&) const { return {Variable()}; }

}  // namespace bitale
