// The shape rule of pooling, for ops that pool and do more.

#ifndef BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_
#define BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_

#include "core/graph/shape_context.h"
#include "ops/pool/pool.h"

namespace bitale {

// Dims of what pooling makes of an image of these.
IntExprs pooled_dims(const PoolWindow& window, IntExprs dims);

}  // namespace bitale

#endif  // BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_
