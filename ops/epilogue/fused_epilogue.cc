#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/epilogue/fused_epilogue_internal.h"

namespace bitale {
namespace {

// The producer's view of the shape rule's context: the same inputs, and its dims kept.
class ProducerContext final : public ShapeContext {
 public:
  explicit ProducerContext(ShapeContext& whole) : whole_(whole) {}

  const Apply& apply() const override { return whole_.apply(); }
  IntExpr dim(size_t input, size_t axis) override { return whole_.dim(input, axis); }
  IntExpr value(size_t input, size_t element) override { return whole_.value(input, element); }
  bool has_value(size_t input) override { return whole_.has_value(input); }
  void set_dims(size_t output, IntExprs dims) override {
    if (output >= dims_.size()) dims_.resize(output + 1);
    dims_[output] = std::move(dims);
  }
  // What is multiplied or convolved is no integer that a dim might depend on.
  void set_value(size_t, IntExprs) override {}
  void require_equal(IntExpr a, IntExpr b, const char* what, const char* hint) override {
    whole_.require_equal(a, b, what, hint);
  }
  void require(IntExpr condition, const char* what, const char* hint) override {
    whole_.require(condition, what, hint);
  }

  std::span<const IntExprs> dims() const { return dims_; }

 private:
  ShapeContext& whole_;
  std::vector<IntExprs> dims_;
};

}  // namespace

FusedEpilogueOp::FusedEpilogueOp(std::shared_ptr<const Op> producer, size_t producer_inputs,
                                 std::shared_ptr<const FusedElementwiseOp> epilogue,
                                 size_t position)
    : producer_(std::move(producer)),
      producer_inputs_(producer_inputs),
      epilogue_(std::move(epilogue)),
      position_(position) {}

std::vector<int> FusedEpilogueOp::epilogue_operands() const {
  std::vector<int> operands;
  auto next = static_cast<int>(producer_inputs_);
  for (size_t i = 0; i < epilogue_->input_count(); ++i) {
    operands.push_back(i == position_ ? kProduced : next++);
  }
  return operands;
}

Attributes FusedEpilogueOp::attributes() const {
  Attributes attributes = {{"of", producer_->str()}, {"position", static_cast<int64_t>(position_)}};
  for (auto& attribute : epilogue_->attributes()) attributes.push_back(attribute);
  return attributes;
}

std::vector<TensorType> FusedEpilogueOp::infer_types(const TypeContext& context) const {
  std::vector<TensorType> types;
  for (const Variable& output : formula(context.inputs())) types.push_back(output.type());
  return types;
}

void FusedEpilogueOp::infer_shape(ShapeContext& context) const {
  ProducerContext producer(context);
  producer_->infer_shape(producer);
  const size_t results = epilogue_->output_steps().size();
  for (size_t i = 0; i < results; ++i) context.set_dims(i, producer.dims()[0]);
  for (size_t i = 1; i < producer.dims().size(); ++i) {
    context.set_dims(results + i - 1, producer.dims()[i]);
  }
}

bool FusedEpilogueOp::needs_elements(size_t input) const {
  if (input < producer_inputs_) return producer_->needs_elements(input);
  const size_t before = input - producer_inputs_;
  return epilogue_->needs_elements(before < position_ ? before : before + 1);
}

Variables FusedEpilogueOp::formula(std::span<const Variable> inputs) const {
  const Variables produced = apply_op(producer_, inputs.first(producer_inputs_));
  Variables operands;
  for (const int input : epilogue_operands()) {
    operands.push_back(input == kProduced ? produced[0] : inputs[static_cast<size_t>(input)]);
  }
  Variables outputs = apply_op(epilogue_, operands);
  outputs.insert(outputs.end(), produced.begin() + 1, produced.end());
  return outputs;
}

Variables FusedEpilogueOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables FusedEpilogueOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

}  // namespace bitale
