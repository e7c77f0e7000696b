// The command line of the training programs.
//
// Values are parsed by absl::ParseFlag, from a table of our own: absl::ParseCommandLine prints
// several lines and exits with code 1 for a bad flag, knows nothing of ranges, and gives a flag one
// default for all programs. Here a bad value is one line and exit code 2, and each program has its
// defaults.

#ifndef BITALE_MODELS_TRAINING_FLAGS_H_
#define BITALE_MODELS_TRAINING_FLAGS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/dtype.h"

namespace bitale {

// What a run is told. A program fills in its defaults and parses over them.
struct Settings {
  double learning_rate = 0.1;
  int64_t n_epochs = 200;
  int64_t batch_size = 500;
  std::array<int64_t, 2> nkerns = {20, 50};
  int64_t n_hidden = 500;
  double L1_reg = 0;
  double L2_reg = 0;
  int64_t seed = 23455;
  int64_t patience = 10000;
  std::string data_dir = "";
  DType float_x = DType::kFloat32;
  std::string device = "cpu";
  int64_t threads = 0;         // 0: the hardware's
  int64_t max_iterations = 0;  // 0: no limit
  int64_t max_bytes = 0;       // 0: no limit
  std::string cost_log = "";
  std::string checkpoint = "";
  bool resume = false;
  std::string report = "";
  bool summary = false;
  bool profile = false;
  std::string profile_trace = "";
  bool help = false;
};

// Parses `arguments` (without the program's name) over `settings`. `model_flags` are the flags of
// this program beside those that all have: "nkerns", "n_hidden", "L1_reg", "L2_reg", "seed".
// InvalidArgument with a message of one line for a bad flag or value.
absl::Status parse_flags(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& model_flags, Settings& settings);

// The text of --help; defaults are those in `settings`.
std::string flags_help(const std::string& program, const std::string& purpose,
                       const std::vector<std::string>& model_flags, Settings settings);

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_FLAGS_H_
