#include "ops/conv/conv2d.h"

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

struct Row {
  const char* name;
  Conv2dOptions options = {};
  // Rows above and below, columns left and right, that the border mode means here.
  std::array<int64_t, 4> pads = {0, 0, 0, 0};
  Dims image = {2, 4, 6, 7};
  Dims filters = {2, 4, 3, 2};
};

// All lengths distinct where the options allow it.
std::vector<Row> rows() {
  return {
      {.name = "valid"},
      {.name = "full", .options = {.border_mode = "full"}, .pads = {2, 2, 1, 1}},
      {.name = "half", .options = {.border_mode = "half"}, .pads = {1, 1, 1, 1}},
      {.name = "asymmetric",
       .options = {.border_mode = {{1, 0}, {0, 2}}, .subsample = {2, 1}},
       .pads = {1, 0, 0, 2}},
      {.name = "strided groups without flip",
       .options = {.subsample = {2, 3}, .num_groups = 2, .filter_flip = false},
       .filters = {6, 2, 3, 2}},
      {.name = "dilated",
       .options = {.filter_dilation = {2, 3}},
       .image = {2, 3, 7, 8},
       .filters = {5, 3, 3, 2}},
      {.name = "dilated full",
       .options = {.border_mode = "full", .subsample = {3, 1}, .filter_dilation = {2, 1}},
       .pads = {4, 4, 1, 1}},
      // 5 by 4 windows, of which the last row and column stay uncovered by the stride.
      {.name = "uncovered edge",
       .options = {.subsample = {2, 2}},
       .image = {1, 2, 6, 7},
       .filters = {3, 2, 3, 2}},
  };
}

// The image between zeros, and the filters as the window sees them: turned, and with gaps.
double image_at(const Row& row, const Tensor& x, int64_t n, int64_t c, int64_t y, int64_t z) {
  y -= row.pads[0];
  z -= row.pads[2];
  if (y < 0 || y >= x.dim(2) || z < 0 || z >= x.dim(3)) return 0;
  return element(x, {n, c, y, z});
}

Tensor naive_conv2d(const Row& row, const Tensor& x, const Tensor& w) {
  const auto& o = row.options;
  const int64_t group_filters = w.dim(0) / o.num_groups;
  const int64_t height = x.dim(2) + row.pads[0] + row.pads[1];
  const int64_t width = x.dim(3) + row.pads[2] + row.pads[3];
  const int64_t rows_covered = (w.dim(2) - 1) * o.filter_dilation[0] + 1;
  const int64_t columns_covered = (w.dim(3) - 1) * o.filter_dilation[1] + 1;
  Tensor out = Tensor::zeros(DType::kFloat64,
                             {x.dim(0), w.dim(0), (height - rows_covered) / o.subsample[0] + 1,
                              (width - columns_covered) / o.subsample[1] + 1});
  for_each_index(out.shape(), [&](const Dims& i) {
    double sum = 0;
    for_each_index({w.dim(1), w.dim(2), w.dim(3)}, [&](const Dims& k) {
      const int64_t y = o.filter_flip ? w.dim(2) - 1 - k[1] : k[1];
      const int64_t z = o.filter_flip ? w.dim(3) - 1 - k[2] : k[2];
      sum += element(w, {i[1], k[0], k[1], k[2]}) *
             image_at(row, x, i[0], i[1] / group_filters * w.dim(1) + k[0],
                      i[2] * o.subsample[0] + y * o.filter_dilation[0],
                      i[3] * o.subsample[1] + z * o.filter_dilation[1]);
    });
    set_element(out, i, sum);
  });
  return out;
}

TEST(Conv2d, IsTheSumOverEachWindow) {
  for (const Row& row : rows()) {
    run_op_case(
        {.name = row.name,
         .inputs = {random_tensor(row.image, -1, 1, 1), random_tensor(row.filters, -1, 1, 2)},
         .build = [row](const Variables& v) { return conv2d(v[0], v[1], row.options); },
         .oracle = [row](const std::vector<Tensor>& x) { return naive_conv2d(row, x[0], x[1]); }});
  }
}

// A linear function's gradient is its transpose, found here from the definition, column by column.
Tensor transposed_map(const Tensor& like, const Tensor& g,
                      const std::function<Tensor(const Tensor&)>& f) {
  Tensor out = Tensor::zeros(DType::kFloat64, like.shape());
  Tensor unit = Tensor::zeros(DType::kFloat64, like.shape());
  for_each_index(like.shape(), [&](const Dims& i) {
    set_element(unit, i, 1);
    const Tensor column = f(unit);
    double sum = 0;
    for (int64_t j = 0; j < g.size(); ++j) sum += g.data<double>()[j] * column.data<double>()[j];
    set_element(out, i, sum);
    set_element(unit, i, 0);
  });
  return out;
}

TEST(Conv2dGradWrtInputs, IsTheTransposeInTheInput) {
  for (const Row& row : rows()) {
    const Tensor w = random_tensor(row.filters, -1, 1, 2);
    const Tensor like = Tensor::zeros(DType::kFloat64, row.image);
    const Tensor g = random_tensor(naive_conv2d(row, like, w).shape(), -1, 1, 3);
    run_op_case({.name = row.name,
                 .inputs = {g, w},
                 .build =
                     [row](const Variables& v) {
                       return conv2d_grad_wrt_inputs(v[0], v[1], row.image[2], row.image[3],
                                                     row.options);
                     },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       return transposed_map(like, x[0].contiguous(), [&](const Tensor& image) {
                         return naive_conv2d(row, image, x[1]);
                       });
                     }});
  }
}

