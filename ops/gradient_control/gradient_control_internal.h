// What the ops of this family share: forwards, they are the identity, as a view.

#ifndef BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_INTERNAL_H_
#define BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_INTERNAL_H_

#include <vector>

#include "core/graph/op.h"
#include "core/graph/shape_context.h"

namespace bitale {

class IdentityOp : public Op {
 public:
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_INTERNAL_H_
