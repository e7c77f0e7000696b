#include "autograd/grad.h"
#include "core/graph/inputs.h"
#include "models/networks/networks.h"
#include "nn/logistic_regression.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"

namespace bitale {

Network softmax_regression(const DataSets& data, const Settings& settings) {
  const int64_t batch = settings.batch_size;
  const int64_t n_in = 28 * 28, n_out = 10;

  Variable index = lscalar("index"), x = matrix("x"), y = ivector("y");

  LogisticRegression classifier(x, {.n_in = n_in, .n_out = n_out});
  Variable cost = classifier.negative_log_likelihood(y);

  const Index minibatch = slice(index * batch, (index + 1) * batch);
  const Givens test_givens = {{x, data.test.x[minibatch]}, {y, data.test.y[minibatch]}};
  Function test_model =
      function({index}, classifier.errors(y), {.givens = test_givens, .name = "test_model"});
  Function validate_model =
      function({index}, classifier.errors(y),
               {.givens = {{x, data.valid.x[minibatch]}, {y, data.valid.y[minibatch]}},
                .name = "validate_model"});

  const Variable g_W = grad(cost, classifier.W());
  const Variable g_b = grad(cost, classifier.b());
  const Updates updates = {
      {classifier.W(), classifier.W() - settings.learning_rate * g_W},
      {classifier.b(), classifier.b() - settings.learning_rate * g_b}};
  Function train_model =
      function({index}, cost,
               {.updates = updates,
                .givens = {{x, data.train.x[minibatch]}, {y, data.train.y[minibatch]}},
                .name = "train_model",
                .profile = settings.profile});

  Network network;
  network.task = {.name = "logistic_sgd",
                  .train = train_model,
                  .validate = validate_model,
                  .test = test_model,
                  .train_batches = data.train.size / batch,
                  .valid_batches = data.valid.size / batch,
                  .test_batches = data.test.size / batch,
                  .batch_size = batch,
                  .parameters = {{"classifier.W", classifier.W()},
                                 {"classifier.b", classifier.b()}}};
  network.layers = {
      {"classifier", "fully connected, softmax", {n_out}, n_in * n_out + n_out, n_in * n_out}};
  network.predict_test =
      function({index}, classifier.y_pred(), {.givens = {{x, data.test.x[minibatch]}}});
  network.first_weights = classifier.W();
  return network;
}

}  // namespace bitale
