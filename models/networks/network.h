// A network as the training programs handle it: what to train, to summarise and to report.

#ifndef BITALE_MODELS_NETWORKS_NETWORK_H_
#define BITALE_MODELS_NETWORKS_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "models/training/trainer.h"

namespace bitale {

// A row of --summary.
struct LayerSummary {
  std::string name;
  std::string kind;
  Dims output;  // of one image
  int64_t parameters = 0;
  int64_t multiply_adds = 0;  // of one image, forward
};

struct Network {
  TrainingTask task;
  std::vector<LayerSummary> layers;
  // The classes of a test minibatch, by its number: int64 (batch_size,).
  Function predict_test;
  // The first layer's weights: (maps, channels, height, width) or (pixels, units).
  Variable first_weights;
};

}  // namespace bitale

#endif  // BITALE_MODELS_NETWORKS_NETWORK_H_
