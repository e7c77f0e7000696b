// Golden texts come from repr() of numpy 1.26; of bfloat16, which it lacks, by analogy.

#include <cmath>

#include "core/tensor/tensor.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

struct Case {
  Tensor value;
  std::string expected;
};

TEST(Print, ReadsAsNumpysRepr) {
  const Case cases[] = {
      {Tensor::of<float>({{1, 2}, {3, 4}}),
       "array([[1., 2.],\n"
       "       [3., 4.]], dtype=float32)"},
      {Tensor::of<double>({1.5, -2.25, 100}), "array([  1.5 ,  -2.25, 100.  ])"},
      {Tensor(0.1f), "array(0.1, dtype=float32)"},
      {Tensor(0.1), "array(0.1)"},
      {Tensor(int64_t{7}), "array(7)"},
      {Tensor(true), "array(True)"},
      {Tensor(int8_t{-7}), "array(-7, dtype=int8)"},
      {Tensor::of<float>({0.1f, 1.0f / 3, 12345.678f}),
       "array([1.0000000e-01, 3.3333334e-01, 1.2345678e+04], dtype=float32)"},
      {Tensor::of<double>({1.0 / 3, 2.0 / 3}), "array([0.33333333, 0.66666667])"},
      {Tensor::of<double>({1e8, 1}), "array([1.e+08, 1.e+00])"},
      {Tensor::of<double>({99999999, 100000}), "array([99999999.,   100000.])"},
      {Tensor::of<double>({1e-4, 1e-5}), "array([1.e-04, 1.e-05])"},
      {Tensor::of<double>({1e-4, 1e-3}), "array([0.0001, 0.001 ])"},
      {Tensor::of<float>({1.25e-30f, 1e30f, 0.0f}),
       "array([1.25e-30, 1.00e+30, 0.00e+00], dtype=float32)"},
      {Tensor::of<double>({1e-300, 1e300}), "array([1.e-300, 1.e+300])"},
      {Tensor::of<double>({5e-324, 0}), "array([5.e-324, 0.e+000])"},
      {Tensor::of<float>({NAN, 1.5f, -INFINITY}), "array([ nan,  1.5, -inf], dtype=float32)"},
      {Tensor::of<double>({NAN, INFINITY}), "array([nan, inf])"},
      {Tensor::of<double>({-INFINITY, 1}), "array([-inf,   1.])"},
      {Tensor::of<double>({-0.0, 0.0}), "array([-0.,  0.])"},
      {Tensor::of<double>({123456.123456789, 0.5}), "array([1.23456123e+05, 5.00000000e-01])"},
      {Tensor::of<float>({99999992.0f, 1.0f}),
       "array([9.999999e+07, 1.000000e+00], dtype=float32)"},
      {Tensor::of<bool>({true, false}), "array([ True, False])"},
      {Tensor::of<int32_t>({1, -200, 3}), "array([   1, -200,    3], dtype=int32)"},
      {Tensor::of<uint8_t>({255, 0}), "array([255,   0], dtype=uint8)"},
      {Tensor::of<int64_t>({{1, 20}, {300, 4}}),
       "array([[  1,  20],\n"
       "       [300,   4]])"},
      {Tensor::of<uint64_t>({18446744073709551615u}),
       "array([18446744073709551615], dtype=uint64)"},
      {Tensor::empty(DType::kFloat32, {0, 3}), "array([], shape=(0, 3), dtype=float32)"},
      {Tensor::empty(DType::kFloat32, {0}), "array([], dtype=float32)"},
      {Tensor::empty(DType::kFloat64, {0}), "array([], dtype=float64)"},
      {Tensor::empty(DType::kInt64, {2, 0}), "array([], shape=(2, 0), dtype=int64)"},
      {Tensor::arange(DType::kFloat32, 24).reshape({2, 3, 4}),
       "array([[[ 0.,  1.,  2.,  3.],\n"
       "        [ 4.,  5.,  6.,  7.],\n"
       "        [ 8.,  9., 10., 11.]],\n"
       "\n"
       "       [[12., 13., 14., 15.],\n"
       "        [16., 17., 18., 19.],\n"
       "        [20., 21., 22., 23.]]], dtype=float32)"},
      {Tensor::arange(DType::kFloat64, 16).reshape({2, 2, 2, 2}),
       "array([[[[ 0.,  1.],\n"
       "         [ 2.,  3.]],\n"
       "\n"
       "        [[ 4.,  5.],\n"
       "         [ 6.,  7.]]],\n"
       "\n"
       "\n"
       "       [[[ 8.,  9.],\n"
       "         [10., 11.]],\n"
       "\n"
       "        [[12., 13.],\n"
       "         [14., 15.]]]])"},
      {Tensor::arange(DType::kInt64, 40),
       "array([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16,\n"
       "       17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,\n"
       "       34, 35, 36, 37, 38, 39])"},
      {Tensor::arange(DType::kFloat32, 20),
       "array([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12.,\n"
       "       13., 14., 15., 16., 17., 18., 19.], dtype=float32)"},
      {Tensor::arange(DType::kInt64, 1000).slice(0, 0, std::nullopt, 30),
       "array([  0,  30,  60,  90, 120, 150, 180, 210, 240, 270, 300, 330, 360,\n"
       "       390, 420, 450, 480, 510, 540, 570, 600, 630, 660, 690, 720, 750,\n"
       "       780, 810, 840, 870, 900, 930, 960, 990])"},
      {Tensor::arange(DType::kInt64, 1001), "array([   0,    1,    2, ...,  998,  999, 1000])"},
      {Tensor::arange(DType::kFloat32, 2000).reshape({2, 1000}),
       "array([[0.000e+00, 1.000e+00, 2.000e+00, ..., 9.970e+02, 9.980e+02,\n"
       "        9.990e+02],\n"
       "       [1.000e+03, 1.001e+03, 1.002e+03, ..., 1.997e+03, 1.998e+03,\n"
       "        1.999e+03]], dtype=float32)"},
      {Tensor::arange(DType::kInt32, 1600).reshape({40, 40}),
       "array([[   0,    1,    2, ...,   37,   38,   39],\n"
       "       [  40,   41,   42, ...,   77,   78,   79],\n"
       "       [  80,   81,   82, ...,  117,  118,  119],\n"
       "       ...,\n"
       "       [1480, 1481, 1482, ..., 1517, 1518, 1519],\n"
       "       [1520, 1521, 1522, ..., 1557, 1558, 1559],\n"
       "       [1560, 1561, 1562, ..., 1597, 1598, 1599]], dtype=int32)"},
      {Tensor::arange(DType::kFloat64, 4000).reshape({10, 2, 200}),
       "array([[[0.000e+00, 1.000e+00, 2.000e+00, ..., 1.970e+02, 1.980e+02,\n"
       "         1.990e+02],\n"
       "        [2.000e+02, 2.010e+02, 2.020e+02, ..., 3.970e+02, 3.980e+02,\n"
       "         3.990e+02]],\n"
       "\n"
       "       [[4.000e+02, 4.010e+02, 4.020e+02, ..., 5.970e+02, 5.980e+02,\n"
       "         5.990e+02],\n"
       "        [6.000e+02, 6.010e+02, 6.020e+02, ..., 7.970e+02, 7.980e+02,\n"
       "         7.990e+02]],\n"
       "\n"
       "       [[8.000e+02, 8.010e+02, 8.020e+02, ..., 9.970e+02, 9.980e+02,\n"
       "         9.990e+02],\n"
       "        [1.000e+03, 1.001e+03, 1.002e+03, ..., 1.197e+03, 1.198e+03,\n"
       "         1.199e+03]],\n"
       "\n"
       "       ...,\n"
       "\n"
       "       [[2.800e+03, 2.801e+03, 2.802e+03, ..., 2.997e+03, 2.998e+03,\n"
       "         2.999e+03],\n"
       "        [3.000e+03, 3.001e+03, 3.002e+03, ..., 3.197e+03, 3.198e+03,\n"
       "         3.199e+03]],\n"
       "\n"
       "       [[3.200e+03, 3.201e+03, 3.202e+03, ..., 3.397e+03, 3.398e+03,\n"
       "         3.399e+03],\n"
       "        [3.400e+03, 3.401e+03, 3.402e+03, ..., 3.597e+03, 3.598e+03,\n"
       "         3.599e+03]],\n"
       "\n"
       "       [[3.600e+03, 3.601e+03, 3.602e+03, ..., 3.797e+03, 3.798e+03,\n"
       "         3.799e+03],\n"
       "        [3.800e+03, 3.801e+03, 3.802e+03, ..., 3.997e+03, 3.998e+03,\n"
       "         3.999e+03]]])"},
      {Tensor::arange(DType::kInt64, 6).reshape({2, 3}).transpose(),
       "array([[0, 3],\n"
       "       [1, 4],\n"
       "       [2, 5]])"},
      {Tensor::arange(DType::kInt64, 6).slice(0, std::nullopt, std::nullopt, -2),
       "array([5, 3, 1])"},
      {Tensor::of<float>({0.015625f, 65504, 0.1f}).cast(DType::kFloat16),
       "array([1.563e-02, 6.550e+04, 9.998e-02], dtype=float16)"},
      {Tensor::full(DType::kFloat32, {18}, 0.5),
       "array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5,\n"
       "       0.5, 0.5, 0.5, 0.5, 0.5], dtype=float32)"},
      {Tensor::full(DType::kFloat32, {9}, 1),
       "array([1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)"},
      {Tensor::full(DType::kFloat32, {10}, 1),
       "array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)"},
      {Tensor::full(DType::kFloat32, {11}, 1),
       "array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)"},
      {Tensor::full(DType::kFloat32, {12}, 1),
       "array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)"},
      {Tensor::full(DType::kFloat32, {13}, 1),
       "array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)"},
  };
  for (const Case& c : cases) EXPECT_EQ(c.value.str(), c.expected);
}

TEST(Print, BFloat16ShowsTheFewestDigitsThatReadBack) {
  EXPECT_EQ(Tensor::of<float>({0.1f, 3.0f}).cast(DType::kBFloat16).str(),
            "array([0.1, 3. ], dtype=bfloat16)");
}

TEST(Print, ATensorWithoutAValueSaysSo) { EXPECT_EQ(Tensor().str(), "no value"); }

TEST(Print, OnlyShownElementsDecideTheFormat) {
  Tensor values = Tensor::zeros(DType::kFloat64, {1001});
  values.at<double>({500}) = 1e20;
  EXPECT_EQ(values.str(), "array([0., 0., 0., ..., 0., 0., 0.])");
}

TEST(Print, TheBoundOfExponentsIsRoundedToTheDtype) {
  EXPECT_EQ(Tensor::of<float>({1e-4f}).str(), "array([0.0001], dtype=float32)");
  EXPECT_EQ(Tensor::of<double>({1e-4}).str(), "array([0.0001])");
  EXPECT_EQ(Tensor::of<double>({9e-5}).str(), "array([9.e-05])");
}

}  // namespace
}  // namespace bitale
