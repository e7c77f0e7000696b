// From what a user passes to a call to one tensor per input, of the input's type.

#ifndef BITALE_CORE_COMPILE_CALL_ARGUMENTS_H_
#define BITALE_CORE_COMPILE_CALL_ARGUMENTS_H_

#include <span>

#include "core/compile/call_state.h"
#include "core/compile/function.h"

namespace bitale {

// Fills `state.inputs` with arguments by position, by name, and with defaults, cast as the call of
// a Function says. TypeError for a missing, doubled or unknown argument, and for a dtype that does
// not fit; ShapeError for another rank or fixed dim. `compiled_at` is where the user called
// function().
void bind_arguments(std::span<const In> inputs, std::span<const Arg> args,
                    const FunctionOptions& options, SourceSite compiled_at, CallState& state);

// TypeError or ShapeError for a default that does not fit its input.
void check_defaults(std::span<const In> inputs, const FunctionOptions& options);

// ShapeError where two dims of one name differ in length, whichever variables they come from.
void check_named_dims(std::span<const In> inputs, std::span<const Variable> shared,
                      const CallState& state);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_CALL_ARGUMENTS_H_
