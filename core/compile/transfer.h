// The same value on another device.
//
//   Variable loss = transfer(cost, kCpu);                      // read on the host
//   Function f = function({x}, {transfer(h, gpu)});            // a result that stays on the device
//
// Functions insert the transfers that their device needs (Mode::device); this is for stating one.

#ifndef BITALE_CORE_COMPILE_TRANSFER_H_
#define BITALE_CORE_COMPILE_TRANSFER_H_

#include <optional>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/tensor/device.h"

namespace bitale {

// x's elements on `device`: what depends on the result is computed there, unless it is transferred
// in turn. As a result of a function it is a Tensor on that device. Type, shape and bits are x's.
Variable transfer(Operand x, Device device);

class TransferOp final : public Op {
 public:
  // Without a device: to the device of the function.
  explicit TransferOp(std::optional<Device> to) : to_(to) {}
  std::optional<Device> to() const { return to_; }

  std::string_view name() const override { return "transfer"; }
  Attributes attributes() const override;
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  // The gradient goes back to where x was stated to be, or to the function's device.
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  std::optional<Device> to_;
};

// The transfer that makes `variable`, or null.
const TransferOp* made_by_transfer(const Variable& variable);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_TRANSFER_H_
