#include "ops/elementwise/pack_chain_cpu.h"

#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {

#if defined(__x86_64__)
bool has_pack_chains() { return (supported_targets() & HWY_AVX2) != 0; }

void run_pack_chain(const cpu::row_chain::Chain& chain, bool is_double) {
  const bool is_wide = (supported_targets() & HWY_AVX3) != 0;
  if (is_double)
    return (is_wide ? run_chain_on_packs<double, 64> : run_chain_on_packs<double, 32>)(chain);
  (is_wide ? run_chain_on_packs<float, 64> : run_chain_on_packs<float, 32>)(chain);
}
#else
bool has_pack_chains() { return false; }
void run_pack_chain(const cpu::row_chain::Chain&, bool) {}
#endif

}  // namespace bitale
