// Ctrl-C as a flag that a loop can look at, so that a run ends cleanly with its best result.

#ifndef BITALE_MODELS_TRAINING_INTERRUPT_H_
#define BITALE_MODELS_TRAINING_INTERRUPT_H_

#include <signal.h>

namespace bitale {

// While one of these lives, the first SIGINT or SIGTERM sets the flag; a second one of the same
// kind ends the process. There is one flag, so one guard lives at a time.
class InterruptGuard {
 public:
  // Clears the flag.
  InterruptGuard();
  // Brings the handlers back that were there before.
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;

 private:
  struct sigaction interrupt_before_;
  struct sigaction termination_before_;
};

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_INTERRUPT_H_
