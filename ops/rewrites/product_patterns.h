// Products of matrices with their scalar factors and addend, as rules see and build them.

#ifndef BITALE_OPS_REWRITES_PRODUCT_PATTERNS_H_
#define BITALE_OPS_REWRITES_PRODUCT_PATTERNS_H_

#include <optional>

#include "ops/rewrites/patterns.h"

namespace bitale {

// factor * tensor.
struct ScaledTensor {
  Variable factor;
  Variable tensor;
};

// `v` times `sign`, with a scalar factor of its own taken out where nobody else needs the product.
ScaledTensor split_factor(const Variable& v, double sign, const RuleContext& context);
// The inverse: no product where the factor is 1 or -1.
Variable scaled_by(const ScaledTensor& term);

// Scalars, folded where they are numbers.
Variable times(const Variable& a, const Variable& b);
Variable plus(const Variable& a, const Variable& b);

// beta * c + alpha * (a times b); c and beta are not defined() where nothing is added.
struct ScaledProduct {
  Variable a, b, alpha;
  Variable c, beta;
};

// What a dot, a matmul that does not broadcast or a gemm computes, with the scalar factors of its
// operands taken out; nothing for another op, for the product of two vectors and for dtypes that
// gemm has no kernel for.
std::optional<ScaledProduct> product_of(const Variable& v, const RuleContext& context);

}  // namespace bitale

#endif  // BITALE_OPS_REWRITES_PRODUCT_PATTERNS_H_
