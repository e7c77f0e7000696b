// A data set as shared variables, from which compiled functions take their minibatches.

#ifndef BITALE_MODELS_TRAINING_DATA_SET_H_
#define BITALE_MODELS_TRAINING_DATA_SET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/graph/variable.h"
#include "nn/data/mnist.h"

namespace bitale {

// Images as rows of floatX, and their int32 labels.
struct SharedSet {
  Variable x;
  Variable y;
  int64_t size = 0;
};

struct DataSets {
  SharedSet train;
  SharedSet valid;
  SharedSet test;
  // Tells data sets apart: eight hex digits that depend on all images and labels.
  std::string digest;

  // Of the smallest of the three.
  int64_t smallest() const;
};

// Puts `data` into shared variables, as it is.
DataSets share(const Mnist& data);

// One blank image each, of floatX: enough to build a network of.
DataSets blank_data();

// The folder of the MNIST files that come along with the program `executable` (argv[0]):
// models/data/ mnist here, or among the program's runfiles. NotFound if it is in none of these
// places.
absl::StatusOr<std::string> find_mnist(const std::string& executable);

// Loads MNIST in floatX from `data_dir`, or the one that comes along if that is empty.
absl::StatusOr<DataSets> load_data(const std::string& data_dir, const std::string& executable);

}  // namespace bitale

#endif  // BITALE_MODELS_TRAINING_DATA_SET_H_
