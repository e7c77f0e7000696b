#include "models/networks/minibatch_functions.h"

#include "core/graph/inputs.h"
#include "nn/sgd.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"

namespace bitale {

Network minibatch_functions(const Classifier& classifier, const DataSets& data,
                            const Settings& settings) {
  const int64_t batch = settings.batch_size;
  const Variable index = lscalar("index");
  const Index minibatch = slice(index * batch, (index + 1) * batch);
  const auto givens = [&](const SharedSet& set) {
    return Givens{{classifier.x, set.x[minibatch]}, {classifier.y, set.y[minibatch]}};
  };
  const auto max_bytes = static_cast<size_t>(settings.max_bytes);
  Variables params;
  for (const NamedParameter& parameter : classifier.parameters) {
    params.push_back(parameter.variable);
  }

  Network network;
  network.task = {
      .name = classifier.name,
      .train = function({index}, classifier.cost,
                        {.updates = sgd(classifier.cost, params, settings.learning_rate),
                         .givens = givens(data.train),
                         .name = "train_model",
                         .profile = settings.profile || !settings.profile_trace.empty(),
                         .max_bytes = max_bytes}),
      .validate = function(
          {index}, classifier.errors,
          {.givens = givens(data.valid), .name = "validate_model", .max_bytes = max_bytes}),
      .test = function({index}, classifier.errors,
                       {.givens = givens(data.test), .name = "test_model", .max_bytes = max_bytes}),
      .train_batches = data.train.size / batch,
      .valid_batches = data.valid.size / batch,
      .test_batches = data.test.size / batch,
      .batch_size = batch,
      .parameters = classifier.parameters};
  network.predict_test = function({index}, classifier.predictions,
                                  {.givens = {{classifier.x, data.test.x[minibatch]}},
                                   .name = "predict_model",
                                   .max_bytes = max_bytes});
  return network;
}

}  // namespace bitale
