// Bundles: what is put into one, and that they compute, in place, what their members would.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/rewrite/driver.h"
#include "core/rewrite/rule.h"
#include "gmock/gmock.h"
#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_bundle_internal.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using testing::HasSubstr;
using testing::Not;

using Names = std::vector<std::string>;

// The names of the nodes after fusion and bundling.
Names names_after(const Variables& outputs) {
  constexpr Phase kPhases[] = {Phase::kFuse, Phase::kBundle};
  FunctionGraph graph(outputs);
  run_phases(graph, kPhases, {.verify = true});
  Names names;
  for (const Apply* apply : graph.topological_order()) names.emplace_back(apply->op().name());
  return names;
}

Variable small(DType dtype, SymbolicDims dims) { return tensor(dtype, std::move(dims), "x"); }

const Mode kApart = kFastRun.excluding("elementwise_bundling");

TEST(Bundle, TakesInAnyShapesDTypesAndSteps) {
  const Variable a = small(DType::kFloat32, {2, 3}), b = small(DType::kFloat64, {25});
  const Variable c = small(DType::kFloat16, {0, 4}), d = small(DType::kInt32, {20});
  EXPECT_EQ(names_after({a + a, exp(b) * 2 - b, tanh(c), d * 3, gt(b, 0.0)}),
            Names({"elementwise_bundle"}));
  const Variable kept = exp(b);
  EXPECT_EQ(names_after({kept, tanh(kept), sqr(a)}), Names({"elementwise_bundle"}));
}

TEST(Bundle, LeavesOneByItself) {
  const Variable a = small(DType::kFloat32, {2, 3});
  EXPECT_EQ(names_after({tanh(a), sum(a)}), Names({"tanh", "sum"}));
}

TEST(Bundle, LeavesWhatAnotherNodeReads) {
  const Variable a = small(DType::kFloat32, {2, 3}), b = small(DType::kFloat32, {5});
  const Variable read = tanh(a);
  EXPECT_EQ(names_after({read, exp(b), sum(read)}), Names({"tanh", "exp", "sum"}));
}

TEST(Bundle, LeavesWhatKeepsAllThreadsBusyAndLengthsThatOnlyCallsKnow) {
  const Variable b = small(DType::kFloat32, {5});
  EXPECT_EQ(names_after({tanh(small(DType::kFloat32, {32769})), tanh(b)}), Names({"tanh", "tanh"}));
  EXPECT_EQ(names_after({tanh(small(DType::kFloat32, {32768})), tanh(b)}),
            Names({"elementwise_bundle"}));
  EXPECT_EQ(names_after({tanh(small(DType::kFloat32, {"n"})), tanh(b)}), Names({"tanh", "tanh"}));
}

TEST(Bundle, LeavesHostIntegersVisible) {
  EXPECT_EQ(names_after({lscalar("i") + 1, lscalar("j") * 2}), Names({"add", "mul"}));
}

TEST(Bundle, OfHundredsAreCut) {
  Variables outputs;
  for (int64_t i = 0; i < 150; ++i) outputs.push_back(tanh(small(DType::kFloat32, {i})));
  EXPECT_EQ(names_after(outputs), Names(3, "elementwise_bundle"));
}

TEST(Bundle, TellsEqualMembersOnce) {
  const Variable a = small(DType::kFloat32, {2, 3}), b = small(DType::kFloat32, {5});
  FunctionGraph graph(Variables{tanh(a), tanh(b), a * a});
  run_phases(graph, std::vector{Phase::kBundle}, {.verify = true});
  EXPECT_EQ(graph.outputs()[0].owner()->op().str(),
            "elementwise_bundle{members=2 of (steps=float32 tanh(0)), 1 of (steps=float32 mul(0, "
            "1)), inputs=(1, 1, 2)}");
}

TEST(Bundle, FormulaIsTheReplacedSubgraph) {
  const Variable a = small(DType::kFloat32, {2, 3}), b = small(DType::kFloat64, {5});
  const Variable kept = exp(b);
  const Variables outputs = {a * a, tanh(kept) - 1, kept};
  FunctionGraph graph(outputs);
  constexpr Phase kPhases[] = {Phase::kFuse, Phase::kBundle};
  run_phases(graph, kPhases);
  const Apply& bundled = *graph.outputs()[0].owner();
  ASSERT_EQ(bundled.op().name(), "elementwise_bundle");
  EXPECT_TRUE(structurally_equal(bundled.op().formula(bundled.inputs()), outputs));
}

// --- Updates of the parameters of a net
// -----------------------------------------------------------

