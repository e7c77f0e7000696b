// What the three training programs have in common: flags, data, the run, its last lines and report.

#ifndef BITALE_MODELS_PROGRAM_PROGRAM_H_
#define BITALE_MODELS_PROGRAM_PROGRAM_H_

#include <string>
#include <vector>

#include "models/networks/networks.h"

namespace bitale {

struct TrainingProgram {
  std::string name;
  std::string purpose;
  // Defaults of the flags, and the names of those that not all programs have.
  Settings defaults = {};
  std::vector<std::string> model_flags = {};
  Network (*build)(const DataSets& data, const Settings& settings) = nullptr;
  // The tutorial prints "training @ iter = 100".
  bool announce_iterations = false;
  // The last lines of the run, as the tutorial's program prints them.
  std::string (*last_lines)(const TrainingResult& result) = nullptr;
};

// Runs the program and returns its exit code: 0; 1 with one line on stderr where data or files
// cannot be read or written; 2 with one line for a bad flag.
int run_program(const TrainingProgram& program, int argc, char** argv);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_PROGRAM_H_
