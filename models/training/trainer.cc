#include "models/training/trainer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "models/training/interrupt.h"
#include "models/training/progress.h"

namespace bitale {
namespace {

using FileHandle = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

double mean_error(const Function& error_of, int64_t batches) {
  double total = 0;
  for (int64_t batch = 0; batch < batches; ++batch) total += error_of(batch).item<double>();
  return total / static_cast<double>(batches);
}

absl::Status cost_log_error(const TrainerOptions& options) {
  const int code = errno;
  return absl::ErrnoToStatus(code, absl::StrCat("cannot write the cost log ", options.cost_log));
}

absl::StatusOr<FileHandle> open_cost_log(const TrainerOptions& options,
                                         const TrainingState& state) {
  FileHandle file(nullptr, std::fclose);
  if (options.cost_log.empty()) return file;
  file.reset(std::fopen(options.cost_log.c_str(), "w"));
  if (file == nullptr) return cost_log_error(options);
  std::fprintf(file.get(), "iteration,cost\n");
  for (size_t i = 0; i < state.costs.size(); ++i) {
    std::fprintf(file.get(), "%zu,%.12f\n", i, state.costs[i]);
  }
  // Now rather than hours later, when a buffer is full.
  if (std::fflush(file.get()) != 0 || std::ferror(file.get())) return cost_log_error(options);
  return file;
}

absl::Status close_cost_log(FileHandle file, const TrainerOptions& options) {
  const bool written = file == nullptr || std::fclose(file.release()) == 0;
  return written ? absl::OkStatus() : cost_log_error(options);
}

class Trainer {
 public:
  Trainer(const TrainingTask& task, const TrainerOptions& options, TrainingState& state)
      : task_(task),
        options_(options),
        state_(state),
        last_iteration_(options.n_epochs * task.train_batches),
        frequency_(validation_frequency(task.train_batches, options.early_stopping)),
        progress_(stderr_terminal(), state.next_iteration, last_iteration(), task.train_batches,
                  task.batch_size) {}

  absl::Status run(std::FILE* cost_log) {
    // A checkpoint may be of a run that had stopped.
    while (state_.next_iteration < last_iteration() && !interrupts_.interrupted() &&
           !state_.early_stopping.should_stop(state_.next_iteration - 1)) {
      const int64_t iteration = state_.next_iteration;
      const int64_t batch = iteration % task_.train_batches;
      if (options_.announce_iterations && iteration % 100 == 0) {
        say(absl::StrCat("training @ iter = ", iteration));
      }
      const double cost = task_.train(batch).item<double>();
      if (!std::isfinite(cost)) {
        return absl::InternalError(absl::StrCat("the cost of iteration ", iteration, " is ", cost,
                                                ": try a smaller --learning_rate"));
      }
      state_.costs.push_back(cost);
      if (cost_log != nullptr &&
          std::fprintf(cost_log, "%lld,%.12f\n", static_cast<long long>(iteration), cost) < 0) {
        return cost_log_error(options_);
      }
      state_.next_iteration = iteration + 1;
      progress_.update(iteration, cost);
      if ((iteration + 1) % frequency_ == 0) {
        validate(iteration);
        const absl::Status saved = save();
        if (!saved.ok()) return saved;
      }
    }
    progress_.clear();
    return save();
  }

  bool interrupted() const { return interrupts_.interrupted(); }

 private:
  int64_t last_iteration() const {
    return options_.max_iterations > 0 ? std::min(options_.max_iterations, last_iteration_)
                                       : last_iteration_;
  }

  void say(const std::string& line) {
    if (options_.quiet) return;
    progress_.clear();
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  void validate(int64_t iteration) {
    const double error = mean_error(task_.validate, task_.valid_batches);
    state_.validation_errors.emplace_back(iteration, error);
    const int64_t epoch = iteration / task_.train_batches + 1;
    char line[160];
    std::snprintf(line, sizeof line, "epoch %lld, minibatch %lld/%lld, validation error %f %%",
                  static_cast<long long>(epoch),
                  static_cast<long long>(iteration % task_.train_batches + 1),
                  static_cast<long long>(task_.train_batches), error * 100);
    say(line);
    if (!state_.early_stopping.observe(error, iteration, options_.early_stopping)) return;
    const double test_error = mean_error(task_.test, task_.test_batches);
    state_.early_stopping.test_error = test_error;
    state_.test_errors.emplace_back(iteration, test_error);
    std::snprintf(
        line, sizeof line, "     epoch %lld, minibatch %lld/%lld, test error of best model %f %%",
        static_cast<long long>(epoch), static_cast<long long>(iteration % task_.train_batches + 1),
        static_cast<long long>(task_.train_batches), test_error * 100);
    say(line);
  }

  absl::Status save() const {
    if (options_.checkpoint.empty()) return absl::OkStatus();
    return save_checkpoint(options_.checkpoint, task_.parameters, state_);
  }

  const TrainingTask& task_;
  const TrainerOptions& options_;
  TrainingState& state_;
  const int64_t last_iteration_;
  const int64_t frequency_;
  InterruptGuard interrupts_;
  Progress progress_;
};

}  // namespace

absl::StatusOr<TrainingResult> train(const TrainingTask& task, const TrainerOptions& options) {
  TrainingResult result;
  result.state.settings = options.settings;
  result.state.early_stopping = EarlyStopping(options.early_stopping);
  if (options.resume && !options.checkpoint.empty() &&
      std::filesystem::exists(options.checkpoint)) {
    absl::StatusOr<TrainingState> state =
        load_checkpoint(options.checkpoint, task.parameters, options.settings);
    if (!state.ok()) return state.status();
    result.state = *std::move(state);
  }
  absl::StatusOr<FileHandle> cost_log = open_cost_log(options, result.state);
  if (!cost_log.ok()) return cost_log.status();
  const int64_t first_iteration = result.state.next_iteration;
  const auto start = std::chrono::steady_clock::now();
  Trainer trainer(task, options, result.state);
  absl::Status status = trainer.run(cost_log->get());
  status.Update(close_cost_log(*std::move(cost_log), options));
  if (!status.ok()) return status;
  result.interrupted = trainer.interrupted();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.epochs =
      (result.state.next_iteration - first_iteration + task.train_batches - 1) / task.train_batches;
  return result;
}

}  // namespace bitale
