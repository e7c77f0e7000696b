#include "core/runtime/thread_pool.h"
#include "ops/elementwise/elementwise_bundle_internal.h"
#include "ops/elementwise/fused_elementwise_cpu.h"
#include "ops/elementwise/tile_program_cpu.h"

namespace bitale {
namespace {

// Each member by its own kernel, several members at once on several threads.
class BundleKernel final : public Kernel {
 public:
  BundleKernel(const ElementwiseBundleOp& op, std::span<const OperandLayout> inputs,
               std::span<const OperandLayout> outputs)
      : inputs_(op.inputs()), outputs_(op.outputs()) {
    int64_t taken = 0;
    for (size_t m = 0; m < op.members().size(); ++m) {
      const FusedElementwiseOp& member = *op.members()[m];
      const OperandLayout& result = outputs[outputs_.begin(m)];
      members_.push_back(make_group_kernel(
          member, inputs.subspan(inputs_.begin(m), member.input_count()), result.shape));
      taken += result.size();
      if (m > 0 && taken > kTileGrain) {
        blocks_.push_back(m);
        taken = result.size();
      }
    }
    blocks_.push_back(members_.size());
  }

  void run(const KernelFrame& frame) const override {
    parallel_for(static_cast<int64_t>(blocks_.size()) - 1, [&](int64_t block) {
      const auto b = static_cast<size_t>(block);
      for (size_t m = blocks_[b]; m < blocks_[b + 1]; ++m) {
        KernelFrame own = frame;
        own.inputs += inputs_.begin(m);
        own.outputs += outputs_.begin(m);
        members_[m]->run(own);
      }
    });
  }

  KernelCost cost(KernelCost operands) const override {
    operands.flops = 0;
    for (const auto& member : members_) operands.flops += member->cost({}).flops;
    return operands;
  }

  // Members run in any order: none may write what another one reads.
  bool may_overwrite(size_t output, size_t input) const override {
    const size_t m = outputs_.member_of(output);
    return inputs_.member_of(input) == m &&
           members_[m]->may_overwrite(output - outputs_.begin(m), input - inputs_.begin(m));
  }

 private:
  MemberRanges inputs_;
  MemberRanges outputs_;
  std::vector<std::unique_ptr<const Kernel>> members_;
  // Where each block of members begins, and the end of the last. One thread takes a block: as much
  // as it would take of one large tensor, so that tiny members are not handed out one by one.
  std::vector<size_t> blocks_ = {0};
};

const char* supports(const KernelCall& call) {
  const auto& op = call.op_as<ElementwiseBundleOp>();
  for (size_t m = 0; m < op.members().size(); ++m) {
    const FusedElementwiseOp& member = *op.members()[m];
    const auto inputs = call.inputs.subspan(op.inputs().begin(m), member.input_count());
    if (const char* reason = group_refusal(member, inputs)) return reason;
  }
  return nullptr;
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  return std::make_unique<BundleKernel>(call.op_as<ElementwiseBundleOp>(), call.inputs,
                                        call.outputs);
}

const KernelRegistrar elementwise_bundle({.op = "elementwise_bundle",
                                          .name = "elementwise_bundle_tiles",
                                          .strided_inputs = true,
                                          .supports = supports,
                                          .make = make});

}  // namespace
}  // namespace bitale
