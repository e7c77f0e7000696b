// Matrix products, convolutions, pooling: what multiplies and adds over windows or rows.

#include "ops/conv/conv2d.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/gemm.h"
#include "ops/pool/pool.h"
#include "ops/pool/positions.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Build = Variable (*)(const Variables& v);

Case with(const char* name, std::vector<Tensor> inputs, Build build) {
  return {.name = name, .inputs = std::move(inputs), .build = build};
}

// Half-strided, dilated, grouped, padded on one side more: everything at once.
const Conv2dOptions kIntricate = {.border_mode = {{1, 0}, {2, 1}},
                                  .subsample = {2, 1},
                                  .filter_dilation = {1, 2},
                                  .num_groups = 2,
                                  .filter_flip = false};

// Internal ops have no builders. The gradient of a convolution to planes of this size: `v` and the
// height and width of its result.
template <typename SparseOp>
Variable of_unpooled(const Variables& v, const Dims& planes, int64_t height, int64_t width,
                     const Conv2dOptions& options) {
  const auto length = [](int64_t value) { return scalar_constant_int(DType::kInt64, value); };
  const Variable positions = max_pool_positions(distinct_tensor(planes).cast(v[0].dtype()), {2, 2});
  return apply_one(
      std::make_shared<SparseOp>(options),
      {positions, v[0], v[1], length(height), length(width), length(planes[2]), length(planes[3])});
}

Variable pooled(const Variables& v, const Conv2dOptions& options, const PoolWindow& window) {
  return apply_op(std::make_shared<Conv2dMaxPoolOp>(options, window, true), v)[0];
}

