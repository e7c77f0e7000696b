#if defined(__x86_64__)

#include "hwy/base.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")

#include "ops/elementwise/pack_avx512_cpu.h"
// After the pack, which they are used with.
#include "ops/elementwise/run_pack_chain_cpu.h"
#include "ops/elementwise/run_packs_cpu.h"

namespace bitale {

template struct AllPacks<64>;
template void run_chain_on_packs<float, 64>(const cpu::row_chain::Chain&);
template void run_chain_on_packs<double, 64>(const cpu::row_chain::Chain&);

}  // namespace bitale

HWY_POP_ATTRIBUTES

#endif  // defined(__x86_64__)
