// The three networks of the tutorial at deeplearning.net, built over shared data sets. Each reads
// in the tutorial's order, and draws its initial weights in that order.

#ifndef BITALE_MODELS_NETWORKS_NETWORKS_H_
#define BITALE_MODELS_NETWORKS_NETWORKS_H_

#include "models/networks/network.h"
#include "models/training/data_set.h"
#include "models/training/flags.h"

namespace bitale {

// LeNet-5 in the tutorial's form: two convolution and pooling layers, a hidden layer of 500 units
// and logistic regression. Uses learning_rate, batch_size, nkerns and seed of the settings.
Network convolutional_network(const DataSets& data, const Settings& settings);

// One hidden layer and logistic regression, with L1 and L2 terms. Uses learning_rate, batch_size,
// n_hidden, L1_reg, L2_reg and seed.
Network multilayer_perceptron(const DataSets& data, const Settings& settings);

// Logistic regression. Uses learning_rate and batch_size.
Network softmax_regression(const DataSets& data, const Settings& settings);

}  // namespace bitale

#endif  // BITALE_MODELS_NETWORKS_NETWORKS_H_
