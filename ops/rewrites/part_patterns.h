// What rules ask of slices, and how they build them: a part of a tensor as one index per axis, with
// the bounds that are operands beside it.

#ifndef BITALE_OPS_REWRITES_PART_PATTERNS_H_
#define BITALE_OPS_REWRITES_PART_PATTERNS_H_

#include <optional>
#include <vector>

#include "ops/indexing/subtensor.h"
#include "ops/rewrites/patterns.h"

namespace bitale {

// What is taken of one axis. `start` and `stop` are defined where the index says kOperand.
struct AxisPart {
  AxisIndex index;
  Variable start;
  Variable stop;

  static AxisPart whole() { return {}; }
  static AxisPart position(int64_t number);
  friend bool operator==(const AxisPart&, const AxisPart&) = default;
};
using Part = std::vector<AxisPart>;

// The part that a subtensor takes of its operand, and one of its kinds of writes changes.
Part part_of_subtensor(const Apply& apply);
Part part_of_write(const Apply& apply);

// x under the part; x itself where every axis stays as it is.
Variable take(const Variable& x, const Part& part);
// x with `value`, which has that part's dims, written into the part or added to it.
Variable write(const Variable& x, const Part& part, const Variable& value, bool increment);

// Whether the index takes all of that axis, in order, as far as can be seen.
bool takes_all(const AxisPart& part, const Variable& x, int64_t axis);
// Whether it takes all of the axis in this or the reverse order, by its form.
bool takes_every_element(const AxisPart& part);
// Whether fewer elements than all are taken, by the form of the indices.
bool narrows(const Part& part);
// Whether an integer among the indices may turn out to be out of range at a call.
bool may_raise(const Part& part, const Variable& x);

// The part of `x` that `outer` takes of the part `inner` of x; nothing where a bound may count from
// the end, or an integer may be out of range of the inner part only.
std::optional<Part> compose(const Variable& x, const Part& inner, const Variable& middle,
                            const Part& outer);

// Whether the integer scalar is never negative, as far as its producers tell: a length, a number,
// and their sums, products, minima and quotients.
bool is_never_negative(const Variable& integer);

}  // namespace bitale

#endif  // BITALE_OPS_REWRITES_PART_PATTERNS_H_