TEST(Conv2dGradWrtWeights, IsTheTransposeInTheFilters) {
  for (const Row& row : rows()) {
    const Tensor image = random_tensor(row.image, -1, 1, 2);
    const Tensor like = Tensor::zeros(DType::kFloat64, row.filters);
    const Tensor g = random_tensor(naive_conv2d(row, image, like).shape(), -1, 1, 3);
    run_op_case({.name = row.name,
                 .inputs = {image, g},
                 .build =
                     [row](const Variables& v) {
                       return conv2d_grad_wrt_weights(v[0], v[1], row.filters[2], row.filters[3],
                                                      row.options);
                     },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       return transposed_map(like, x[1].contiguous(), [&](const Tensor& filters) {
                         return naive_conv2d(row, x[0], filters);
                       });
                     }});
  }
}

TEST(Conv2d, KnowsItsDims) {
  const Variable x = tensor(DType::kFloat32, {"batch", 1, 28, 28}, "x");
  const Variable w = tensor(DType::kFloat32, {20, 1, 5, 5}, "w");
  EXPECT_EQ(conv2d(x, w).type(), (TensorType{DType::kFloat32, {"batch", 20, 24, 24}}));
  EXPECT_EQ(conv2d(x, w, {.border_mode = "full"}).type().dims[2], Dim(32));
  EXPECT_EQ(conv2d(x, w, {.border_mode = "half", .subsample = {3, 3}}).type().dims[3], Dim(10));
  EXPECT_TRUE(conv2d(ftensor4(), w).type().dims[2].is_unknown());
  EXPECT_EQ(conv2d(x, dtensor4("w64")).dtype(), DType::kFloat64);
}

TEST(Conv2d, RefusesDifferingChannels) {
  const Variable x = tensor(DType::kFloat32, {"batch", 3, 28, 28}, "x");
  const Variable w = tensor(DType::kFloat32, {20, 1, 5, 5}, "w");
  expect_error<ShapeError>(
      [&] { conv2d(x, w); },
      {"conv2d: channels differ: the input has 3, the filters take 1",
       "operand 0: x float32 (batch, 3, 28, 28)", "operand 1: w float32 (20, 1, 5, 5)", "hint: "});
  expect_error<ShapeError>(
      [&] { conv2d(x, w, {.num_groups = 2}); },
      {"conv2d: channels differ: the input has 3, the filters take 1 in each of 2 groups"});
}

TEST(Conv2d, RefusesAFilterLargerThanThePaddedInput) {
  const Variable x = tensor(DType::kFloat32, {2, 1, 4, 9}, "x");
  const Variable w = tensor(DType::kFloat32, {20, 1, 7, 5}, "w");
  expect_error<ShapeError>(
      [&] { conv2d(x, w, {.border_mode = 1}); },
      {"conv2d: the filter is larger than the padded input: height 7 and 6", "hint: "});
  const Variable any = ftensor4("any");
  auto f = function({any, w}, conv2d(any, w));
  EXPECT_THROW(
      f(Tensor::ones(DType::kFloat32, {2, 1, 4, 9}), Tensor::ones(DType::kFloat32, {20, 1, 7, 5})),
      ShapeError);
}

TEST(Conv2d, RefusesOtherRanksDtypesAndOptions) {
  const Variable x = ftensor4("x"), m = fmatrix("m"), i = itensor4("i");
  expect_error<ShapeError>([&] { conv2d(m, x); }, {"conv2d: the input must have rank 4, not 2"});
  expect_error<ShapeError>([&] { conv2d(x, m); }, {"conv2d: the filters must have rank 4, not 2"});
  expect_error<TypeError>([&] { conv2d(i, i); }, {"conv2d: the input must be floating, not int32"});
  expect_error<GraphError>(
      [&] {
        conv2d(x, x, {.subsample = {1, 0}});
      },
      {"conv2d: subsample must be at least 1, not 0"});
  const Variable w = tensor(DType::kFloat32, {5, 2, 3, 3}, "w");
  expect_error<ShapeError>([&] { conv2d(x, w, {.num_groups = 2}); },
                           {"conv2d: 5 filters do not fall into 2 groups"});
  expect_error<GraphError>([&] { conv2d(x, x, {.border_mode = "same"}); },
                           {"conv2d: unknown border_mode \"same\"", "hint: \"valid\", \"full\""});
  expect_error<GraphError>(
      [&] {
        conv2d(x, x, {.border_mode = {1, -1}});
      },
      {"conv2d: padding must not be negative: -1"});
}

TEST(Conv2dGradWrtInputs, RefusesAnOutputGradOfAnotherSize) {
  const Variable g = tensor(DType::kFloat32, {2, 5, 4, 4}, "g");
  const Variable w = tensor(DType::kFloat32, {5, 3, 3, 3}, "w");
  expect_error<ShapeError>(
      [&] { conv2d_grad_wrt_inputs(g, w, 7, 6); },
      {"conv2d_grad_wrt_inputs: output_grad has another height than the output: "
       "4 and 5"});
}

TEST(Conv2dGradWrtInputs, TakesSymbolicLengths) {
  const Variable g = ftensor4("g"), w = ftensor4("w"), x = ftensor4("x");
  const Variable out = conv2d_grad_wrt_inputs(g, w, shape(x, 2), shape(x, 3));
  auto f = function({g, w, x}, out);
  const Tensor result =
      f(Tensor::ones(DType::kFloat32, {2, 5, 4, 3}), Tensor::ones(DType::kFloat32, {5, 3, 2, 2}),
        Tensor::ones(DType::kFloat32, {2, 3, 5, 4}));
  EXPECT_EQ(result.shape(), (Dims{2, 3, 5, 4}));
  EXPECT_EQ(result.at<float>({0, 0, 0, 0}), 5.0f);
  EXPECT_EQ(result.at<float>({0, 0, 2, 2}), 20.0f);
}

}  // namespace
}  // namespace bitale
