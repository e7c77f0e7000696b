// Convolution, max-pooling, bias and activation: the tutorial's LeNetConvPoolLayer.
//
// LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
// 1998.

#ifndef BITALE_NN_LENET_CONV_POOL_LAYER_H_
#define BITALE_NN_LENET_CONV_POOL_LAYER_H_

#include <array>
#include <cstdint>
#include <optional>

#include "nn/hidden_layer.h"
#include "nn/initializers.h"

namespace bitale {

struct LeNetConvPoolLayerOptions {
  // Feature maps, input channels, filter height and width.
  std::array<int64_t, 4> filter_shape = {0, 0, 0, 0};
  // Batch, channels, height and width; a batch of -1 is any. Checked at every call where the
  // input's type does not say it.
  std::array<int64_t, 4> image_shape = {-1, 0, 0, 0};
  std::array<int64_t, 2> pool_size = {2, 2};
  InitRule init = InitRule::kGlorotUniform;
  Activation activation = tanh_activation;
  // Shared variables to use instead of new ones: W of filter_shape, b (maps,).
  std::optional<Variable> W = {};
  std::optional<Variable> b = {};
};

class LeNetConvPoolLayer {
 public:
  // input: float, of image_shape. Weights are drawn from `rng`; fan_out counts the pooled outputs.
  // ShapeError or TypeError naming the layer where shapes do not fit one another.
  LeNetConvPoolLayer(RandomState& rng, const Variable& input,
                     const LeNetConvPoolLayerOptions& options,
                     SourceSite site = SourceSite::current());

  // (batch, maps, pooled height, pooled width).
  const Variable& output() const { return output_; }
  const Variable& W() const { return W_; }
  const Variable& b() const { return b_; }
  // W, b.
  Variables params() const { return {W_, b_}; }
  // Dims of the output, batch as in image_shape.
  std::array<int64_t, 4> output_shape() const { return output_shape_; }

 private:
  Variable W_;
  Variable b_;
  Variable output_;
  std::array<int64_t, 4> output_shape_;
};

}  // namespace bitale

#endif  // BITALE_NN_LENET_CONV_POOL_LAYER_H_
