// Windows and the shape rule of pooling, for ops that pool and do more.

#ifndef BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_
#define BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_

#include <array>
#include <string_view>

#include "core/graph/shape_context.h"
#include "ops/pool/pool.h"

namespace bitale {

// The window that a builder's arguments ask for. GraphError, naming the op, where they make none.
PoolWindow make_pool_window(std::string_view op_name, std::array<int64_t, 2> ws,
                            const PoolOptions& options, SourceSite site);

// Dims of what pooling makes of an image of these.
IntExprs pooled_dims(const PoolWindow& window, IntExprs dims);
// And max-pooling, which requires elements where it is padded.
IntExprs max_pooled_dims(ShapeContext& context, const PoolWindow& window, const IntExprs& dims);

}  // namespace bitale

#endif  // BITALE_OPS_POOL_POOL_SHAPE_INTERNAL_H_
