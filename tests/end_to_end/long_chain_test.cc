// Graphs of hundreds of thousands of nodes: nothing recurses, so nothing overflows the stack.

#include <string>

#include "autograd/grad.h"
#include "core/graph/inputs.h"
#include "core/graph/printer.h"
#include "core/graph/traversal.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

constexpr int kNodes = 300'000;

Variable chain(const Variable& x, int nodes) {
  Variable y = x;
  for (int i = 0; i < nodes; ++i) y = sin(y);
  return y;
}

TEST(LongChain, IsBuiltTraversedAndFreed) {
  const Variable x = dscalar("x");
  Variable y = chain(x, kNodes);
  EXPECT_EQ(topological_order({&y, 1}).size(), static_cast<size_t>(kNodes));
  y = Variable();
  EXPECT_EQ(leaves({&x, 1}).size(), 1u);
}

TEST(LongChain, IsClonedAndCompared) {
  const Variable x = dscalar("x");
  const Variables y = {chain(x, kNodes)};
  Replacements copies;
  const Variables copy = clone_graph(y, copies);
  EXPECT_NE(copy[0], y[0]);
  EXPECT_TRUE(structurally_equal(copy, y));
}

TEST(LongChain, IsDifferentiated) {
  const Variable x = dscalar("x");
  const Variable gradient = grad(chain(x, kNodes), x);
  EXPECT_GE(topological_order({&gradient, 1}).size(), static_cast<size_t>(2 * kNodes));
}

TEST(LongChain, IsPrinted) {
  const Variable x = dscalar("x");
  const std::string text = debugprint(chain(x, kNodes));
  size_t lines = 0;
  for (const char c : text) lines += c == '\n';
  EXPECT_GE(lines, static_cast<size_t>(kNodes));
}

}  // namespace
}  // namespace bitale
