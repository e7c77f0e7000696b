// Products and convolutions with their epilogues: what is fused, and that it computes what the two
// nodes would.

#include <functional>
#include <string>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/rewrite/driver.h"
#include "core/rewrite/rule.h"
#include "gmock/gmock.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/pool/positions.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Mode kApart = kFastRun.excluding("epilogue_fusion");

// The producer, and what is done to its result: `b` is a bias, `s` has the result's shape.
struct Layer {
  std::string name;
  Dims x, w, b, s;
  std::function<Variable(const Variable& x, const Variable& w)> produce;
};

Variable times(const Variable& x, const Variable& w) { return dot(x, w); }

std::vector<Layer> layers() {
  const auto convolve = [](const Variable& x, const Variable& w) { return conv2d(x, w); };
  const auto pooled = [](const Variable& x, const Variable& w) {
    return pool_2d(conv2d(x, w), {2, 2});
  };
  return {
      {"OneBlock", {5, 7}, {7, 11}, {11}, {5, 11}, times},
      {"ManyBlocks", {300, 400}, {400, 333}, {333}, {300, 333}, times},
      {"SeveralSlices", {10, 700}, {700, 2100}, {2100}, {10, 2100}, times},
      {"WholeRows", {500, 40}, {40, 10}, {10}, {500, 10}, times},
      {"OneColumn", {600, 30}, {30, 1}, {1}, {600, 1}, times},
      {"OneRow", {1, 300}, {300, 600}, {600}, {1, 600}, times},
      {"Vector", {300}, {300, 600}, {1}, {600}, times},
      {"NothingToSum", {4, 0}, {0, 9}, {9}, {4, 9}, times},
      {"NoRows", {0, 4}, {4, 9}, {9}, {0, 9}, times},
      {"Batched", {6, 20, 30}, {6, 30, 17}, {17}, {6, 20, 17}, matmul},
      {"LargeBatched", {2, 200, 300}, {2, 300, 170}, {170}, {2, 200, 170}, matmul},
      {"Convolution", {5, 3, 13, 12}, {7, 3, 5, 4}, {7, 1, 1}, {5, 7, 9, 9}, convolve},
      {"OfGroups",
       {5, 4, 13, 12},
       {6, 2, 3, 4},
       {6, 1, 1},
       {5, 6, 11, 9},
       [](const Variable& x, const Variable& w) { return conv2d(x, w, {.num_groups = 2}); }},
      {"WithSteps",
       {5, 4, 13, 12},
       {6, 4, 3, 4},
       {6, 1, 1},
       {5, 6, 6, 3},
       [](const Variable& x, const Variable& w) {
         return conv2d(x, w, {.subsample = {2, 3}});
       }},
      {"LargeConvolution", {2, 8, 60, 61}, {20, 8, 5, 5}, {20, 1, 1}, {2, 20, 56, 57}, convolve},
      {"Bands", {2, 16, 20, 23}, {32, 16, 3, 5}, {32, 1, 1}, {2, 32, 18, 19}, convolve},
      {"BandsOfImages", {7, 16, 8, 6}, {16, 16, 4, 2}, {16, 1, 1}, {7, 16, 5, 5}, convolve},
      {"Pointwise", {5, 30, 9, 7}, {19, 30, 1, 1}, {19, 1, 1}, {5, 19, 9, 7}, convolve},
      {"LargePointwise",
       {2, 300, 40, 41},
       {260, 300, 1, 1},
       {260, 1, 1},
       {2, 260, 40, 41},
       convolve},
      {"Depthwise",
       {5, 6, 13, 12},
       {12, 1, 3, 3},
       {12, 1, 1},
       {5, 12, 11, 10},
       [](const Variable& x, const Variable& w) { return conv2d(x, w, {.num_groups = 6}); }},
      {"Pooled", {5, 3, 28, 28}, {20, 3, 5, 5}, {20, 1, 1}, {5, 20, 12, 12}, pooled},
      {"OneImagePooled", {1, 1, 28, 28}, {20, 1, 5, 5}, {20, 1, 1}, {1, 20, 12, 12}, pooled},
      {"LargePooled", {2, 3, 90, 90}, {8, 3, 5, 5}, {8, 1, 1}, {2, 8, 43, 43}, pooled},
      {"WideRowsPooled", {1, 2, 300, 300}, {2, 2, 5, 5}, {2, 1, 1}, {1, 2, 148, 148}, pooled},
      {"GroupsPooled",
       {5, 4, 28, 28},
       {6, 2, 5, 5},
       {6, 1, 1},
       {5, 6, 12, 12},
       [](const Variable& x, const Variable& w) {
         return pool_2d(conv2d(x, w, {.num_groups = 2}), {2, 2});
       }},
  };
}

