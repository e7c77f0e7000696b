#include "tests/golden/costs.h"

#include <fstream>

#include "gtest/gtest.h"

namespace bitale {

std::vector<double> read_costs(const std::string& path) {
  std::ifstream file(path);
  std::vector<double> costs;
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "iteration,cost") << path;
  while (std::getline(file, line)) {
    const size_t comma = line.find(',');
    EXPECT_EQ(line.substr(0, comma), std::to_string(costs.size())) << path;
    costs.push_back(std::stod(line.substr(comma + 1)));
  }
  return costs;
}

}  // namespace bitale
