#include "core/graph/inputs.h"
#include "models/networks/minibatch_functions.h"
#include "models/networks/networks.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "ops/shape/reshape.h"

namespace bitale {

Network convolutional_network(const DataSets& data, const Settings& settings) {
  const int64_t batch = settings.batch_size;
  const auto [maps0, maps1] = settings.nkerns;
  RandomState rng(static_cast<uint32_t>(settings.seed));

  // A minibatch: images as rows of pixels, and their labels.
  Variable x = matrix("x"), y = ivector("y");

  // 28x28 images; filtering reduces them to 24x24, pooling to 12x12.
  LeNetConvPoolLayer layer0(
      rng, reshape(x, {batch, 1, 28, 28}),
      {.filter_shape = {maps0, 1, 5, 5}, .image_shape = {batch, 1, 28, 28}, .pool_size = {2, 2}});
  // 12x12 to 8x8, pooled to 4x4.
  LeNetConvPoolLayer layer1(rng, layer0.output(),
                            {.filter_shape = {maps1, maps0, 5, 5},
                             .image_shape = {batch, maps0, 12, 12},
                             .pool_size = {2, 2}});
  const int64_t n_in = maps1 * 4 * 4;
  HiddenLayer layer2(rng, flatten(layer1.output(), 2), {.n_in = n_in, .n_out = 500});
  LogisticRegression layer3(layer2.output(), {.n_in = 500, .n_out = 10});

  Network network = minibatch_functions({.name = "convolutional_mlp",
                                         .x = x,
                                         .y = y,
                                         .cost = layer3.negative_log_likelihood(y),
                                         .errors = layer3.errors(y),
                                         .predictions = layer3.y_pred(),
                                         .parameters = {{"layer3.W", layer3.W()},
                                                        {"layer3.b", layer3.b()},
                                                        {"layer2.W", layer2.W()},
                                                        {"layer2.b", layer2.b()},
                                                        {"layer1.W", layer1.W()},
                                                        {"layer1.b", layer1.b()},
                                                        {"layer0.W", layer0.W()},
                                                        {"layer0.b", layer0.b()}}},
                                        data, settings);
  network.layers = {{"layer0",
                     "convolution 5x5, max-pooling 2x2, tanh",
                     {maps0, 12, 12},
                     maps0 * 25 + maps0,
                     maps0 * 25 * 24 * 24},
                    {"layer1",
                     "convolution 5x5, max-pooling 2x2, tanh",
                     {maps1, 4, 4},
                     maps1 * maps0 * 25 + maps1,
                     maps1 * maps0 * 25 * 8 * 8},
                    {"layer2", "fully connected, tanh", {500}, n_in * 500 + 500, n_in * 500},
                    {"layer3", "fully connected, softmax", {10}, 500 * 10 + 10, 500 * 10}};
  network.first_weights = layer0.W();
  return network;
}

}  // namespace bitale
