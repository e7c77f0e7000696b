#include "autograd/grad.h"
#include "core/graph/inputs.h"
#include "models/networks/networks.h"
#include "nn/hidden_layer.h"
#include "nn/logistic_regression.h"
#include "nn/regularizers.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"

namespace bitale {

Network multilayer_perceptron(const DataSets& data, const Settings& settings) {
  const int64_t batch = settings.batch_size;
  const int64_t n_in = 28 * 28, n_hidden = settings.n_hidden, n_out = 10;
  RandomState rng(static_cast<uint32_t>(settings.seed));

  Variable x = matrix("x"), y = ivector("y"), index = lscalar("index");

  HiddenLayer hidden_layer(rng, x, {.n_in = n_in, .n_out = n_hidden});
  LogisticRegression log_regression_layer(hidden_layer.output(),
                                          {.n_in = n_hidden, .n_out = n_out});

  // Keeping these small prevents the network from fitting what is peculiar to the training set.
  Variable L1 = l1_norm({hidden_layer.W(), log_regression_layer.W()});
  Variable L2_sqr = l2_norm_squared({hidden_layer.W(), log_regression_layer.W()});
  Variable cost = log_regression_layer.negative_log_likelihood(y) + settings.L1_reg * L1 +
                  settings.L2_reg * L2_sqr;

  const Index minibatch = slice(index * batch, (index + 1) * batch);
  const Givens test_givens = {{x, data.test.x[minibatch]}, {y, data.test.y[minibatch]}};
  Function test_model = function({index}, log_regression_layer.errors(y),
                                 {.givens = test_givens, .name = "test_model"});
  Function validate_model =
      function({index}, log_regression_layer.errors(y),
               {.givens = {{x, data.valid.x[minibatch]}, {y, data.valid.y[minibatch]}},
                .name = "validate_model"});

  const std::vector<NamedParameter> parameters = {
      {"hidden_layer.W", hidden_layer.W()},
      {"hidden_layer.b", hidden_layer.b()},
      {"log_regression_layer.W", log_regression_layer.W()},
      {"log_regression_layer.b", log_regression_layer.b()}};
  Variables params;
  for (const NamedParameter& parameter : parameters) params.push_back(parameter.variable);

  const Variables gparams = grad(cost, params);
  Updates updates;
  for (size_t i = 0; i < params.size(); ++i) {
    updates.emplace_back(params[i], params[i] - settings.learning_rate * gparams[i]);
  }
  Function train_model =
      function({index}, cost,
               {.updates = updates,
                .givens = {{x, data.train.x[minibatch]}, {y, data.train.y[minibatch]}},
                .name = "train_model",
                .profile = settings.profile});

  Network network;
  network.task = {.name = "mlp",
                  .train = train_model,
                  .validate = validate_model,
                  .test = test_model,
                  .train_batches = data.train.size / batch,
                  .valid_batches = data.valid.size / batch,
                  .test_batches = data.test.size / batch,
                  .batch_size = batch,
                  .parameters = parameters};
  network.layers = {
      {"hidden_layer", "fully connected, tanh", {n_hidden}, n_in * n_hidden + n_hidden,
       n_in * n_hidden},
      {"log_regression_layer", "fully connected, softmax", {n_out}, n_hidden * n_out + n_out,
       n_hidden * n_out}};
  network.predict_test =
      function({index}, log_regression_layer.y_pred(), {.givens = {{x, data.test.x[minibatch]}}});
  network.first_weights = hidden_layer.W();
  return network;
}

}  // namespace bitale
