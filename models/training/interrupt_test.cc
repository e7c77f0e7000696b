#include "models/training/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>

namespace bitale {
namespace {

using Handler = void (*)(int);

Handler handler_of(int number) {
  struct sigaction action = {};
  sigaction(number, nullptr, &action);
  return action.sa_handler;
}

class InterruptGuardOf : public ::testing::TestWithParam<int> {};

TEST_P(InterruptGuardOf, TurnsTheSignalIntoAFlag) {
  const InterruptGuard guard;
  EXPECT_FALSE(guard.interrupted());
  std::raise(GetParam());
  EXPECT_TRUE(guard.interrupted());
}

TEST_P(InterruptGuardOf, StartsWithoutTheFlagOfAnEarlierOne) {
  {
    const InterruptGuard earlier;
    std::raise(GetParam());
  }
  EXPECT_FALSE(InterruptGuard().interrupted());
}

TEST_P(InterruptGuardOf, LeavesASecondSignalToTheSystem) {
  const InterruptGuard guard;
  EXPECT_NE(handler_of(GetParam()), SIG_DFL);
  std::raise(GetParam());
  EXPECT_EQ(handler_of(GetParam()), SIG_DFL);
}

TEST_P(InterruptGuardOf, BringsTheEarlierHandlerBack) {
  const Handler earlier = [](int) {};
  const Handler first = std::signal(GetParam(), earlier);
  {
    const InterruptGuard guard;
    EXPECT_NE(handler_of(GetParam()), earlier);
    std::raise(GetParam());
  }
  EXPECT_EQ(handler_of(GetParam()), earlier);
  std::signal(GetParam(), first);
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptGuardOf, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& info) {
                           return info.param == SIGINT ? "Interrupt" : "Termination";
                         });

}  // namespace
}  // namespace bitale
