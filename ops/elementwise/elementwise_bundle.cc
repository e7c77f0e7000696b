#include "absl/strings/str_cat.h"
#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise_bundle_internal.h"

namespace bitale {
namespace {

// Neighbours that do the same are told once: parameters of a net mostly take the same step.
std::string list_of(std::span<const ElementwiseBundleOp::Member> members) {
  std::vector<std::string> texts;
  for (const auto& member : members) texts.push_back(to_string(member->attributes()));
  std::string text;
  for (size_t i = 0; i < texts.size();) {
    size_t next = i + 1;
    while (next < texts.size() && texts[next] == texts[i]) ++next;
    absl::StrAppend(&text, i == 0 ? "" : ", ", next - i, " of (", texts[i], ")");
    i = next;
  }
  return text;
}

}  // namespace

ElementwiseBundleOp::ElementwiseBundleOp(std::vector<Member> members)
    : members_(std::move(members)), text_(list_of(members_)) {
  for (const Member& member : members_) {
    inputs_.add(member->input_count());
    outputs_.add(member->output_steps().size());
  }
}

Attributes ElementwiseBundleOp::attributes() const {
  std::vector<int64_t> counts;
  for (const Member& member : members_) {
    counts.push_back(static_cast<int64_t>(member->input_count()));
  }
  return {{"members", text_}, {"inputs", std::move(counts)}};
}

std::vector<TensorType> ElementwiseBundleOp::infer_types(const TypeContext& context) const {
  std::vector<TensorType> types;
  for (const Member& member : members_) {
    for (TensorType& type : member->infer_types(context)) types.push_back(std::move(type));
  }
  return types;
}

void ElementwiseBundleOp::infer_shape(ShapeContext& context) const {
  for (size_t m = 0; m < members_.size(); ++m) {
    const IntExprs dims = members_[m]->output_dims(context, inputs_.begin(m));
    for (size_t i = outputs_.begin(m); i < outputs_.begin(m + 1); ++i) context.set_dims(i, dims);
  }
}

bool ElementwiseBundleOp::needs_elements(size_t input) const {
  const size_t member = inputs_.member_of(input);
  return members_[member]->needs_elements(input - inputs_.begin(member));
}

Variables ElementwiseBundleOp::formula(std::span<const Variable> inputs) const {
  Variables outputs;
  for (size_t m = 0; m < members_.size(); ++m) {
    const Variables own =
        members_[m]->formula(inputs.subspan(inputs_.begin(m), members_[m]->input_count()));
    outputs.insert(outputs.end(), own.begin(), own.end());
  }
  return outputs;
}

Variables ElementwiseBundleOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables ElementwiseBundleOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

}  // namespace bitale
