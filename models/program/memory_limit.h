// --max_bytes: whether a run stays below it, found out before training.

#ifndef BITALE_MODELS_PROGRAM_MEMORY_LIMIT_H_
#define BITALE_MODELS_PROGRAM_MEMORY_LIMIT_H_

#include "absl/status/status.h"
#include "models/networks/networks.h"

namespace bitale {

// ResourceExhausted where a minibatch of `settings.batch_size` images takes more than
// `settings.max_bytes`, with the largest --batch_size that was found to fit. `build` makes the
// network: one of its own for each size that is tried.
absl::Status check_memory_limit(Network (*build)(const DataSets& data, const Settings& settings),
                                const DataSets& data, const Settings& settings);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_MEMORY_LIMIT_H_
