// The table that --summary prints.

#ifndef BITALE_MODELS_PROGRAM_SUMMARY_H_
#define BITALE_MODELS_PROGRAM_SUMMARY_H_

#include <string>
#include <vector>

#include "models/networks/network.h"

namespace bitale {

// 431080 as "431,080".
std::string with_commas(int64_t number);

// A line per layer (name, kind, output shape, parameters, multiply-adds per image) and their sums.
std::string summary_table(const std::vector<LayerSummary>& layers);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_SUMMARY_H_
