// Nets as hand-chained oneDNN primitives: what the library gives to someone who plans memory and
// layouts for one net by hand.

#ifndef BITALE_TOOLS_BENCH_PEERS_ONEDNN_NET_H_
#define BITALE_TOOLS_BENCH_PEERS_ONEDNN_NET_H_

#include "common.h"
#include "nets.h"

namespace peers {

// A training step or inference, in the best of several layouts. std::invalid_argument for float64,
// which oneDNN has not.
Workload onednn_net(const Net& net);

}  // namespace peers

#endif  // BITALE_TOOLS_BENCH_PEERS_ONEDNN_NET_H_
