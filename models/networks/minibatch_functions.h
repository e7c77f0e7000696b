// The functions that every classifier of the tutorial is trained, validated and tested with.

#ifndef BITALE_MODELS_NETWORKS_MINIBATCH_FUNCTIONS_H_
#define BITALE_MODELS_NETWORKS_MINIBATCH_FUNCTIONS_H_

#include <string>
#include <vector>

#include "models/networks/network.h"
#include "models/training/data_set.h"
#include "models/training/flags.h"

namespace bitale {

// A classifier's graph over the images x, floatX (n, 784), and their labels y, int32 (n,).
struct Classifier {
  std::string name;
  Variable x;
  Variable y;
  Variable cost;         // scalar, what training minimises
  Variable errors;       // scalar, share of wrong answers
  Variable predictions;  // int64 (n,)
  // In the order in which gradient descent steps along them and checkpoints keep them.
  std::vector<NamedParameter> parameters;
};

// The functions of `classifier`, each of a minibatch's number, over slices of the shared data sets:
// `train` makes a step of gradient descent. Uses learning_rate, batch_size, max_bytes and
// profile of the settings. `layers` and `first_weights` are left to the caller.
Network minibatch_functions(const Classifier& classifier, const DataSets& data,
                            const Settings& settings);

}  // namespace bitale

#endif  // BITALE_MODELS_NETWORKS_MINIBATCH_FUNCTIONS_H_
