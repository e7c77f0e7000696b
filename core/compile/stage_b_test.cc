// Composites become their formulas, as deep as these go, and formulas without an end are found out.

#include "core/compile/stage_b.h"

#include <memory>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

// A function of two operands, known by its name only.
class LeafOp final : public Op {
 public:
  std::string_view name() const override { return "test_leaf"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
};

Variable leaf(const Variable& x, const Variable& y) {
  return apply_one(std::make_shared<LeafOp>(), {x, y});
}

// A composite whose formula holds composites down to `depth`, two in each.
class NestedOp final : public Op {
 public:
  explicit NestedOp(int depth) : depth_(depth) {}
  std::string_view name() const override { return "test_nested"; }
  Traits traits() const override { return {.composite = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
  Variables formula(std::span<const Variable> inputs) const override {
    const Variable& x = inputs[0];
    if (depth_ == 1) return {leaf(x, x)};
    const auto within = std::make_shared<NestedOp>(depth_ - 1);
    return {leaf(apply_one(within, {x}), apply_one(within, {leaf(x, x)}))};
  }

 private:
  int depth_;
};

// Two composites, each of which is stated by the other.
class CircularOp final : public Op {
 public:
  explicit CircularOp(bool first) : first_(first) {}
  std::string_view name() const override { return first_ ? "test_hen" : "test_egg"; }
  Traits traits() const override { return {.composite = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
  Variables formula(std::span<const Variable> inputs) const override {
    return {apply_one(std::make_shared<CircularOp>(!first_), {inputs[0]})};
  }

 private:
  bool first_;
};

void run_on(FunctionGraph& graph, const Variable& x) {
  ShapeAnalysis analysis;
  analysis.set_dims(x, {3});
  run_stage_b(graph, analysis);
}

TEST(StageB, ExpandsFormulasWithinFormulas) {
  const Variable x = vector("x");
  FunctionGraph graph(Variables{apply_one(std::make_shared<NestedOp>(5), {x})});
  run_on(graph, x);
  for (const Apply* apply : graph.topological_order()) EXPECT_EQ(apply->op().name(), "test_leaf");
  EXPECT_GE(graph.apply_count(), 5u);
}

TEST(StageB, ExpandsAsManyCompositesAsThereAre) {
  const Variable x = vector("x");
  Variable y = x;
  for (int i = 0; i < 2000; ++i) y = apply_one(std::make_shared<NestedOp>(1), {y});
  FunctionGraph graph(Variables{y});
  run_on(graph, x);
  EXPECT_EQ(graph.apply_count(), 2000u);
}

void expect_no_end(const Variable& x, const Variable& y, const std::string& op) {
  FunctionGraph graph(Variables{y});
  try {
    run_on(graph, x);
    FAIL() << "a formula without an end came to one";
  } catch (const CompileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find(op + ": formulas within formulas do not come to an end"), 0u) << text;
  }
  // What doubles with each depth is found out before it fills the memory.
  EXPECT_LT(graph.apply_count(), 10000u);
}

TEST(StageB, NamesTheOpWhoseFormulaComesBackToIt) {
  const Variable x = vector("x");
  expect_no_end(x, apply_one(std::make_shared<CircularOp>(true), {x}), "test_hen");
}

TEST(StageB, NamesTheOpWhoseFormulaHoldsItselfTwice) {
  const Variable x = vector("x");
  expect_no_end(x, apply_one(std::make_shared<NestedOp>(1000), {x}), "test_nested");
}

}  // namespace
}  // namespace bitale