Variable input_like(DType dtype, const Dims& shape, const char* name) {
  return tensor(dtype, SymbolicDims(shape.begin(), shape.end()), name);
}

class Epilogues : public testing::TestWithParam<Layer> {
 protected:
  void TearDown() override { options().threads = 0; }

  struct Inputs {
    Variables variables;
    std::vector<Arg> values;
  };
  Inputs inputs(DType dtype) const {
    const Layer& l = GetParam();
    Inputs made;
    uint64_t seed = 0;
    for (const Dims& shape : {l.x, l.w, l.b, l.s}) {
      made.variables.push_back(input_like(dtype, shape, "v"));
      made.values.push_back(random_tensor(shape, -1, 1, ++seed).cast(dtype));
    }
    return made;
  }
};

Variables bias_and_activation(const Variable& product, const Variable& b, const Variable&) {
  return {tanh(product + b)};
}
Variables activation_alone(const Variable& product, const Variable&, const Variable&) {
  return {relu(product)};
}
Variables several_results(const Variable& product, const Variable& b, const Variable& s) {
  const Variable sum = product + b;
  return {sum * sigmoid(sum) + s, sum};
}
Variables gradient_of_tanh(const Variable& product, const Variable&, const Variable& s) {
  return {product * (1 - sqr(s))};
}

using Follow = Variables (*)(const Variable&, const Variable&, const Variable&);

TEST_P(Epilogues, AreOneKernelWithTheSameBits) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const auto [variables, values] = inputs(dtype);
    for (const Follow follow :
         {bias_and_activation, activation_alone, several_results, gradient_of_tanh}) {
      const Variables outputs =
          follow(GetParam().produce(variables[0], variables[1]), variables[2], variables[3]);
      const FunctionOptions options{.on_unused_input = OnUnusedInput::kIgnore};
      FunctionOptions apart_options = options;
      apart_options.mode = kApart;
      const Function fused = function(variables, outputs, options);
      const Function apart = function(variables, outputs, apart_options);
      const Results got = fused.call(values), expected = apart.call(values);
      EXPECT_THAT(fused.program_dump(), HasSubstr("program: 1 kernels"));
      EXPECT_THAT(apart.program_dump(), HasSubstr("program: 2 kernels"));
      for (size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(same_bits(got[i], expected[i]));
    }
  }
}

