// Several tensors as one, and one as several.

#ifndef BITALE_OPS_SHAPE_CONCATENATE_H_
#define BITALE_OPS_SHAPE_CONCATENATE_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's concatenate, Theano's join: the operands one behind the other along `axis` (negative:
// from the end). All have one rank >= 1 and equal dims on the other axes; dtypes are promoted, an
// axis never broadcasts. ShapeError for ranks or dims that differ (fixed: when built, else at the
// call), and for no operand.
Variable concatenate(const std::vector<Operand>& operands, int64_t axis = 0,
                     SourceSite site = SourceSite::current());
Variable concatenate(const Variables& operands, int64_t axis = 0,
                     SourceSite site = SourceSite::current());
inline Variable concatenate(std::initializer_list<Operand> operands, int64_t axis = 0,
                            SourceSite site = SourceSite::current()) {
  return concatenate(std::vector<Operand>(operands), axis, site);
}

// numpy's stack: operands of equal dims along a new axis at `axis` of the result.
Variable stack(const std::vector<Operand>& operands, int64_t axis = 0,
               SourceSite site = SourceSite::current());
Variable stack(const Variables& operands, int64_t axis = 0,
               SourceSite site = SourceSite::current());
inline Variable stack(std::initializer_list<Operand> operands, int64_t axis = 0,
                      SourceSite site = SourceSite::current()) {
  return stack(std::vector<Operand>(operands), axis, site);
}

// Theano's split: views of `x` of the given lengths, one behind the other along `axis`. ShapeError
// unless the lengths sum to the axis' length (fixed: when built, else at the call).
Variables split(Operand x, ShapeItems lengths, int64_t axis = 0);

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_CONCATENATE_H_