// Of a small LeNet, one of them empty, and one of another dtype.
const std::vector<std::pair<DType, Dims>>& parameter_types() {
  static const auto& types = *new std::vector<std::pair<DType, Dims>>{
      {DType::kFloat32, {20, 1, 5, 5}},  {DType::kFloat32, {20}},
      {DType::kFloat32, {50, 20, 5, 5}}, {DType::kFloat32, {50}},
      {DType::kFloat64, {7, 9}},         {DType::kFloat32, {0, 10}},
      {DType::kFloat32, {500, 10}},      {DType::kFloat32, {10}}};
  return types;
}

// The updates of a parameter w with gradient g, and of state that is made for it.
using Step = std::function<Updates(const Variable& w, const Variable& g)>;

Variable zeros_like_shared(const Variable& w) {
  return shared(Tensor::zeros(w.dtype(), get_value(w).shape()));
}

Updates sgd_step(const Variable& w, const Variable& g) { return {{w, w - 0.1 * g}}; }

Updates momentum_step(const Variable& w, const Variable& g) {
  const Variable v = zeros_like_shared(w), next = 0.9 * v - 0.1 * g;
  return {{v, next}, {w, w + next}};
}

Updates rmsprop_step(const Variable& w, const Variable& g) {
  const Variable s = zeros_like_shared(w), next = 0.9 * s + 0.1 * sqr(g);
  return {{s, next}, {w, w - 0.1 * g / (sqrt(next) + 1e-8)}};
}

Updates adam_step(const Variable& w, const Variable& g) {
  const Variable m = zeros_like_shared(w), new_m = 0.9 * m + 0.1 * g;
  const Variable v = zeros_like_shared(w), new_v = 0.99 * v + 0.01 * sqr(g);
  return {{m, new_m}, {v, new_v}, {w, w - 0.01 * new_m / (sqrt(new_v) + 1e-8)}};
}

struct Outcome {
  std::vector<Tensor> values;
  std::string dump;
};

// All state after three calls with random gradients.
Outcome after_steps(const Step& step, const Mode& mode) {
  Variables gradients;
  Updates updates;
  for (const auto& [dtype, shape] : parameter_types()) {
    const Variable g = tensor(dtype, SymbolicDims(shape.begin(), shape.end()), "g");
    const Variable w = shared(random_tensor(shape, -1, 1, updates.size()).cast(dtype), "w");
    gradients.push_back(g);
    for (const auto& update : step(w, g)) updates.push_back(update);
  }
  const Function f = function(gradients, Variables{}, {.updates = updates, .mode = mode});
  for (uint64_t call = 0; call < 3; ++call) {
    std::vector<Arg> values;
    for (const auto& [dtype, shape] : parameter_types()) {
      values.push_back(random_tensor(shape, -1, 1, 100 * call + values.size()).cast(dtype));
    }
    f.call(values);
  }
  Outcome outcome{{}, f.program_dump()};
  for (const auto& update : updates) outcome.values.push_back(get_value(update.first));
  return outcome;
}

class BundledUpdates : public testing::TestWithParam<std::pair<const char*, Step>> {
 protected:
  void TearDown() override { options().threads = 0; }
};

TEST_P(BundledUpdates, AreOneKernelInPlaceWithTheSameBits) {
  const Outcome bundled = after_steps(GetParam().second, kFastRun);
  const Outcome apart = after_steps(GetParam().second, kApart);
  EXPECT_THAT(bundled.dump, HasSubstr("1 kernels, arena 0 bytes"));
  EXPECT_THAT(bundled.dump, HasSubstr("[elementwise_bundle_tiles]"));
  EXPECT_THAT(apart.dump, HasSubstr("8 kernels, arena 0 bytes"));
  ASSERT_EQ(bundled.values.size(), apart.values.size());
  for (size_t i = 0; i < apart.values.size(); ++i) {
    EXPECT_TRUE(same_bits(bundled.values[i], apart.values[i])) << i;
  }
}

TEST_P(BundledUpdates, AreTheSameBitsOnAnyNumberOfThreads) {
  options().threads = 1;
  const Outcome alone = after_steps(GetParam().second, kFastRun);
  for (const int threads : {2, 3, 4}) {
    options().threads = threads;
    const Outcome together = after_steps(GetParam().second, kFastRun);
    for (size_t i = 0; i < alone.values.size(); ++i) {
      EXPECT_TRUE(same_bits(together.values[i], alone.values[i])) << threads << " threads, " << i;
    }
  }
}

