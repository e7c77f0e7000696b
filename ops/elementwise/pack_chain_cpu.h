// Chains of elementwise steps (ops/cpu/row_chain.h) of which some are functions that take many
// steps themselves: on packs of vectors (pack_cpu.h), with the bits of their tile functions.

#ifndef BITALE_OPS_ELEMENTWISE_PACK_CHAIN_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_CHAIN_CPU_H_

#include "ops/cpu/row_chain.h"

namespace bitale {

// Whether there is code for this processor's instruction set.
bool has_pack_chains();

// A chain without a fold, of float32 or float64.
void run_pack_chain(const cpu::row_chain::Chain& chain, bool is_double);

// The same on vectors of so many bytes, made in packed_tiles_<instruction set>_cpu.cc.
template <typename T, int kVectorBytes>
void run_chain_on_packs(const cpu::row_chain::Chain& chain);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_PACK_CHAIN_CPU_H_
