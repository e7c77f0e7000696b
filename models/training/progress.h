// A progress bar on a terminal; nothing where the output is a file or a pipe.

#ifndef BITALE_MODELS_TRAINING_PROGRESS_H_
#define BITALE_MODELS_TRAINING_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace bitale {

// "epoch 3/200 [=====>    ]  52 % 9514 images/s cost 0.0712 left 2h04m".
std::string progress_line(int64_t epoch, int64_t epochs, double share_of_epoch,
                          double images_per_second, double cost, double seconds_left);

// stderr where that is a terminal, else null.
std::FILE* stderr_terminal();

class Progress {
 public:
  // Draws on `terminal`; nothing if that is null. `first_iteration` of `total_iterations` is the
  // next one; an iteration has `batch_size` images.
  Progress(std::FILE* terminal, int64_t first_iteration, int64_t total_iterations,
           int64_t batches_per_epoch, int64_t batch_size);
  ~Progress();

  // After iteration `iteration`; draws at most ten times a second.
  void update(int64_t iteration, double cost);
  // Makes room for a printed line; the next update draws the bar again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::FILE* terminal_;
  bool drawn_ = false;
  int64_t first_iteration_;
  int64_t total_iterations_;
  int64_t batches_per_epoch_;
  int64_t batch_size_;
  Clock::time_point start_;
  Clock::time_point last_draw_;
};

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_PROGRESS_H_
