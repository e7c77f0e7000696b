// MNIST, and data sets in its format, such as Fashion-MNIST.

#ifndef BITALE_NN_DATA_MNIST_H_
#define BITALE_NN_DATA_MNIST_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/options.h"
#include "core/tensor/tensor.h"

namespace bitale {

struct LabelledImages {
  Tensor images;  // (n, 784), bytes / 256, of the dtype asked for
  Tensor labels;  // (n,), int32 in 0..9

  int64_t size() const { return labels.size(); }
};

// The tutorial's split: training images but the last 10000, these, and the test images.
struct Mnist {
  LabelledImages train;
  LabelledImages valid;
  LabelledImages test;
};

// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte from `folder`, each raw or with .gz. `dtype` is float32 or float64. Errors
// name the file: missing, damaged, not 28 by 28, counts or labels that do not fit.
absl::StatusOr<Mnist> load_mnist(const std::string& folder, DType dtype = float_x());

}  // namespace bitale

#endif  // BITALE_NN_DATA_MNIST_H_
