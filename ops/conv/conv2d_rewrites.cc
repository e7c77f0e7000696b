// The pullback of a convolution behind that of a max-pool.

#include <memory>

#include "core/graph/inputs.h"
#include "core/rewrite/pattern.h"
#include "ops/conv/conv2d_of_max_pool_internal.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// What visiting single positions costs more than walking all of them must be less than what it
// saves: at least every other position of the gradient is zero.
bool is_sparse(const PoolWindow& window) { return window.stride[0] * window.stride[1] >= 2; }

// Operand `dense` of `apply`, a gradient of conv2d, comes through a max-pool.
template <typename SparseOp, typename DenseOp, size_t dense>
std::optional<Variables> visit_maxima(const Apply& apply, const RuleContext&) {
  const Apply* pool = made_by(apply.input(dense), "max_pool_grad");
  if (pool == nullptr) return std::nullopt;
  const PoolWindow& window = static_cast<const MaxPoolGradOp&>(pool->op()).window();
  if (!is_sparse(window)) return std::nullopt;
  const auto op =
      std::make_shared<SparseOp>(static_cast<const DenseOp&>(apply.op()).options(), window);
  return replace_with(apply, apply_one(op, {pool->input(0), pool->input(1), apply.input(1 - dense),
                                            apply.input(2), apply.input(3)}));
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
    return apply_one(std::make_shared<SparseOp>(Conv2dOptions(), window),
                     {convolved, g, other, length, length});
  }
};

constexpr Rule kInputs = {.name = "conv2d_grad_wrt_inputs_of_max_pool",
                          .why = "only where a maximum stood is the gradient not zero",
                          .op = "conv2d_grad_wrt_inputs",
                          .apply = visit_maxima<Conv2dGradInputsOfMaxPoolOp, Conv2dGradInputsOp, 0>,
                          .examples =
                              [] {
                                const Example e;
                                return Examples{{{conv2d_grad_wrt_inputs(e.dense, e.w, 8, 8)},
                                                 {e.sparse<Conv2dGradInputsOfMaxPoolOp>(e.w, 8)}}};
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
    .apply = visit_maxima<Conv2dGradWeightsOfMaxPoolOp, Conv2dGradWeightsOp, 1>,
    .examples =
        [] {
          const Example e;
          return Examples{{{conv2d_grad_wrt_weights(e.x, e.dense, 3, 3)},
                           {e.sparse<Conv2dGradWeightsOfMaxPoolOp>(e.x, 3)}}};
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
