// Ctrl-C as a flag that a loop can look at, so that a run ends cleanly with its best result.

#ifndef BITALE_MODELS_TRAINING_INTERRUPT_H_
#define BITALE_MODELS_TRAINING_INTERRUPT_H_

namespace bitale {

// While one of these lives, SIGINT and SIGTERM set the flag; a second one ends the process.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;
};

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_INTERRUPT_H_
