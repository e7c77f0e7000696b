// How new values reach their shared variables.

#ifndef BITALE_CORE_COMPILE_PLACE_UPDATES_H_
#define BITALE_CORE_COMPILE_PLACE_UPDATES_H_

#include <cstdint>
#include <span>

#include "core/compile/program_builder.h"

namespace bitale {

// A shared variable's new value, which the program's instructions have made.
struct PlacedUpdate {
  uint32_t slot;  // of the program, on the value's device
  Location value;
  Site site;
  // Whether the value becomes a program output, which the container then takes.
  bool reshapes = false;
};

// Lets the instruction that makes a new value write it straight into the shared variable where
// nothing reads the old value later and nothing that can raise comes later; appends copies for the
// rest.
void place_updates(ProgramBuilder& builder, std::span<PlacedUpdate> updates, bool write_in_place);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PLACE_UPDATES_H_
