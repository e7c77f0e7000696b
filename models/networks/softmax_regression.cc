#include "core/graph/inputs.h"
#include "models/networks/minibatch_functions.h"
#include "models/networks/networks.h"
#include "nn/logistic_regression.h"

namespace bitale {

Network softmax_regression(const DataSets& data, const Settings& settings) {
  const int64_t n_in = 28 * 28, n_out = 10;

  Variable x = matrix("x"), y = ivector("y");

  LogisticRegression classifier(x, {.n_in = n_in, .n_out = n_out});

  Network network = minibatch_functions(
      {.name = "logistic_sgd",
       .x = x,
       .y = y,
       .cost = classifier.negative_log_likelihood(y),
       .errors = classifier.errors(y),
       .predictions = classifier.y_pred(),
       .parameters = {{"classifier.W", classifier.W()}, {"classifier.b", classifier.b()}}},
      data, settings);
  network.layers = {
      {"classifier", "fully connected, softmax", {n_out}, n_in * n_out + n_out, n_in * n_out}};
  network.first_weights = classifier.W();
  return network;
}

}  // namespace bitale
