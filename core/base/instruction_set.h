// The instruction set that CPU kernels run on.
//
// Kernels are compiled for several, the targets of Highway, and a call takes the best of them that
// the processor has. The environment variable BITALE_MAX_CPU_ISA keeps a process from those above
// the one it names, so that a machine gives the results of a lesser one, and shows its speed:
//
//   BITALE_MAX_CPU_ISA=AVX2 ./program
//
// Names are Highway's, on x86 from the least: EMU128 (portable code; SCALAR with compilers for
// which that is one element at a time), SSSE3, SSE4, AVX2, AVX3 (which is AVX-512). One that the
// processor does not reach limits nothing; of one that is no name stderr is told, and it limits
// nothing either. The variable is read once, before main.
//
// Results on two instruction sets differ in rounding: sums are split by vectors, and what lies
// below AVX2 rounds between a product and its addition. The C library, whose functions some kernels
// call, is not limited.

#ifndef BITALE_CORE_BASE_INSTRUCTION_SET_H_
#define BITALE_CORE_BASE_INSTRUCTION_SET_H_

#include <string_view>

namespace bitale {

// The name of the instruction set that kernels run on in this process.
std::string_view instruction_set();

}  // namespace bitale

#endif  // BITALE_CORE_BASE_INSTRUCTION_SET_H_
