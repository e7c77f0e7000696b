#include "core/compile/transfer.h"

#include "core/graph/shape_context.h"
#include "core/rewrite/rule.h"
#include "core/tensor/tensor.h"

namespace bitale {

Variable transfer(Operand x, Device device) {
  return apply_one(std::make_shared<TransferOp>(device), {x.variable()}, x.site());
}

const TransferOp* made_by_transfer(const Variable& variable) {
  const Apply* apply = made_by(variable, "transfer");
  return apply == nullptr ? nullptr : static_cast<const TransferOp*>(&apply->op());
}

Attributes TransferOp::attributes() const { return {{"to", to_ ? to_->str() : "home"}}; }

std::vector<TensorType> TransferOp::infer_types(const TypeContext& context) const {
  return {context.type(0)};
}

void TransferOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, context.dims(0));
  if (!context.has_value(0)) return;
  IntExprs values;
  const Variable& x = context.apply().input(0);
  const size_t count = x.rank() == 0 ? 1 : static_cast<size_t>(x.type().dims[0].length());
  for (size_t i = 0; i < count; ++i) values.push_back(context.value(0, i));
  context.set_value(0, std::move(values));
}

Variables TransferOp::pullback(const PullbackContext& context) const {
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined()) return {Variable()};
  const TransferOp* source = made_by_transfer(context.inputs[0]);
  const std::optional<Device> back = source == nullptr ? std::nullopt : source->to();
  return {apply_one(std::make_shared<TransferOp>(back), {gradient})};
}

Variables TransferOp::pushforward(const PushforwardContext& context) const {
  const Variable& tangent = context.tangents[0];
  if (!tangent.defined()) return {Variable()};
  return {apply_one(std::make_shared<TransferOp>(to_), {tangent})};
}

namespace {

Variable example_matrix() {
  return Variable::make_input({DType::kFloat32, {Dim(2), Dim(3)}}, "x", {});
}

std::optional<Variables> skip_stopover(const Apply& apply, const RuleContext&) {
  if (made_by_transfer(apply.input(0)) == nullptr) return std::nullopt;
  const auto& op = static_cast<const TransferOp&>(apply.op());
  return Variables{
      apply_one(std::make_shared<TransferOp>(op.to()), {apply.input(0).owner()->input(0)})};
}

std::vector<RuleExample> stopover_examples() {
  const Variable x = example_matrix();
  return {{{transfer(transfer(x, kCpu), kCpu)}, {transfer(x, kCpu)}}};
}

std::vector<Variables> stopover_counterexamples() { return {{transfer(example_matrix(), kCpu)}}; }

const RuleRegistrar transfer_of_transfer(
    {.name = "transfer_of_transfer",
     .phase = Phase::kPlace,
     .why = "a value on its way through a device need not stop there",
     .op = "transfer",
     .apply = skip_stopover,
     .examples = stopover_examples,
     .counterexamples = stopover_counterexamples});

}  // namespace
}  // namespace bitale
