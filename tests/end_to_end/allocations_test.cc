// Calls of compiled functions allocate nothing once their program is made and earlier results are
// dropped: neither our code nor a library it calls, on no thread.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <functional>

#include "core/base/options.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "models/networks/networks.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BITALE_COUNTS_ALLOCATIONS 0
#else
#define BITALE_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

#if BITALE_COUNTS_ALLOCATIONS
// Takes the place of the C library's; operator new ends here too.
extern "C" {
void* __libc_malloc(size_t bytes);                  // NOLINT
void* __libc_calloc(size_t count, size_t bytes);    // NOLINT
void* __libc_realloc(void* old, size_t bytes);      // NOLINT
void* __libc_memalign(size_t align, size_t bytes);  // NOLINT

void* malloc(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, bytes);
}
void* memalign(size_t align, size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(align, bytes);
}
void* aligned_alloc(size_t align, size_t bytes) { return memalign(align, bytes); }
int posix_memalign(void** result, size_t align, size_t bytes) {
  *result = memalign(align, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
}
#endif

namespace bitale {
namespace {

constexpr int kBatches = 3;

// As much as the batches of `settings` take.
DataSets gray_data(const Settings& settings) {
  const int64_t images = kBatches * settings.batch_size;
  const SharedSet set{shared(Tensor::full(float_x(), {images, 28 * 28}, 0.5)),
                      shared(Tensor::ones(DType::kInt32, {images})), images};
  return {set, set, set, ""};
}

Settings small_settings() {
  Settings settings;
  settings.batch_size = 4;
  settings.n_hidden = 32;
  settings.L1_reg = 0.001;
  settings.L2_reg = 0.001;
  return settings;
}

// Allocations of `calls` calls, after a few that may make programs, contexts and threads.
int64_t allocations_of(int calls, const std::function<void(int)>& call) {
  for (int i = 0; i < 3; ++i) call(i);
  const int64_t before = allocations.load();
  for (int i = 0; i < calls; ++i) call(i);
  return allocations.load() - before;
}

class Allocations : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!BITALE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer has an allocator of its own";
    before_ = options().threads;
    options().threads = GetParam();
  }
  void TearDown() override { options().threads = before_; }

  static void expect_none(Network (*build)(const DataSets&, const Settings&),
                          const Settings& settings, int calls) {
    const Network network = build(gray_data(settings), settings);
    const auto batch = [](int i) { return i % kBatches; };
    const TrainingTask& task = network.task;
    EXPECT_EQ(allocations_of(calls, [&](int i) { task.train(batch(i)).item<float>(); }), 0);
    EXPECT_EQ(allocations_of(20, [&](int i) { task.validate(batch(i)).item<double>(); }), 0);
    EXPECT_EQ(allocations_of(20, [&](int i) { task.test(batch(i)).item<double>(); }), 0);
    EXPECT_EQ(allocations_of(20, [&](int i) { network.predict_test(batch(i)); }), 0);
  }

 private:
  int before_ = 0;
};

TEST_P(Allocations, AreSeenByTheCounter) {
  EXPECT_GE(allocations_of(1, [](int) { Tensor::ones(DType::kFloat32, {3}); }), 2);
}

TEST_P(Allocations, AreNoneInAThousandStepsOfTheConvolutionalNetwork) {
  expect_none(convolutional_network, small_settings(), 1000);
}

// Work of this size is split otherwise, and kernels choose other ways through it.
TEST_P(Allocations, AreNoneInLargeStepsOfTheConvolutionalNetwork) {
  Settings settings = small_settings();
  settings.batch_size = 500;
  const Network network = convolutional_network(gray_data(settings), settings);
  const auto step = [&](int i) { network.task.train(i % kBatches).item<float>(); };
  EXPECT_EQ(allocations_of(5, step), 0);
}

TEST_P(Allocations, AreNoneInTheMultilayerPerceptron) {
  expect_none(multilayer_perceptron, small_settings(), 100);
}

TEST_P(Allocations, AreNoneInSoftmaxRegression) {
  expect_none(softmax_regression, small_settings(), 100);
}

TEST_P(Allocations, AreNoneWhenProfiled) {
  Settings settings = small_settings();
  settings.profile = true;
  expect_none(softmax_regression, settings, 100);
}

TEST_P(Allocations, AreNoneForTensorsNumbersAndManyInputs) {
  Variables inputs;
  Variable sum = constant(0.0F);
  for (int i = 0; i < 20; ++i) {
    inputs.push_back(matrix());
    sum = sum + mean(dot(inputs.back(), inputs.back()));
  }
  const Variable rate = scalar("rate");
  inputs.push_back(rate);
  const Function f = function(inputs, sum * rate);
  std::vector<Arg> args(20, Arg(Tensor::ones(DType::kFloat32, {3, 3})));
  args.emplace_back(0.5);
  EXPECT_EQ(allocations_of(20, [&](int) { f.call(args).item<float>(); }), 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, Allocations, testing::Values(1, 2));

}  // namespace
}  // namespace bitale