TEST_P(BundledUpdates, StandTheChecksOfDebugMode) {
  const Outcome checked = after_steps(GetParam().second, kDebugMode);
  const Outcome apart = after_steps(GetParam().second, kApart);
  EXPECT_THAT(checked.dump, HasSubstr("[elementwise_bundle_tiles]"));
  for (size_t i = 0; i < apart.values.size(); ++i) {
    EXPECT_TRUE(same_bits(checked.values[i], apart.values[i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, BundledUpdates,
                         testing::Values(std::pair<const char*, Step>("sgd", sgd_step),
                                         std::pair<const char*, Step>("momentum", momentum_step),
                                         std::pair<const char*, Step>("rmsprop", rmsprop_step),
                                         std::pair<const char*, Step>("adam", adam_step)),
                         [](const auto& info) { return std::string(info.param.first); });

// --- Old values, results, other modes
// --------------------------------------------------------------

TEST(Bundle, AnOldValueThatAnotherMemberReadsIsNotOverwritten) {
  const Variable a = shared(Tensor::of<double>({1, 2, 3})),
                 b = shared(Tensor::of<double>({4, 5, 6}));
  const Variable c = shared(Tensor::of<double>({7, 8}));
  const Function f =
      function({}, Variables{}, {.updates = {{a, a + b}, {b, b * 2 - a}, {c, c + 1}}});
  f();
  EXPECT_THAT(f.program_dump(), HasSubstr("elementwise_bundle_tiles"));
  EXPECT_TRUE(equal_to(get_value(a), Tensor::of<double>({5, 7, 9})));
  EXPECT_TRUE(equal_to(get_value(b), Tensor::of<double>({7, 8, 9})));
  EXPECT_TRUE(equal_to(get_value(c), Tensor::of<double>({8, 9})));
}

// A result that is bundled with an update does not pull it before what still reads the old value.
TEST(Bundle, WithAResultOfTheFunctionUpdatesComeLastAndInPlace) {
  const Variable x = small(DType::kFloat64, {2}), w = shared(Tensor::of<double>({1, 2}), "w");
  const Function f = function({x}, {x * 2, sum(w)}, {.updates = {{w, w + x}}});
  const Results results = f(Tensor::of<double>({3, 4}));
  EXPECT_THAT(f.program_dump(), HasSubstr("2 kernels, arena 0 bytes")) << f.program_dump();
  EXPECT_TRUE(equal_to(results[0], Tensor::of<double>({6, 8})));
  EXPECT_EQ(results[1].item<double>(), 3);
  EXPECT_TRUE(equal_to(get_value(w), Tensor::of<double>({4, 6})));
}

TEST(Bundle, ReadsStridedOperands) {
  const Variable a = small(DType::kFloat64, {4, 6}), b = small(DType::kFloat64, {3});
  const Variables outputs = {exp(a) * 2, b - 1};
  const Tensor value = strided_copy(random_tensor({4, 6}));
  const Function f = function({a, b}, outputs), apart = function({a, b}, outputs, {.mode = kApart});
  const Results got = f(value, Tensor::of<double>({1, 2, 3}));
  EXPECT_THAT(f.program_dump(), HasSubstr("program: 1 kernels"));
  EXPECT_TRUE(same_bits(got[0], apart(value, Tensor::of<double>({1, 2, 3}))[0]));
}

TEST(Bundle, InTheBodyOfALoop) {
  const Variable x = small(DType::kFloat64, {3, 4}), y = small(DType::kFloat64, {3, 2});
  const auto body = [](const Variables& e) { return Variables{exp(e[0]) * 2, e[1] + 1}; };
  const Variables parts = map_all(body, {x, y});
  const Tensor a = random_tensor({3, 4}), b = random_tensor({3, 2});
  const Function f = function({x, y}, parts), apart = function({x, y}, parts, {.mode = kApart});
  const Results got = f(a, b), expected = apart(a, b);
  for (size_t i = 0; i < parts.size(); ++i) EXPECT_TRUE(same_bits(got[i], expected[i]));
}

TEST(Bundle, ProfilesNameTheLineOfEachMember) {
  const Variable a = small(DType::kFloat64, {4, 6}), b = small(DType::kFloat64, {3});
  const int line = __LINE__ + 1;
  const Variable first = tanh(a);
  const Variable second = exp(b);
  const Function f = function({a, b}, {first, second}, {.profile = true});
  f(random_tensor({4, 6}), random_tensor({3}));
  const Profile profile = f.profile();
  ASSERT_EQ(profile.kernels.size(), 1u);
  EXPECT_THAT(profile.kernels[0].site, HasSubstr("bundle_test.cc:" + std::to_string(line)));
  EXPECT_THAT(profile.kernels[0].site, HasSubstr("bundle_test.cc:" + std::to_string(line + 1)));
  EXPECT_EQ(profile.kernels[0].flops, 24 + 3);
}

TEST(Bundle, IsNotMadeWhereNothingIsFused) {
  const Variable a = small(DType::kFloat64, {4, 6}), b = small(DType::kFloat64, {3});
  const Function f = function({a, b}, {tanh(a), exp(b)}, {.mode = kFastCompile});
  f(random_tensor({4, 6}), random_tensor({3}));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("elementwise_bundle")));
}

}  // namespace
}  // namespace bitale
