#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {
namespace {

using P = const DerivativePoint&;

const ScalarOp kSigmoid = {.name = "sigmoid",
                           .arity = 1,
                           .rule = DTypeRule::kFloat,
                           .partials = {[](P p) { return mul(p.g, mul(p.y, sub(1.0, p.y))); }}};

const ScalarOp kSoftplus = {.name = "softplus",
                            .arity = 1,
                            .rule = DTypeRule::kFloat,
                            .partials = {[](P p) { return mul(p.g, sigmoid(p.x[0])); }}};

const ScalarOp kRelu = {.name = "relu",
                        .arity = 1,
                        .rule = DTypeRule::kNumeric,
                        .partials = {[](P p) { return where(gt(p.x[0], 0), p.g, 0); }}};

const ScalarOp kLeakyRelu = {
    .name = "leaky_relu",
    .arity = 2,
    .rule = DTypeRule::kFloat,
    .partials = {[](P p) { return where(gt(p.x[0], 0), p.g, mul(p.g, p.x[1])); },
                 [](P p) { return where(gt(p.x[0], 0), 0, mul(p.g, p.x[0])); }}};

// x where elu is not linear, else 0: exp() of it cannot overflow.
Variable negative_part(P p) { return where(gt(p.x[0], 0), 0, p.x[0]); }

const ScalarOp kElu = {.name = "elu",
                       .arity = 2,
                       .rule = DTypeRule::kFloat,
                       .partials = {[](P p) {
                                      const Variable slope = mul(p.x[1], exp(negative_part(p)));
                                      return where(gt(p.x[0], 0), p.g, mul(p.g, slope));
                                    },
                                    [](P p) { return mul(p.g, expm1(negative_part(p))); }}};

}  // namespace

Variable sigmoid(Operand x) { return apply_scalar(kSigmoid, {x}); }
Variable softplus(Operand x) { return apply_scalar(kSoftplus, {x}); }
Variable relu(Operand x) { return apply_scalar(kRelu, {x}); }
Variable leaky_relu(Operand x, Operand alpha) { return apply_scalar(kLeakyRelu, {x, alpha}); }
Variable elu(Operand x, Operand alpha) { return apply_scalar(kElu, {x, alpha}); }

Variable hard_sigmoid(Operand x) {
  SiteScope scope(x.site(), "");
  return clip(add(mul(x, 0.2), 0.5), 0.0, 1.0);
}

}  // namespace bitale
