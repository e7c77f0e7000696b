// The tutorial's training loop: minibatches in file order, validation, a test on each new best,
// early stopping, its console lines; and around it a progress bar, a cost log, checkpoints and
// Ctrl-C.

#ifndef BITALE_MODELS_TRAINING_TRAINER_H_
#define BITALE_MODELS_TRAINING_TRAINER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/compile/function.h"
#include "models/training/checkpoint.h"
#include "models/training/early_stopping.h"

namespace bitale {

// A model, ready to be trained: functions of a minibatch's number.
struct TrainingTask {
  std::string name;
  Function train;     // one step; returns the cost before it
  Function validate;  // share of errors
  Function test;      // share of errors
  int64_t train_batches = 0;
  int64_t valid_batches = 0;
  int64_t test_batches = 0;
  int64_t batch_size = 0;
  std::vector<NamedParameter> parameters;
};

struct TrainerOptions {
  int64_t n_epochs = 200;
  // Ends the run after this many iterations; 0 for no limit.
  int64_t max_iterations = 0;
  EarlyStoppingOptions early_stopping = {};
  // CSV "iteration,cost"; empty for none.
  std::string cost_log = "";
  // Written at every validation and at the end; empty for none.
  std::string checkpoint = "";
  // Continue from `checkpoint` if the file exists.
  bool resume = false;
  // Settings that must not change between runs of one checkpoint.
  std::string settings = "";
  // Print "training @ iter = 100" every 100 iterations.
  bool announce_iterations = true;
  bool quiet = false;
};

struct TrainingResult {
  TrainingState state;
  int64_t epochs = 0;
  double seconds = 0;
  bool interrupted = false;
};

// Runs until the epochs, the iterations or the patience are used up, or until Ctrl-C. Errors: a log
// or checkpoint that cannot be read or written, a cost that is not finite.
absl::StatusOr<TrainingResult> train(const TrainingTask& task, const TrainerOptions& options);

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_TRAINER_H_
