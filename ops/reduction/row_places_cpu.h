// Where the values of a row program lie in scratch, and what it asks for ahead.

#ifndef BITALE_OPS_REDUCTION_ROW_PLACES_CPU_H_
#define BITALE_OPS_REDUCTION_ROW_PLACES_CPU_H_

namespace bitale {

struct RowProgram;

// Gives every value its place, once all instructions are there. What a pass hands on needs scratch
// for one piece only; the memory of a value is used again after its last reader.
void place_values(RowProgram& program);

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_ROW_PLACES_CPU_H_
