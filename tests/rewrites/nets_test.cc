// All rules on the training steps of whole nets: the same canonical graph in any order of rules,
// the same values as without, and no more nodes than a step needs.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "autograd/grad.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/printer.h"
#include "core/graph/traversal.h"
#include "core/rewrite/driver.h"
#include "core/rewrite/pattern.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/reshape.h"
#include "ops/softmax/softmax.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// A cost, the new weights after a step down its gradient, and values to try them with.
struct Step {
  std::string name;
  Variables inputs;
  std::vector<Tensor> values;
  Variables outputs;
};

class Maker {
 public:
  explicit Maker(std::string name) { step_.name = std::move(name); }

  Variable input(SymbolicDims dims, const Dims& shape) {
    const Variable v =
        tensor(DType::kFloat64, std::move(dims), absl::StrCat("v", step_.inputs.size()));
    step_.inputs.push_back(v);
    step_.values.push_back(random_tensor(shape, -0.7, 0.7, step_.inputs.size()));
    return v;
  }
  Variable weight(const Dims& shape) {
    weights_.push_back(input(SymbolicDims(shape.begin(), shape.end()), shape));
    return weights_.back();
  }
  Variable labels(int64_t count, int64_t classes) {
    const Variable y = lvector("y");
    step_.inputs.push_back(y);
    step_.values.push_back(random_integers({count}, 0, classes, DType::kInt64, 3));
    return y;
  }
  Step descend(const Variable& cost) {
    step_.outputs = {cost};
    const Variables gradients = grad(cost, weights_);
    for (size_t i = 0; i < weights_.size(); ++i) {
      step_.outputs.push_back(weights_[i] - 0.1 * gradients[i]);
    }
    return std::move(step_);
  }

 private:
  Step step_;
  Variables weights_;
};

Variable negative_log_likelihood(const Variable& logits, const Variable& y) {
  return -mean(log(softmax(logits))[{arange(shape(y, 0)), y}]);
}

Step perceptron() {
  Maker make("multilayer perceptron");
  const Variable x = make.input({Dim("batch"), 6}, {4, 6}), y = make.labels(4, 3);
  const Variable hidden = relu(dot(x, make.weight({6, 5})) + make.weight({5}));
  const Variable w = make.weight({5, 3});
  return make.descend(negative_log_likelihood(dot(hidden, w) + make.weight({3}), y) +
                      0.01 * sum(sqr(w)));
}

Step convolutional() {
  Maker make("convolutional net");
  const Variable x = make.input({Dim("batch"), 64}, {2, 64}), y = make.labels(2, 3);
  const Variable images = reshape(x, {shape(x, 0), 1, 8, 8});
  const Variable maps = max_pool_2d(conv2d(images, make.weight({2, 1, 3, 3})), {2, 2}, true);
  const Variable hidden = flatten(tanh(maps + reshape(make.weight({2}), {1, 2, 1, 1})), 2);
  return make.descend(negative_log_likelihood(dot(hidden, make.weight({18, 3})), y));
}

// Gates are parts of one product; every step takes its part of the inputs.
Step recurrent() {
  Maker make("recurrent net with gates");
  const Variable x = make.input({3, Dim("batch"), 4}, {3, 2, 4});
  const Variable w = make.weight({4 + 5, 15}), b = make.weight({15});
  Variable state = zeros({shape(x, 1), 5}, DType::kFloat64);
  for (int64_t t = 0; t < 3; ++t) {
    const Variable all = dot(concatenate({x[t], state}, 1), w) + b;
    const auto gate = [&](int64_t i) { return all[{slice(), slice(5 * i, 5 * i + 5)}]; };
    const Variable keep = sigmoid(gate(0));
    state = keep * state + (1 - keep) * tanh(gate(1)) * sigmoid(gate(2));
  }
  return make.descend(mean(sqr(state)));
}

// Rows scaled to length 1 where they have a length, and an entropy with zeros.
Step guarded() {
  Maker make("guarded norms");
  const Variable x = make.input({Dim("batch"), 4}, {3, 4});
  const Variable y = relu(dot(x, make.weight({4, 4})));
  const Variable squares = sum(sqr(y), 1, true);
  const Variable unit = where(gt(squares, 0), y / sqrt(squares), 0);
  return make.descend(sum(where(gt(unit, 0), unit * log(unit), 0)) + max(y));
}

std::vector<Step> all_steps() { return {perceptron(), convolutional(), recurrent(), guarded()}; }

TEST(Nets, HaveOneCanonicalGraphInAnyOrderOfRules) {
  constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize};
  for (const Step& step : all_steps()) {
    FunctionGraph expected(step.outputs);
    run_phases(expected, kPhases, {.verify = true});
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      FunctionGraph graph(step.outputs);
      run_phases(graph, kPhases, {.verify = true, .shuffle_seed = seed});
      EXPECT_TRUE(structurally_equal(graph.outputs(), expected.outputs()))
          << step.name << ", order " << seed << " gave\n"
          << debugprint(graph.outputs()) << "expected\n"
          << debugprint(expected.outputs());
    }
  }
}

TEST(Nets, LearnTheSameWithRulesAsWithout) {
  for (const Step& step : all_steps()) {
    SCOPED_TRACE(step.name);
    const auto run = [&](const Mode& mode) {
      const Function f = function(step.inputs, step.outputs, {.mode = mode});
      return f.call(std::vector<Arg>(step.values.begin(), step.values.end()));
    };
    const Results plain = run(kFastCompile);
    const Results fast = run(kFastRun);
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      EXPECT_TRUE(close_to(fast[i], plain[i])) << "output " << i;
    }
  }
}

constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize, Phase::kStabilize,
                             Phase::kSpecialize};

// The names of the ops of the specialized graph.
std::vector<std::string> ops_of(const Step& step) {
  FunctionGraph graph(step.outputs);
  run_phases(graph, kPhases);
  std::vector<std::string> names;
  for (const Apply* apply : graph.topological_order()) names.emplace_back(apply->op().name());
  return names;
}

TEST(Nets, UpdateWeightsByProductsThatAccumulate) {
  const std::vector<std::string> ops = ops_of(perceptron());
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "gemm"), 2) << ops.size();
}

// Weight decay changes factors of the product that updates a weight, and adds no pass over it.
TEST(Nets, DecayWeightsInTheProductsThatUpdateThem) {
  Maker maker("decaying weights");
  const Variable x = maker.input({Dim(), 6}, {5, 6});
  const Variable w = maker.weight({6, 4}), v = maker.weight({4, 3});
  const Variable cost = sum(sqr(dot(tanh(dot(x, w)), v))) + 0.01 * (sum(sqr(w)) + sum(sqr(v)));
  FunctionGraph graph(maker.descend(cost).outputs);
  run_phases(graph, kPhases);
  for (size_t i : {1, 2}) {
    const Apply* update = made_by(graph.outputs()[i], "gemm");
    ASSERT_NE(update, nullptr) << debugprint(graph.outputs()[i]);
    EXPECT_TRUE(update->input(0).is_input()) << debugprint(graph.outputs()[i]);
    EXPECT_FLOAT_EQ(scalar_number(update->input(4)).value_or(0), 1 - 0.1 * 0.02);
  }
}

TEST(Nets, AddGradientsOfGatesInPlace) {
  const std::vector<std::string> ops = ops_of(recurrent());
  // Three gates of three steps, each written once into the gradient of its product.
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "inc_subtensor"), 9) << ops.size();
}

}  // namespace
}  // namespace bitale
