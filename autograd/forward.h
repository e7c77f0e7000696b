// The forward pass behind rop and the pushforwards of ops with inner graphs. Not for users.

#ifndef BITALE_AUTOGRAD_FORWARD_H_
#define BITALE_AUTOGRAD_FORWARD_H_

#include <span>

#include "core/graph/op.h"
#include "core/graph/variable.h"

namespace bitale {

// The tangents of `outputs` when each wrt[i] moves by tangents[i] (not defined() for zero), of the
// outputs' types; not defined() where they are zero by structure. What lies before `wrt` stands
// still. Linear time, no recursion. Throws GradientError if a pushforward breaks its contract.
Variables run_forward(std::span<const Variable> outputs, std::span<const Variable> wrt,
                      std::span<const Variable> tangents);

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_FORWARD_H_
