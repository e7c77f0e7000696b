// Lowers the inner graph of a loop or branch.

#ifndef BITALE_CORE_COMPILE_LOWER_INNER_H_
#define BITALE_CORE_COMPILE_LOWER_INNER_H_

#include <memory>
#include <span>

#include "core/base/dim.h"
#include "core/compile/lower.h"
#include "core/graph/op.h"
#include "core/runtime/program.h"
#include "core/tensor/device.h"

namespace bitale {

// A program for `device`, whose inputs are the op's inner inputs with these dims (contiguous), and
// whose outputs are its inner outputs, all in that device's memory. It fuses, shares buffers and has
// oracles as `outer` says of the graph around it.
std::shared_ptr<const Program> lower_inner(const Op& op, std::span<const Dims> inner_input_dims,
                                           Device device = kCpu, const LowerRequest& outer = {});

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_LOWER_INNER_H_
