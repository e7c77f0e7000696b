#include "core/graph/inputs.h"
#include "models/networks/minibatch_functions.h"
#include "models/networks/networks.h"
#include "nn/hidden_layer.h"
#include "nn/logistic_regression.h"
#include "nn/regularizers.h"
#include "ops/elementwise/operators.h"

namespace bitale {

Network multilayer_perceptron(const DataSets& data, const Settings& settings) {
  const int64_t n_in = 28 * 28, n_hidden = settings.n_hidden, n_out = 10;
  RandomState rng(static_cast<uint32_t>(settings.seed));

  Variable x = matrix("x"), y = ivector("y");

  HiddenLayer hidden_layer(rng, x, {.n_in = n_in, .n_out = n_hidden});
  LogisticRegression log_regression_layer(hidden_layer.output(),
                                          {.n_in = n_hidden, .n_out = n_out});

  // Keeping these small prevents the network from fitting what is peculiar to the training set.
  const Variables weights = {hidden_layer.W(), log_regression_layer.W()};
  Variable cost = log_regression_layer.negative_log_likelihood(y);
  // A term without weight would still be computed: 0 times infinity is not 0.
  if (settings.L1_reg != 0) cost = cost + settings.L1_reg * l1_norm(weights);
  if (settings.L2_reg != 0) cost = cost + settings.L2_reg * l2_norm_squared(weights);

  Network network =
      minibatch_functions({.name = "mlp",
                           .x = x,
                           .y = y,
                           .cost = cost,
                           .errors = log_regression_layer.errors(y),
                           .predictions = log_regression_layer.y_pred(),
                           .parameters = {{"hidden_layer.W", hidden_layer.W()},
                                          {"hidden_layer.b", hidden_layer.b()},
                                          {"log_regression_layer.W", log_regression_layer.W()},
                                          {"log_regression_layer.b", log_regression_layer.b()}}},
                          data, settings);
  network.layers = {{"hidden_layer",
                     "fully connected, tanh",
                     {n_hidden},
                     n_in * n_hidden + n_hidden,
                     n_in * n_hidden},
                    {"log_regression_layer",
                     "fully connected, softmax",
                     {n_out},
                     n_hidden * n_out + n_out,
                     n_hidden * n_out}};
  network.first_weights = hidden_layer.W();
  return network;
}

}  // namespace bitale
