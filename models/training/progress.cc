#include "models/training/progress.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_format.h"

namespace bitale {
namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kDrawInterval(100);
// To the left edge, and erase to the right one.
constexpr char kEraseLine[] = "\r\033[K";

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(seconds, 0.0));
  if (whole >= 3600) return absl::StrFormat("%dh%02dm", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return absl::StrFormat("%dm%02ds", whole / 60, whole % 60);
  return absl::StrFormat("%ds", whole);
}

}  // namespace

std::string progress_line(int64_t epoch, int64_t epochs, double share_of_epoch,
                          double images_per_second, double cost, double seconds_left) {
  const int filled = std::clamp(static_cast<int>(share_of_epoch * kBarWidth), 0, kBarWidth);
  std::string bar(static_cast<size_t>(filled), '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return absl::StrFormat("epoch %d/%d [%s] %3.0f %% %.0f images/s cost %.4f left %s", epoch, epochs,
                         bar, 100 * share_of_epoch, images_per_second, cost,
                         duration(seconds_left));
}

std::FILE* stderr_terminal() { return isatty(STDERR_FILENO) != 0 ? stderr : nullptr; }

Progress::Progress(std::FILE* terminal, int64_t first_iteration, int64_t total_iterations,
                   int64_t batches_per_epoch, int64_t batch_size)
    : terminal_(terminal),
      first_iteration_(first_iteration),
      total_iterations_(total_iterations),
      batches_per_epoch_(batches_per_epoch),
      batch_size_(batch_size),
      start_(Clock::now()),
      last_draw_(start_ - kDrawInterval) {}

Progress::~Progress() { clear(); }

void Progress::update(int64_t iteration, double cost) {
  if (terminal_ == nullptr) return;
  const Clock::time_point now = Clock::now();
  if (now - last_draw_ < kDrawInterval) return;
  last_draw_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto done = static_cast<double>(iteration + 1 - first_iteration_);
  const double rate = seconds > 0 ? done / seconds : 0;
  const auto left = static_cast<double>(total_iterations_ - iteration - 1);
  const int64_t epochs = (total_iterations_ + batches_per_epoch_ - 1) / batches_per_epoch_;
  const std::string line =
      progress_line(iteration / batches_per_epoch_ + 1, epochs,
                    static_cast<double>(iteration % batches_per_epoch_ + 1) /
                        static_cast<double>(batches_per_epoch_),
                    rate * static_cast<double>(batch_size_), cost, rate > 0 ? left / rate : 0);
  std::fprintf(terminal_, "%s%s", kEraseLine, line.c_str());
  std::fflush(terminal_);
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs(kEraseLine, terminal_);
  std::fflush(terminal_);
  drawn_ = false;
}

}  // namespace bitale
