// A fully connected layer: activation(dot(input, W) + b). The tutorial's HiddenLayer.

#ifndef BITALE_NN_HIDDEN_LAYER_H_
#define BITALE_NN_HIDDEN_LAYER_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "core/graph/operand.h"
#include "nn/initializers.h"

namespace bitale {

// The function of a layer's sums; null for none.
using Activation = std::function<Variable(const Variable&)>;

// The hyperbolic tangent, the tutorial's activation.
Variable tanh_activation(const Variable& x);

struct HiddenLayerOptions {
  int64_t n_in = 0;
  int64_t n_out = 0;
  // Null for a linear layer.
  Activation activation = tanh_activation;
  InitRule init = InitRule::kGlorotUniform;
  // Multiplies the initial weights: 4 for sigmoid units (Glorot and Bengio 2010).
  double gain = 1;
  // Shared variables to use instead of new ones: W (n_in, n_out), b (n_out,).
  std::optional<Variable> W = {};
  std::optional<Variable> b = {};
};

class HiddenLayer {
 public:
  // input: float (n, n_in). Weights are drawn from `rng` and have the input's dtype. ShapeError or
  // TypeError naming the layer where the input or given weights do not fit, GraphError for a gain
  // that is not finite.
  HiddenLayer(RandomState& rng, const Variable& input, const HiddenLayerOptions& options,
              SourceSite site = SourceSite::current());

  // (n, n_out).
  const Variable& output() const { return output_; }
  const Variable& W() const { return W_; }
  const Variable& b() const { return b_; }
  // W, b.
  Variables params() const { return {W_, b_}; }

 private:
  Variable W_;
  Variable b_;
  Variable output_;
};

}  // namespace bitale

#endif  // BITALE_NN_HIDDEN_LAYER_H_
