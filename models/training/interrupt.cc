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
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() const { return signal_seen != 0; }

}  // namespace bitale
