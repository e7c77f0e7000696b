#include "tools/bench/workload.h"

#include <cmath>
#include <stdexcept>

#include "gtest/gtest.h"
#include "tools/bench/data.h"

namespace bitale::bench {
namespace {

// By hand: peers in other languages make the same numbers from the same formula.
TEST(Uniform, IsTheHashOfACounter) {
  const Tensor values = uniform(1, {3}, -1, 1, DType::kFloat64);
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t x = i + 0x9E3779B9u;
    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    x ^= x >> 16;
    EXPECT_EQ(values.at<double>({i}), -1 + 2 * ((x >> 8) / 16777216.0));
  }
}

TEST(Fingerprint, SeesAPermutation) {
  const std::vector<double> one = fingerprint(Tensor::of<float>({1, 2, 3}));
  const std::vector<double> other = fingerprint(Tensor::of<float>({2, 1, 3}));
  EXPECT_NE(one[0], other[0]);
  EXPECT_EQ(one[1], other[1]);
  EXPECT_DOUBLE_EQ(one[1], std::sqrt(14.0 / 3));
}

// 20 images of the tutorial's net: two passes of the first convolution, three of the others.
TEST(Lenet, CountsTheDenseOperationsOfATrainingStep) {
  const Workload step = make_workload(Spec("lenet batch=20"));
  EXPECT_EQ(step.flops, 20 * (2 * 576'000.0 + 3 * (3'200'000.0 + 800'000.0 + 10'000.0)));
  const Workload inference = make_workload(Spec("lenet batch=20 mode=infer"));
  EXPECT_EQ(inference.flops, 20 * (576'000.0 + 3'200'000.0 + 800'000.0 + 10'000.0));
}

TEST(Lenet, LearnsAndIsTheSameEachTime) {
  const Workload one = make_workload(Spec("lenet batch=2 maps1=3 maps2=4 dense=8 batches=1"));
  const Workload other = make_workload(Spec("lenet batch=2 maps1=3 maps2=4 dense=8 batches=1"));
  EXPECT_EQ(one.values, other.values);
  // Three losses on one minibatch, each as its fingerprint.
  ASSERT_EQ(one.values.size(), 6);
  EXPECT_GT(one.values[1], one.values[3]);
  EXPECT_GT(one.values[3], one.values[5]);
}

TEST(Workloads, RefuseUnknownNamesAndKeys) {
  EXPECT_THROW(make_workload(Spec("alexnet")), std::invalid_argument);
  for (const char* name :
       {"lenet", "mlp", "conv", "chain", "rows", "compile", "call", "product", "bandwidth"}) {
    EXPECT_THROW(make_workload(Spec(std::string(name) + " no_such_key=1")), std::invalid_argument)
        << name;
  }
}

TEST(Workloads, RunWhatIsAsked) {
  for (const char* spec :
       {"lenet batch=2 channels=3 height=20 width=18 window=3 pool_kind=average activation=relu",
        "mlp layers=12-7-5 batch=3 dtype=float64",
        "conv batch=1 in=4 out=6 height=9 width=8 groups=2", "chain size=100 ops=exp.log",
        "rows rows=3 columns=5 op=layer_norm", "batchnorm images=3 maps=2 size=4",
        "batchnorm images=3 maps=2 size=4 mode=forward", "compile what=nodes count=10",
        "compile what=layers count=3", "call what=scalar_add", "product size=16",
        "bandwidth kind=triad bytes=4096"}) {
    const Workload workload = make_workload(Spec(spec));
    EXPECT_GT(workload.run(2), 0) << spec;
    for (double value : workload.values) EXPECT_TRUE(std::isfinite(value)) << spec;
  }
}

}  // namespace
}  // namespace bitale::bench
