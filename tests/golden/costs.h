// Sequences of costs, as files of golden values and the programs' --cost_log hold them.

#ifndef BITALE_TESTS_GOLDEN_COSTS_H_
#define BITALE_TESTS_GOLDEN_COSTS_H_

#include <string>
#include <vector>

namespace bitale {

// The costs of a CSV "iteration,cost" whose iterations count from 0. A test failure where the file
// is missing or reads otherwise.
std::vector<double> read_costs(const std::string& path);

}  // namespace bitale

#endif  // BITALE_TESTS_GOLDEN_COSTS_H_