TEST_P(Epilogues, AreTheSameBitsOnAnyNumberOfThreads) {
  const auto [variables, values] = inputs(DType::kFloat32);
  const Variables outputs =
      several_results(GetParam().produce(variables[0], variables[1]), variables[2], variables[3]);
  options().threads = 1;
  const Results alone = function(variables, outputs).call(values);
  for (const int threads : {2, 3, 4}) {
    options().threads = threads;
    const Results together = function(variables, outputs).call(values);
    for (size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(same_bits(together[i], alone[i]));
  }
}

TEST_P(Epilogues, StandTheChecksOfDebugMode) {
  const auto [variables, values] = inputs(DType::kFloat32);
  const Variables outputs =
      several_results(GetParam().produce(variables[0], variables[1]), variables[2], variables[3]);
  const Function checked = function(variables, outputs, {.mode = kDebugMode});
  checked.call(values);
  // A convolution and its pool are both looked at by themselves, so that neither has one user.
  if (checked.program_dump().find("conv2d_max_pool") == std::string::npos) {
    EXPECT_THAT(checked.program_dump(), HasSubstr("fused_epilogue"));
  }
}

TEST_P(Epilogues, ReadWeightsInTheFormOfTheirProducer) {
  const Layer& l = GetParam();
  const auto [variables, values] = inputs(DType::kFloat32);
  const Variable w = shared(random_tensor(l.w, -1, 1, 2).cast(DType::kFloat32), "w");
  const Variable product = l.produce(variables[0], w);
  const auto made = [&](const Mode& mode) {
    return function({variables[0], variables[2]}, tanh(product + variables[2]), {.mode = mode});
  };
  const Function fused = made(kFastRun), apart = made(kApart);
  const std::vector<Arg> given = {values[0], values[2]};
  EXPECT_TRUE(same_bits(fused.call(given)[0], apart.call(given)[0]));
  for (const char* form : {"right_panels", "filter_panels", "filter_columns"}) {
    EXPECT_EQ(fused.program_dump().find(form) == std::string::npos,
              apart.program_dump().find(form) == std::string::npos)
        << form;
  }
  if (l.name.starts_with("Bands")) {
    EXPECT_THAT(fused.program_dump(), HasSubstr("filter_columns"));
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, Epilogues, testing::ValuesIn(layers()),
                         [](const auto& info) { return info.param.name; });

// --- What is fused, and what is not --------------------------------------------------------------

std::vector<std::string> names_after(const Variables& outputs) {
  constexpr Phase kPhases[] = {Phase::kFuse, Phase::kFuseEpilogues};
  FunctionGraph graph(outputs);
  run_phases(graph, kPhases, {.verify = true});
  std::vector<std::string> names;
  for (const Apply* apply : graph.topological_order()) names.emplace_back(apply->op().name());
  return names;
}

using Names = std::vector<std::string>;

TEST(Epilogue, OfTwoProductsOneIsFused) {
  const Variable x = matrix("x"), w = matrix("w"), v = matrix("v");
  EXPECT_EQ(names_after({tanh(dot(x, w) + dot(x, v))}), Names({"dot", "fused_epilogue"}));
}

TEST(Epilogue, OfAnEpilogueIsNone) {
  const Variable x = matrix("x"), w = matrix("w");
  EXPECT_EQ(names_after({tanh(dot(tanh(dot(x, w)), w))}),
            Names({"fused_epilogue", "fused_epilogue"}));
}

// Positions of the maxima lead to the other operand, so that the two cannot be one.
TEST(Epilogue, ThatNeedsWhatElseTheProducerMakesIsNotFused) {
  const Variable x = tensor(DType::kFloat32, {2, 3, 12, 12}, "x");
  const Variable w = tensor(DType::kFloat32, {4, 3, 5, 5}, "w");
  const Variable convolved = conv2d(x, w);
  const Variable largest = pool_2d(convolved, {2, 2});
  const Variable positions = max_pool_positions(convolved, {{2, 2}});
  const Function f = function({x, w}, largest * cast(positions, DType::kFloat32));
  const Function apart =
      function({x, w}, largest * cast(positions, DType::kFloat32), {.mode = kApart});
  const Tensor image = random_tensor({2, 3, 12, 12}).cast(DType::kFloat32);
  const Tensor filters = random_tensor({4, 3, 5, 5}).cast(DType::kFloat32);
  EXPECT_TRUE(same_bits(f(image, filters)[0], apart(image, filters)[0]));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("fused_epilogue")));
}

TEST(Epilogue, BesidePositionsThatOthersRead) {
  const Variable x = tensor(DType::kFloat32, {2, 3, 12, 12}, "x");
  const Variable w = tensor(DType::kFloat32, {4, 3, 5, 5}, "w");
  const Variable convolved = conv2d(x, w);
  const Variables outputs = {tanh(pool_2d(convolved, {2, 2})),
                             max_pool_positions(convolved, {{2, 2}})};
  const Function f = function({x, w}, outputs);
  const Function apart = function({x, w}, outputs, {.mode = kApart});
  const Tensor image = random_tensor({2, 3, 12, 12}).cast(DType::kFloat32);
  const Tensor filters = random_tensor({4, 3, 5, 5}).cast(DType::kFloat32);
  const Results got = f(image, filters), expected = apart(image, filters);
  EXPECT_THAT(f.program_dump(), HasSubstr("fused_epilogue"));
  EXPECT_TRUE(same_bits(got[0], expected[0]));
  EXPECT_TRUE(same_bits(got[1], expected[1]));
}

// Products of integers have no kernel that tells of parts, and Winograd's parts are too short.
TEST(Epilogue, FallsApartWhereTheProducersKernelTellsOfNoParts) {
  const Variable x = tensor(DType::kInt64, {2, 3}, "x"), w = tensor(DType::kInt64, {3, 4}, "w");
  const Function f = function({x, w}, dot(x, w) + 1);
  const Tensor a = random_integers({2, 3}, -5, 5), b = random_integers({3, 4}, -5, 5);
  EXPECT_TRUE(equal_to(f(a, b)[0], function({x, w}, dot(x, w) + 1, {.mode = kApart})(a, b)[0]));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("fused_epilogue")));

  const Variable images = dtensor4("images"), filters = dtensor4("filters");
  const Variable out = tanh(conv2d(images, filters));
  const Function g = function({images, filters}, out);
  const Tensor c = random_tensor({3, 17, 14, 13}), d = random_tensor({19, 17, 3, 3});
  EXPECT_TRUE(same_bits(g(c, d)[0], function({images, filters}, out, {.mode = kApart})(c, d)[0]));
  EXPECT_THAT(g.program_dump(), HasSubstr("conv2d_winograd"));
  EXPECT_THAT(g.program_dump(), Not(HasSubstr("fused_epilogue")));
}

