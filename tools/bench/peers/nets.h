// The workloads as numbers: what nets, convolutions, chains and rows are made of. The peers in C++
// turn these into whatever their library wants; common.py says the same for those in Python.

#ifndef BITALE_TOOLS_BENCH_PEERS_NETS_H_
#define BITALE_TOOLS_BENCH_PEERS_NETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common.h"

namespace peers {

// Values of (maps, channels, window, window), as cross-correlation takes them.
struct Filters {
  int64_t maps;
  int64_t channels;
  int64_t window;
  std::vector<double> values;
};

// Values of (n_in, n_out). The first dense layer's inputs are images flattened with channels first.
struct Dense {
  int64_t n_in;
  int64_t n_out;
  std::vector<double> values;
};

// Images of one size.
struct Maps {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t size() const { return channels * height * width; }
};

// Convolution, pooling and activation for each of `filters`, then dense layers with activations
// between them, softmax, and cross-entropy with labels. All biases start as zeros.
struct Net {
  bool training;
  int64_t batch;
  int64_t batches;
  int64_t classes;
  double rate;
  bool float64;
  std::string activation;  // tanh, relu or sigmoid
  Maps image = {};         // of size 0 in a net without convolution
  std::vector<Filters> filters = {};
  int64_t pool = 1;
  bool average = false;
  Maps last_maps = {};  // what is flattened for the first dense layer
  std::vector<Dense> dense = {};

  int64_t pixels() const { return filters.empty() ? dense.front().n_in : image.size(); }
  // (batch * batches, pixels), with channels first.
  std::vector<double> data() const { return uniform(11, batch * batches * pixels(), 0, 1); }
  std::vector<int64_t> targets() const { return labels(12, batch * batches, classes); }
};

Net lenet(Spec& spec);
Net mlp(Spec& spec);

// One convolution, and with `training` its gradients.
struct Convolution {
  explicit Convolution(Spec& spec);

  bool training;
  int64_t batch, in, out, height, width, window, pad, stride, dilation, groups;
  bool float64;
  int64_t out_height, out_width;
  std::vector<double> x;  // (batch, in, height, width)
  // (out, in / groups, window, window), as cross-correlation takes them.
  std::vector<double> w;
  std::vector<double> g;  // (batch, out, out_height, out_width): the gradient of the result

  // To compare: fingerprints of the result and, where there are any, of the gradients.
  std::vector<double> values(const std::vector<double>& y, const std::vector<double>& dx = {},
                             const std::vector<double>& dw = {}) const;
};

// Steps from x to a result, by their names.
struct Chain {
  explicit Chain(Spec& spec);

  bool float64;
  std::vector<std::string> steps;
  std::vector<double> x;
};

struct Rows {
  explicit Rows(Spec& spec);

  int64_t rows, columns;
  std::string op;
  bool float64;
  std::vector<double> x;      // (rows, columns)
  std::vector<double> scale;  // (columns), as is shift: of layer_norm
  std::vector<double> shift;
};

}  // namespace peers

#endif  // BITALE_TOOLS_BENCH_PEERS_NETS_H_
