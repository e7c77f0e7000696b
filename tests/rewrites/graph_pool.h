// What a random graph is drawn from while it grows: its inputs, and all expressions so far.

#ifndef BITALE_TESTS_REWRITES_GRAPH_POOL_H_
#define BITALE_TESTS_REWRITES_GRAPH_POOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "tests/rewrites/random_graph.h"
#include "tests/rewrites/tracked.h"

namespace bitale {

class GraphPool {
 public:
  // Everything drawn follows from `seed`.
  explicit GraphPool(uint64_t seed);

  // Of all floating expressions: float32 in one of three graphs, else float64.
  DType dtype() const { return dtype_; }
  const std::vector<Tracked>& expressions() const { return expressions_; }

  // A number in [0, count).
  size_t pick(size_t count);
  // Any expression; it stays where it is until the next one is kept.
  const Tracked& any() { return expressions_[pick(expressions_.size())]; }
  // A floating one; late ones more often, so that graphs grow deep.
  const Tracked& any_float();
  // One of those that `fits` accepts; nothing where it accepts none.
  template <typename Fits>
  std::optional<Tracked> any_that(Fits fits) {
    std::vector<const Tracked*> found;
    for (const Tracked& x : expressions_) {
      if (fits(x)) found.push_back(&x);
    }
    if (found.empty()) return std::nullopt;
    return *found[pick(found.size())];
  }

  // A new input and expression, whose dims are fixed, named or unknown. Floats lie in [-2, 2],
  // integers in [-5, 5].
  void add_leaf(const Dims& shape, DType dtype);
  // A new input of int64 indices into an axis of this length; negative ones count from its end.
  Variable add_indices(const Dims& shape, int64_t length);

  // Adds an expression, squashed by tanh where it is too large; leaves it out where rounding has
  // taken it too far off.
  void keep(Tracked x);

  // The graph of the last three expressions.
  RandomGraph finish();

 private:
  uint64_t seed_of_next_input() const { return seed_ * 64 + graph_.inputs.size(); }

  std::mt19937_64 generator_;
  uint64_t seed_;
  DType dtype_;
  RandomGraph graph_;
  std::vector<Tracked> expressions_;
};

// Whether two operands go together elementwise, as far as lengths are concerned.
bool fit(const Tracked& a, const Tracked& b);
// The same for one axis of each.
bool fit(const Tracked& a, size_t axis_of_a, const Tracked& b, size_t axis_of_b);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_GRAPH_POOL_H_
