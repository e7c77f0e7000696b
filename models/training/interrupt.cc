#include "models/training/interrupt.h"

#include <csignal>

namespace bitale {
namespace {

volatile std::sig_atomic_t signal_seen = 0;

void on_signal(int number) {
  signal_seen = 1;
  std::signal(number, SIG_DFL);  // the next one ends the process
}

}  // namespace

InterruptGuard::InterruptGuard() {
  signal_seen = 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a read or write that is under way goes on
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &termination_before_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &termination_before_, nullptr);
}

bool InterruptGuard::interrupted() const { return signal_seen != 0; }

}  // namespace bitale
