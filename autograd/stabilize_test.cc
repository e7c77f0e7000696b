#include "autograd/stabilize.h"

#include <cmath>
#include <memory>
#include <optional>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

// The square, written in a way whose derivative is lost; a rule knows the safe way.
class UnsafeSquareOp final : public Op {
 public:
  std::string_view name() const override { return "unsafe_square_of_test"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
};

Variable unsafe_square(const Variable& x) {
  return apply_one(std::make_shared<UnsafeSquareOp>(), {x}, SourceSite::current());
}

const RuleRegistrar registrar({
    .name = "safe_square_of_test",
    .phase = Phase::kStabilize,
    .why = "a rule for this test",
    .op = "unsafe_square_of_test",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      return Variables{sqr(apply.input(0))};
    },
});

TEST(StabilizedClone, AppliesTheRules) {
  const Variable x = dscalar("x");
  const Variable stable = stabilized_clone({exp(unsafe_square(x))}, {x})[0];
  EXPECT_TRUE(structurally_equal(Variables{stable}, Variables{exp(sqr(x))}));
}

TEST(StabilizedClone, ReturnsTheOriginalWhereNoRuleFires) {
  const Variable x = dscalar("x");
  const Variable y = exp(sin(x));
  EXPECT_EQ(stabilized_clone({y}, {x})[0], y);
}

TEST(StabilizedClone, CopiesOnlyWhatDependsOnAReplacement) {
  const Variable x = dscalar("x");
  const Variable kept = sin(x);
  const Variable stable = stabilized_clone({kept + unsafe_square(kept)}, {x})[0];
  EXPECT_EQ(stable.owner()->input(0), kept);
  EXPECT_EQ(stable.owner()->input(1).owner()->input(0), kept);
}

TEST(StabilizedClone, LeavesTheOriginalAsItIs) {
  const Variable x = dscalar("x");
  const Variable square = unsafe_square(x);
  const Variable y = exp(square);
  stabilized_clone({y}, {x});
  EXPECT_EQ(y.owner()->input(0), square);
}

TEST(StabilizedClone, KeepsTheBoundaryAndWhatLiesBehindIt) {
  const Variable x = dscalar("x");
  const Variable square = unsafe_square(x);
  const Variable y = exp(unsafe_square(square));
  const Variable stable = stabilized_clone({y}, {square})[0];
  EXPECT_TRUE(structurally_equal(Variables{stable}, Variables{exp(sqr(square))}));
}

TEST(Grad, DifferentiatesTheStabilizedGraph) {
  const Variable x = dscalar("x");
  const Variable cost = exp(unsafe_square(x));
  EXPECT_NEAR(eval(grad(cost, x), {{x, Tensor(0.5)}}).item<double>(), std::exp(0.25), 1e-12);
}

}  // namespace
}  // namespace bitale
