// Everything that a run needs to continue to the same bits, in one safetensors file.

#ifndef BITALE_MODELS_TRAINING_CHECKPOINT_H_
#define BITALE_MODELS_TRAINING_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/graph/variable.h"
#include "models/training/early_stopping.h"

namespace bitale {

// A parameter under the name that files show: "layer0.W".
struct NamedParameter {
  std::string name;
  Variable variable;
};

struct TrainingState {
  // The iteration that comes next, counted from 0 over all epochs.
  int64_t next_iteration = 0;
  EarlyStopping early_stopping{EarlyStoppingOptions{}};
  // Settings that must be equal to continue: "batch_size=500 ...".
  std::string settings;
  // Cost of every iteration and (iteration, error) of every validation and test so far.
  std::vector<double> costs;
  std::vector<std::pair<int64_t, double>> validation_errors;
  std::vector<std::pair<int64_t, double>> test_errors;
};

// Writes the current values of `parameters` and `state`; the file is complete or as it was before.
absl::Status save_checkpoint(const std::string& path, const std::vector<NamedParameter>& parameters,
                             const TrainingState& state);

// Sets `parameters` to the file's values and returns its state. The parameters keep their values if
// anything is wrong: a missing or additional name, another dtype or shape, other settings.
absl::StatusOr<TrainingState> load_checkpoint(const std::string& path,
                                              const std::vector<NamedParameter>& parameters,
                                              const std::string& settings);

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_CHECKPOINT_H_
