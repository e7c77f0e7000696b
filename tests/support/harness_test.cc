// The harness itself: a check that cannot fail is none.

#include <algorithm>
#include <cmath>

#include "gtest/gtest-spi.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient_control/gradient_control.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

OpCase good_case() {
  return {.name = "square",
          .inputs = {random_tensor({2, 3})},
          .build = [](const Variables& v) { return sqr(v[0]); },
          .oracle =
              [](const std::vector<Tensor>& x) {
                return map_elements(x[0], [](double a) { return a * a; });
              }};
}

TEST(OpCase, PassesWhereAllIsWell) { run_op_case(good_case()); }

TEST(OpCase, FindsAWrongValue) {
  OpCase op_case = good_case();
  op_case.oracle = [](const std::vector<Tensor>& x) {
    return map_elements(x[0], [](double a) { return a * a * (1 + 1e-4); });
  };
  op_case.gradient = false;
  ::testing::TestPartResultArray failures;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    run_op_case(op_case);
  }
  ASSERT_EQ(failures.size(), 2);  // float64 and float32
  EXPECT_NE(std::string(failures.GetTestPartResult(0).message()).find("against oracle"),
            std::string::npos);
}

TEST(OpCase, FindsAWrongGradient) {
  OpCase op_case = good_case();
  op_case.build = [](const Variables& v) { return grad_scale(sqr(v[0]), 1.001); };
  EXPECT_NONFATAL_FAILURE(run_op_case(op_case), "the gradient of input 0, x0 float64(2, 3)");
}

TEST(OpCase, ReportsWhatIsThrown) {
  OpCase op_case = good_case();
  op_case.build = [](const Variables& v) -> Variable {
    return v[0] + Tensor::ones(DType::kFloat64, {5, 3});
  };
  op_case.dims = {{2, 3}};
  EXPECT_NONFATAL_FAILURE(run_op_case(op_case), "the case threw");
}

TEST(StridedCopy, HasTheSameElementsUnderOtherStrides) {
  const Tensor x = random_tensor({2, 3, 4});
  const Tensor view = strided_copy(x);
  EXPECT_FALSE(view.is_contiguous());
  EXPECT_LT(view.strides()[0], 0);
  EXPECT_TRUE(same_bits(view, x));
}

TEST(CloseTo, SeesDtypesShapesAndValues) {
  const Tensor x = Tensor::of<double>({1, 2, NAN});
  EXPECT_TRUE(close_to(x, x));
  EXPECT_TRUE(close_to(Tensor::of<double>({1, 2 + 1e-13, NAN}), x));
  EXPECT_FALSE(close_to(Tensor::of<double>({1, 2 + 1e-9, NAN}), x));
  EXPECT_FALSE(close_to(Tensor::of<double>({1, 2, INFINITY}), x));
  EXPECT_FALSE(close_to(Tensor::of<float>({1, 2, NAN}), x));
  EXPECT_FALSE(close_to(Tensor::of<double>({{1, 2, NAN}}), x));
}

TEST(ErrorText, NamesTheFileAndFits) {
  const SourceSite here = SourceSite::current();
  const std::string place = here.str();
  EXPECT_TRUE(error_text_ok("wrong\n  at: " + place, {"wrong"}, here));
  EXPECT_FALSE(error_text_ok("wrong\n  at: elsewhere.cc:3", {"wrong"}, here));
  EXPECT_FALSE(error_text_ok("wrong\n  at: " + place, {"right"}, here));
  EXPECT_FALSE(error_text_ok("line\nwrong\n  at: " + place, {"wrong"}, here));
  EXPECT_FALSE(error_text_ok(std::string(30, '\n') + place, {}, here));
}

TEST(DistinctTensor, HasNoTies) {
  std::vector<double> values = distinct_tensor({4, 5}, 0.1).to_vector<double>();
  std::sort(values.begin(), values.end());
  for (size_t i = 1; i < values.size(); ++i) EXPECT_GE(values[i] - values[i - 1], 0.0999);
}

}  // namespace
}  // namespace bitale
