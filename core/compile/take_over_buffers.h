// Buffers that need no memory of their own.

#ifndef BITALE_CORE_COMPILE_TAKE_OVER_BUFFERS_H_
#define BITALE_CORE_COMPILE_TAKE_OVER_BUFFERS_H_

#include "core/compile/program_builder.h"

namespace bitale {

// Lets an output lie in the memory of an input that dies with the same instruction, where the
// kernel allows it.
void take_over_buffers(ProgramBuilder& builder);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_TAKE_OVER_BUFFERS_H_
