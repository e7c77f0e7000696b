// The pullback of a convolution behind that of a max-pool.

#include <memory>

#include "core/graph/inputs.h"
#include "core/rewrite/pattern.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/pool/positions.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// What visiting single positions costs more than walking all of them must be less than what it
// saves: at least every other position of the gradient is zero.
bool is_sparse(const PoolWindow& window) { return window.stride[0] * window.stride[1] >= 2; }

// Gradient `SparseOp` of the convolution that gave `convolved`, whose max-pool's gradient is
// `values`.
template <typename SparseOp>
Variable visit_positions(const Conv2dOptions& options, const PoolWindow& window,
                         const Variable& convolved, const Variable& values, const Variable& other,
                         const Variable& height, const Variable& width) {
  const Variable positions = apply_one(std::make_shared<MaxPoolPositionsOp>(window), {convolved});
  return apply_one(std::make_shared<SparseOp>(options),
                   {positions, values, other, height, width, length_of(convolved, 2).as_variable(),
                    length_of(convolved, 3).as_variable()});
}

// Operand `dense` of `apply`, a gradient of conv2d, comes through a max-pool.
template <typename SparseOp, typename DenseOp, size_t dense>
std::optional<Variables> visit_maxima(const Apply& apply, const RuleContext&) {
  const Apply* pool = made_by(apply.input(dense), "max_pool_grad");
  if (pool == nullptr) return std::nullopt;
  const PoolWindow& window = static_cast<const MaxPoolGradOp&>(pool->op()).window();
  if (!is_sparse(window)) return std::nullopt;
  return replace_with(
      apply, visit_positions<SparseOp>(static_cast<const DenseOp&>(apply.op()).options(), window,
                                       pool->input(0), pool->input(1), apply.input(1 - dense),
                                       apply.input(2), apply.input(3)));
}

// Variables of an example: a convolution of 3 by 3 windows, and the gradient of its maxima.
struct Example {
  Variable x = tensor(float_x(), {2, 3, 8, 8}, "x"), w = tensor(float_x(), {4, 3, 3, 3}, "w");
  Variable convolved = tensor(float_x(), {2, 4, 6, 6}, "c");
  Variable g = tensor(float_x(), {2, 4, 3, 3}, "g");
  Variable dense = max_pool_grad(convolved, g, {2, 2});

  template <typename SparseOp>
  Variable sparse(const Variable& other, int64_t size) const {
    const PoolWindow window = {{2, 2}, {2, 2}, {0, 0}, true};
    const Variable length = scalar_constant_int(DType::kInt64, size);
    return visit_positions<SparseOp>({}, window, convolved, g, other, length, length);
  }
};

constexpr Rule kInputs = {
    .name = "conv2d_grad_wrt_inputs_of_max_pool",
    .why = "only where a maximum stood is the gradient not zero",
    .op = "conv2d_grad_wrt_inputs",
    .apply = visit_maxima<Conv2dGradInputsOfUnpooledOp, Conv2dGradInputsOp, 0>,
    .examples =
        [] {
          const Example e;
          return Examples{{{conv2d_grad_wrt_inputs(e.dense, e.w, 8, 8)},
                           {e.sparse<Conv2dGradInputsOfUnpooledOp>(e.w, 8)}}};
        },
    .counterexamples =
        [] {
          const Example e;
          const Variable every = tensor(float_x(), {2, 4, 5, 5}, "every");
          const Variable overlapping =
              max_pool_grad(e.convolved, every, {2, 2}, {.stride = {1, 1}});
          return Graphs{{conv2d_grad_wrt_inputs(e.convolved, e.w, 8, 8)},
                        {conv2d_grad_wrt_inputs(overlapping, e.w, 8, 8)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kWeights = {
    .name = "conv2d_grad_wrt_weights_of_max_pool",
    .why = "only where a maximum stood is the gradient not zero",
    .op = "conv2d_grad_wrt_weights",
    .apply = visit_maxima<Conv2dGradWeightsOfUnpooledOp, Conv2dGradWeightsOp, 1>,
    .examples =
        [] {
          const Example e;
          return Examples{{{conv2d_grad_wrt_weights(e.x, e.dense, 3, 3)},
                           {e.sparse<Conv2dGradWeightsOfUnpooledOp>(e.x, 3)}}};
        },
    .counterexamples =
        [] {
          const Example e;
          const Variable every = tensor(float_x(), {2, 4, 5, 5}, "every");
          const Variable overlapping =
              max_pool_grad(e.convolved, every, {2, 2}, {.stride = {1, 1}});
          return Graphs{{conv2d_grad_wrt_weights(e.x, e.convolved, 3, 3)},
                        {conv2d_grad_wrt_weights(e.x, overlapping, 3, 3)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kInputs, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kWeights, Phase::kSpecialize)),
};

}  // namespace
}  // namespace bitale
