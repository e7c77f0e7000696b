// The tutorial's early stopping: patience that grows with every clear improvement.

#ifndef BITALE_MODELS_TRAINING_EARLY_STOPPING_H_
#define BITALE_MODELS_TRAINING_EARLY_STOPPING_H_

#include <algorithm>
#include <cstdint>
#include <limits>

namespace bitale {

struct EarlyStoppingOptions {
  // Iterations to look at regardless.
  int64_t patience = 10000;
  // Wait this many times as long when a new best is found.
  double patience_increase = 2;
  // A validation error below this share of the best one counts as clear.
  double improvement_threshold = 0.995;
};

// Its state is plain data, so that a checkpoint can hold it.
struct EarlyStopping {
  double patience = 0;
  double best_validation_error = std::numeric_limits<double>::infinity();
  int64_t best_iteration = 0;
  double test_error = 0;

  explicit EarlyStopping(const EarlyStoppingOptions& options)
      : patience(static_cast<double>(options.patience)) {}

  // Takes a validation error; returns whether it is the best so far.
  bool observe(double validation_error, int64_t iteration, const EarlyStoppingOptions& options) {
    if (!(validation_error < best_validation_error)) return false;
    if (validation_error < best_validation_error * options.improvement_threshold) {
      patience = std::max(patience, static_cast<double>(iteration) * options.patience_increase);
    }
    best_validation_error = validation_error;
    best_iteration = iteration;
    return true;
  }

  bool should_stop(int64_t iteration) const { return patience <= static_cast<double>(iteration); }
};

// How many minibatches lie between validations.
inline int64_t validation_frequency(int64_t train_batches, const EarlyStoppingOptions& options) {
  return std::max<int64_t>(1, std::min(train_batches, options.patience / 2));
}

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_EARLY_STOPPING_H_
