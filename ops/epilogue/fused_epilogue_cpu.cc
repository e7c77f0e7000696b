#include <algorithm>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/compile/kernel_registry.h"
#include "ops/elementwise/fused_elementwise_cpu.h"
#include "ops/epilogue/fused_epilogue_internal.h"

namespace bitale {
namespace {

// No memory is taken from the heap while a kernel runs.
constexpr size_t kInlineOperands = 40;

// The call of the producer, which writes where the epilogue's first result will lie.
class ProducerCall {
 public:
  explicit ProducerCall(const KernelCall& whole)
      : op_(whole.op_as<FusedEpilogueOp>()), outputs_{whole.outputs[0]}, whole_(whole) {
    const size_t results = op_.epilogue().output_steps().size();
    outputs_.insert(outputs_.end(), whole.outputs.begin() + results, whole.outputs.end());
  }

  KernelCall call() const {
    return {op_.producer(), whole_.apply, whole_.inputs.first(op_.producer_inputs()), outputs_};
  }
  // The kernel that the producer would have by itself, if it tells of parts; else null.
  const KernelRegistration* choose() const {
    const KernelRegistration* chosen = choose_kernel(call(), DeviceKind::kCpu);
    return chosen != nullptr && chosen->partwise ? chosen : nullptr;
  }

 private:
  const FusedEpilogueOp& op_;
  std::vector<OperandLayout> outputs_;
  const KernelCall& whole_;
};

class ProducerMaker final : public KernelMaker {
 public:
  ProducerMaker(KernelMaker& whole, const KernelCall& call) : whole_(whole), call_(call) {}
  const KernelCall& call() const override { return call_; }
  size_t runtime_integer(size_t input, size_t element) override {
    return whole_.runtime_integer(input, element);
  }
  bool is_packed(size_t input) const override { return whole_.is_packed(input); }
  std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) override {
    return whole_.lower_inner(inner_input_dims);
  }

 private:
  KernelMaker& whole_;
  const KernelCall& call_;
};

std::vector<OperandLayout> epilogue_layouts(const KernelCall& call) {
  std::vector<OperandLayout> inputs;
  for (const int input : call.op_as<FusedEpilogueOp>().epilogue_operands()) {
    inputs.push_back(input == FusedEpilogueOp::kProduced ? call.outputs[0]
                                                         : call.inputs[static_cast<size_t>(input)]);
  }
  return inputs;
}

std::unique_ptr<const GroupKernel> make_epilogue(const KernelCall& call) {
  return make_group_kernel(call.op_as<FusedEpilogueOp>().epilogue(), epilogue_layouts(call),
                           call.outputs[0].shape, true);
}

// The producer writes its result into the memory of the epilogue's first one, where each part is
// overwritten once it is complete.
class FusedEpilogueKernel final : public Kernel {
 public:
  FusedEpilogueKernel(const FusedEpilogueOp& op, std::unique_ptr<const PartwiseKernel> producer,
                      std::unique_ptr<const GroupKernel> epilogue, size_t output_count)
      : producer_(std::move(producer)),
        epilogue_(std::move(epilogue)),
        producer_inputs_(op.producer_inputs()),
        epilogue_operands_(op.epilogue_operands()) {
    producer_outputs_ = {0};
    for (size_t i = op.epilogue().output_steps().size(); i < output_count; ++i) {
      producer_outputs_.push_back(i);
    }
  }

  size_t workspace_bytes() const override { return producer_->workspace_bytes(); }
  bool can_raise() const override { return producer_->can_raise(); }
  bool may_overwrite(size_t output, size_t input) const override {
    return output == 0 && input < producer_inputs_ && producer_->may_overwrite(0, input);
  }
  KernelCost cost(KernelCost operands) const override {
    KernelCost cost = producer_->cost(operands);
    cost.flops += epilogue_->cost({}).flops;
    return cost;
  }

  void run(const KernelFrame& frame) const override {
    absl::InlinedVector<void*, kInlineOperands> inputs, outputs;
    for (const int input : epilogue_operands_) {
      inputs.push_back(input == FusedEpilogueOp::kProduced ? frame.outputs[0]
                                                           : frame.inputs[input]);
    }
    for (const size_t output : producer_outputs_) outputs.push_back(frame.outputs[output]);
    KernelFrame produce = frame;
    produce.outputs = outputs.data();
    KernelFrame follow = frame;
    follow.inputs = inputs.data();
    const auto finish = [&](int64_t begin, int64_t count) {
      epilogue_->run_range(follow, begin, begin + count);
    };
    producer_->run_partwise(produce, PartDone(finish));
  }

 private:
  std::unique_ptr<const PartwiseKernel> producer_;
  std::unique_ptr<const GroupKernel> epilogue_;
  size_t producer_inputs_;
  std::vector<int> epilogue_operands_;
  std::vector<size_t> producer_outputs_;
};

const char* supports(const KernelCall& call) {
  const auto& op = call.op_as<FusedEpilogueOp>();
  const ProducerCall producer(call);
  const KernelRegistration* chosen = producer.choose();
  if (chosen == nullptr) return "the producer's kernel does not tell of parts of its result";
  const auto strided = [](const OperandLayout& input) { return !input.contiguous(); };
  if (!chosen->strided_inputs && std::ranges::any_of(producer.call().inputs, strided)) {
    return "the producer's kernel wants contiguous operands";
  }
  if (op.epilogue_operands().size() > kInlineOperands) return "the epilogue has too many operands";
  if (const char* reason = group_refusal(op.epilogue(), epilogue_layouts(call))) return reason;
  const bool in_place = make_epilogue(call)->may_overwrite(0, op.position());
  return in_place ? nullptr
                  : "the epilogue needs the producer's result after it has written its own";
}

Layout packed_input(const KernelCall& call, size_t input) {
  const ProducerCall producer(call);
  const KernelRegistration& chosen = *producer.choose();
  const bool of_producer = input < call.op_as<FusedEpilogueOp>().producer_inputs();
  if (!of_producer || chosen.packed_input == nullptr) return {};
  return chosen.packed_input(producer.call(), input);
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  const ProducerCall producer(call);
  const KernelCall producer_call = producer.call();
  ProducerMaker producer_maker(maker, producer_call);
  std::unique_ptr<const Kernel> kernel = producer.choose()->make(producer_maker);
  std::unique_ptr<const PartwiseKernel> partwise(
      static_cast<const PartwiseKernel*>(kernel.release()));
  return std::make_unique<FusedEpilogueKernel>(call.op_as<FusedEpilogueOp>(), std::move(partwise),
                                               make_epilogue(call), call.outputs.size());
}

const KernelRegistrar fused_epilogue({.op = "fused_epilogue",
                                      .name = "fused_epilogue_parts",
                                      .strided_inputs = true,
                                      .supports = supports,
                                      .packed_input = packed_input,
                                      .make = make});

}  // namespace
}  // namespace bitale