std::vector<Row> convolution_rows() {
  const std::map<Column, Hole> holes = {{Column::kHalf, kHalfRefused},
                                        {Column::kInteger, kDiscreteRefused},
                                        {Column::kBool, kDiscreteRefused}};
  return {
      {.name = "conv2d",
       .cases = {with("valid", {random_tensor({2, 3, 6, 5}), random_tensor({4, 3, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) { return conv2d(v[0], v[1]); }),
                 with("full", {random_tensor({1, 2, 4, 3}), random_tensor({2, 2, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return conv2d(v[0], v[1], {.border_mode = "full"});
                      }),
                 with("strides, dilation, groups, uneven pads",
                      {random_tensor({2, 4, 6, 5}), random_tensor({2, 2, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) { return conv2d(v[0], v[1], kIntricate); })},
       .holes = holes},
      {.name = "conv2d_grad_wrt_inputs",
       .cases = {with("valid", {random_tensor({2, 4, 4, 4}), random_tensor({4, 3, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) { return conv2d_grad_wrt_inputs(v[0], v[1], 6, 5); }),
                 with("strides, dilation, groups, uneven pads",
                      {random_tensor({2, 2, 3, 6}), random_tensor({2, 2, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return conv2d_grad_wrt_inputs(v[0], v[1], 6, 5, kIntricate);
                      })},
       .holes = holes},
      {.name = "conv2d_grad_wrt_weights",
       .cases = {with("valid", {random_tensor({2, 3, 6, 5}), random_tensor({2, 4, 4, 4}, -1, 1, 2)},
                      [](const Variables& v) { return conv2d_grad_wrt_weights(v[0], v[1], 3, 2); }),
                 with("strides, dilation, groups, uneven pads",
                      {random_tensor({2, 4, 6, 5}), random_tensor({2, 2, 3, 6}, -1, 1, 2)},
                      [](const Variables& v) {
                        return conv2d_grad_wrt_weights(v[0], v[1], 3, 2, kIntricate);
                      })},
       .holes = holes},
      {.name = "conv2d_grad_wrt_inputs_of_unpooled",
       .cases = {with("2x2", {random_tensor({2, 4, 2, 2}), random_tensor({4, 3, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return of_unpooled<Conv2dGradInputsOfUnpooledOp>(v, {2, 4, 4, 4}, 6, 5, {});
                      }),
                 with("strides, dilation, groups, uneven pads",
                      {random_tensor({2, 2, 1, 3}), random_tensor({2, 2, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return of_unpooled<Conv2dGradInputsOfUnpooledOp>(v, {2, 2, 3, 6}, 6, 5,
                                                                         kIntricate);
                      })},
       .holes = holes,
       .stands_for = "conv2d_grad_wrt_inputs of a max_unpool"},
      {.name = "conv2d_grad_wrt_weights_of_unpooled",
       .cases = {with(
                     "2x2", {random_tensor({2, 4, 2, 2}), random_tensor({2, 3, 6, 5}, -1, 1, 2)},
                     [](const Variables& v) {
                       return of_unpooled<Conv2dGradWeightsOfUnpooledOp>(v, {2, 4, 4, 4}, 3, 2, {});
                     }),
                 with("strides, dilation, groups, uneven pads",
                      {random_tensor({2, 2, 1, 3}), random_tensor({2, 4, 6, 5}, -1, 1, 2)},
                      [](const Variables& v) {
                        return of_unpooled<Conv2dGradWeightsOfUnpooledOp>(v, {2, 2, 3, 6}, 3, 2,
                                                                          kIntricate);
                      })},
       .holes = holes,
       .stands_for = "conv2d_grad_wrt_weights of a max_unpool"},
      {.name = "conv2d_max_pool",
       .cases = {with("2x2", {random_tensor({2, 3, 6, 5}), random_tensor({4, 3, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return pooled(v, {}, {{2, 2}, {2, 2}, {0, 0}, true});
                      }),
                 with("overlapping, strides, dilation, groups, uneven pads",
                      {random_tensor({2, 4, 6, 5}), random_tensor({2, 2, 3, 2}, -1, 1, 2)},
                      [](const Variables& v) {
                        return pooled(v, kIntricate, {{2, 3}, {1, 2}, {0, 0}, true});
                      })},
       .holes = holes,
       .stands_for = "max_pool of a conv2d"}};
}

std::vector<Row> pool_rows() {
  const std::map<Column, Hole> floats_only = {{Column::kHalf, kHalfRefused},
                                              {Column::kInteger, kDiscreteRefused},
                                              {Column::kBool, kDiscreteRefused}};
  const std::map<Column, Hole> no_half = {{Column::kHalf, kHalfRefused}};
  static constexpr PoolOptions kOverlap = {.ignore_border = true, .stride = {1, 2}, .pad = {1, 0}};
  static constexpr PoolOptions kCut = {.ignore_border = false, .stride = {2, 3}};
  return {
      {.name = "max_pool",
       .cases = {with("2x2", {distinct_tensor({2, 3, 4, 6}, 0.05)},
                      [](const Variables& v) {
                        return pool_2d(v[0], {2, 2});
                      }),
                 with("overlapping, padded", {distinct_tensor({2, 5, 6})},
                      [](const Variables& v) {
                        return pool_2d(v[0], {3, 2}, kOverlap);
                      }),
                 with("cut at the border", {distinct_tensor({5, 7})},
                      [](const Variables& v) {
                        return pool_2d(v[0], {2, 2}, kCut);
                      })},
       .holes = no_half},
      {.name = "max_pool_grad",
       .cases = {with("2x2", {distinct_tensor({2, 4, 6}), random_tensor({2, 2, 3})},
                      [](const Variables& v) {
                        return max_pool_grad(v[0], v[1], {2, 2});
                      }),
                 with("overlapping, padded", {distinct_tensor({5, 6}), random_tensor({5, 3})},
                      [](const Variables& v) {
                        return max_pool_grad(v[0], v[1], {3, 2}, kOverlap);
                      })},
       .holes = floats_only},
      {.name = "max_pool_gather",
       .cases = {with("2x2", {distinct_tensor({2, 4, 6}), random_tensor({2, 4, 6})},
                      [](const Variables& v) {
                        return max_pool_gather(v[0], v[1], {2, 2});
                      }),
                 with("overlapping, padded", {distinct_tensor({5, 6}), random_tensor({5, 6})},
                      [](const Variables& v) {
                        return max_pool_gather(v[0], v[1], {3, 2}, kOverlap);
                      })},
       .holes = floats_only},
      {.name = "max_pool_positions",
       .cases = {with("2x2", {distinct_tensor({2, 4, 6}, 0.05)},
                      [](const Variables& v) {
                        return max_pool_positions(v[0], {2, 2});
                      }),
                 with("overlapping, padded", {distinct_tensor({5, 6})},
                      [](const Variables& v) {
                        return max_pool_positions(v[0], {3, 2}, kOverlap);
                      })},
       .holes = no_derivatives(kDiscreteResult, no_half)},
      {.name = "average_pool",
       .cases = {with("sum", {random_tensor({2, 4, 6})},
                      [](const Variables& v) {
                        return pool_2d(v[0], {2, 2}, {.mode = PoolMode::kSum});
                      }),
                 with("average with padding", {random_tensor({5, 6})},
                      [](const Variables& v) {
                        return pool_2d(
                            v[0], {3, 2},
                            {.stride = {1, 2}, .pad = {1, 0}, .mode = PoolMode::kAverageIncPad});
                      }),
                 with("average of real elements, cut at the border", {random_tensor({5, 7})},
                      [](const Variables& v) {
                        return pool_2d(v[0], {2, 2},
                                       {.ignore_border = false,
                                        .stride = {2, 3},
                                        .mode = PoolMode::kAverageExcPad});
                      })},
       .holes = floats_only},
      // No builder: the gradient of an average, which is linear.
      {.name = "average_pool_grad",
       .cases = {with("average", {random_tensor({2, 2, 3})},
                      [](const Variables& v) {
                        const PoolWindow window{{2, 2}, {2, 2}, {0, 0}, true};
                        return apply_one(
                            std::make_shared<AveragePoolGradOp>(window, PoolMode::kAverageIncPad),
                            {v[0], scalar_constant_int(DType::kInt64, 4),
                             scalar_constant_int(DType::kInt64, 6)});
                      })},
       .holes = floats_only}};
}

}  // namespace

std::vector<Row> product_rows() {
  const std::map<Column, Hole> no_half = {{Column::kHalf, kHalfRefused}};
  std::vector<Row> rows = {
      {.name = "dot",
       .cases = {with("vectors", {random_tensor({4}), random_tensor({4}, -1, 1, 2)},
                      [](const Variables& v) { return dot(v[0], v[1]); }),
                 with("matrix and vector", {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                      [](const Variables& v) { return dot(v[0], v[1]); }),
                 with("vector and matrix", {random_tensor({4}), random_tensor({4, 2}, -1, 1, 2)},
                      [](const Variables& v) { return dot(v[0], v[1]); }),
                 with("matrices", {random_tensor({3, 4}), random_tensor({4, 2}, -1, 1, 2)},
                      [](const Variables& v) { return dot(v[0], v[1]); }),
                 with("square of a matrix", {random_tensor({3, 3})},
                      [](const Variables& v) { return dot(v[0], v[0]); })},
       .holes = no_half},
      {.name = "matmul",
       .cases = {with("stacks", {random_tensor({2, 3, 4}), random_tensor({2, 4, 2}, -1, 1, 2)},
                      [](const Variables& v) { return matmul(v[0], v[1]); }),
                 with("leading axes broadcast",
                      {random_tensor({2, 1, 3, 4}), random_tensor({3, 4, 2}, -1, 1, 2)},
                      [](const Variables& v) { return matmul(v[0], v[1]); })},
       .holes = no_half},
      {.name = "gemm",
       .cases = {with("scalars as operands",
                      {random_tensor({3, 2}), random_tensor({3, 4}, -1, 1, 2),
                       random_tensor({4, 2}, -1, 1, 3), Tensor(0.7), Tensor(-1.3)},
                      [](const Variables& v) { return gemm(v[0], v[1], v[2], v[3], v[4]); })},
       .holes = {{Column::kHalf, kHalfRefused},
                 {Column::kInteger, kDiscreteRefused},
                 {Column::kBool, kDiscreteRefused}},
       .stands_for = "beta * c + alpha * dot(a, b)"}};
  for (Row& row : convolution_rows()) rows.push_back(std::move(row));
  for (Row& row : pool_rows()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace bitale::ledger
