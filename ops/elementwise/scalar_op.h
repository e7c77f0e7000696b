// A function of one to three numbers as one record: name, dtypes, derivative, value on host
// integers.
//
// The formula itself is the functor of the same name in a *_functors.h, which each device
// instantiates. ElementwiseOp (elementwise_op.h) lifts a record to tensors. To add a function: a
// functor, a record with its builder, and a line in the group's *_tiles_cpu.cc.

#ifndef BITALE_OPS_ELEMENTWISE_SCALAR_OP_H_
#define BITALE_OPS_ELEMENTWISE_SCALAR_OP_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "core/graph/known_integer.h"
#include "core/graph/operand.h"

namespace bitale {

// Which dtypes a scalar op computes in, and what it gives.
enum class DTypeRule : uint8_t {
  kNumeric,  // the promoted dtype, in and out
  kNoBool,   // the same; bool is refused
  kFloat,    // the promoted dtype, floatX for integers and bool; in and out
  kCompare,  // the promoted dtype in, bool out
  kLogic,    // bool in and out
  kBits,     // the promoted integer dtype or bool, in and out; floats are refused
  kWhere,    // bool, then two of the promoted dtype; out as the latter
  kSecond,   // any two dtypes; out as the second
  kCast,     // any in; out as the op states
};

// Where a derivative is taken: inputs and output of the node, and the factor (an output gradient,
// or an input's tangent) that the partial derivative is multiplied with.
struct DerivativePoint {
  std::span<const Variable> x;
  const Variable& y;
  const Variable& g;
};
// g times the partial derivative for one input. It must not form 0 * inf where the true product is
// 0.
using Partial = Variable (*)(const DerivativePoint& point);

struct ScalarOp {
  const char* name;
  int arity;
  DTypeRule rule;
  // Per input; null where the output does not depend on it by structure (conditions, comparisons).
  std::array<Partial, 3> partials = {};
  bool commutative = false;
  // The same function on host integers, for shape rules; null where none is needed.
  IntExpr (*on_integers)(std::span<const IntExpr> x) = nullptr;
};

// g times 0, for functions that are constant almost everywhere.
Variable zero_partial(const DerivativePoint& point);

// Applies `op` to operands that follow its dtype rule after casts, which are inserted; the builder
// of every elementwise function.
Variable apply_scalar(const ScalarOp& op, std::initializer_list<Operand> operands);
// The same for operands that are resolved already.
Variable apply_scalar(const ScalarOp& op, Variables operands, SourceSite site);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_SCALAR_OP_H_
