// Elementwise groups that have nothing to do with each other as one node, made by the bundling pass
// alone: the updates of all small parameters are then one kernel. Its inputs are those of the first
// member, then those of the second and so on; its outputs likewise. Its formula is the replaced
// subgraph.

#ifndef BITALE_OPS_ELEMENTWISE_ELEMENTWISE_BUNDLE_INTERNAL_H_
#define BITALE_OPS_ELEMENTWISE_ELEMENTWISE_BUNDLE_INTERNAL_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {

// Where each member's operands lie among those of all members.
class MemberRanges {
 public:
  // Appends a member with this many operands.
  void add(size_t count) { begins_.push_back(begins_.back() + count); }
  size_t begin(size_t member) const { return begins_[member]; }
  // The member that an operand belongs to.
  size_t member_of(size_t operand) const {
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), operand);
    return static_cast<size_t>(after - begins_.begin()) - 1;
  }

 private:
  std::vector<size_t> begins_ = {0};
};

class ElementwiseBundleOp final : public Op {
 public:
  // A plain elementwise node is a group of one step. Shapes and dtypes are each member's own.
  using Member = std::shared_ptr<const FusedElementwiseOp>;

  explicit ElementwiseBundleOp(std::vector<Member> members);

  std::span<const Member> members() const { return members_; }
  const MemberRanges& inputs() const { return inputs_; }
  const MemberRanges& outputs() const { return outputs_; }

  std::string_view name() const override { return "elementwise_bundle"; }
  // What the members are, "2 of (steps=float32 add(0, 1))", and how many inputs each has.
  Attributes attributes() const override;
  // Elementwise, member by member: no element of an output depends on more than one of an input.
  Traits traits() const override {
    return {.elementwise = true, .composite = true, .internal = true};
  }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  std::vector<Member> members_;
  MemberRanges inputs_;
  MemberRanges outputs_;
  std::string text_;
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_ELEMENTWISE_BUNDLE_INTERNAL_H_