TEST(Epilogue, FollowsAProductThatAccumulatesInPlace) {
  const Variable w = shared(random_tensor({30, 40}), "w"), x = dmatrix("x");
  const Variable g = dmatrix("g");
  const Tensor before = get_value(w);
  const Function f = function({x, g}, Variables{},
                              {.updates = {{w, clip(w - dot(transpose(x), g) * 0.1, -1.0, 1.0)}}});
  const Tensor a = random_tensor({7, 30}, -1, 1, 2), b = random_tensor({7, 40}, -1, 1, 3);
  f(a, b);
  EXPECT_THAT(f.program_dump(), HasSubstr("fused_epilogue{of=gemm")) << f.program_dump();
  EXPECT_THAT(f.program_dump(), HasSubstr("0: shared0 float64(30, 40) = "));
  const Tensor after = get_value(w);
  set_value(w, before);
  function({x, g}, Variables{},
           {.updates = {{w, clip(w - dot(transpose(x), g) * 0.1, -1.0, 1.0)}}, .mode = kApart})(a,
                                                                                                b);
  EXPECT_TRUE(same_bits(after, get_value(w)));
}

TEST(Epilogue, LeavesUpdatesInPlace) {
  const Variable w = shared(random_tensor({30, 40}), "w"), v = shared(random_tensor({30, 40}), "v");
  const Variable x = dmatrix("x"), g = dmatrix("g");
  const Variable velocity = 0.9 * v - 0.1 * sqr(dot(transpose(x), g));
  const Function f = function({x, g}, Variables{}, {.updates = {{w, w + velocity}, {v, velocity}}});
  f(random_tensor({7, 30}, -1, 1, 2), random_tensor({7, 40}, -1, 1, 3));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("fused_epilogue")));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("[copy]"))) << f.program_dump();
}

TEST(Epilogue, ReadsStridedOperandsOfItsProducer) {
  const Variable x = dmatrix("x"), w = dmatrix("w");
  const Variable b = dvector("b");
  const Variable y = tanh(dot(transpose(x), w) + b);
  const Tensor values[] = {strided_copy(random_tensor({6, 5})), strided_copy(random_tensor({6, 7})),
                           strided_copy(random_tensor({7}))};
  const Function f = function({x, w, b}, y), apart = function({x, w, b}, y, {.mode = kApart});
  EXPECT_TRUE(
      same_bits(f(values[0], values[1], values[2])[0], apart(values[0], values[1], values[2])[0]));
  EXPECT_THAT(f.program_dump(), HasSubstr("fused_epilogue"));
}

TEST(Epilogue, FormulaIsTheReplacedSubgraph) {
  const Variable x = matrix("x"), w = matrix("w"), b = vector("b");
  FunctionGraph graph(Variables{tanh(dot(x, w) + b)});
  run_phases(graph, std::vector{Phase::kFuse});
  const Variables replaced(graph.outputs().begin(), graph.outputs().end());
  run_phases(graph, std::vector{Phase::kFuseEpilogues});
  const Apply& fused = *graph.outputs()[0].owner();
  ASSERT_EQ(fused.op().name(), "fused_epilogue");
  EXPECT_TRUE(structurally_equal(fused.op().formula(fused.inputs()), replaced));
}

TEST(Epilogue, CountsTheOperationsOfBoth) {
  const Variable x = dmatrix("x"), w = dmatrix("w");
  const Function f = function({x, w}, tanh(dot(x, w)), {.profile = true});
  f(random_tensor({4, 6}), random_tensor({6, 5}));
  const Profile profile = f.profile();
  ASSERT_EQ(profile.kernels.size(), 1u);
  EXPECT_EQ(profile.kernels[0].flops, 2 * 4 * 6 * 5 + 4 * 5);
}

}  // namespace
}  // namespace bitale
