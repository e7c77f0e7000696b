#include "nets.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace peers {
namespace {

// Glorot's bounds, from the hash. Seeds count up, so the k-th matrix of a net is the same for every
// competitor.
class Weights {
 public:
  std::vector<double> matrix(int64_t count, double fan_in, double fan_out) {
    const double bound = std::sqrt(6 / (fan_in + fan_out));
    return uniform(++seed_, count, -bound, bound);
  }
  Dense dense(int64_t n_in, int64_t n_out) {
    return {n_in, n_out,
            matrix(n_in * n_out, static_cast<double>(n_in), static_cast<double>(n_out))};
  }

 private:
  uint32_t seed_ = 0;
};

// What nets have in common.
Net task(Spec& spec) {
  return {.training = spec.training(),
          .batch = spec.integer("batch", 20),
          .batches = spec.integer("batches", 4),
          .classes = spec.integer("classes", 10),
          .rate = spec.number("rate", 0.05),
          .float64 = spec.float64(),
          .activation = spec.word("activation", "tanh")};
}

// Workloads are stated with convolution, which turns its filters by half a turn.
std::vector<double> turned(std::vector<double> filters, int64_t window) {
  const int64_t area = window * window;
  for (auto first = filters.begin(); first != filters.end(); first += area) {
    std::reverse(first, first + area);
  }
  return filters;
}

}  // namespace

Net lenet(Spec& spec) {
  Net net = task(spec);
  net.image = {spec.integer("channels", 1), spec.integer("height", 28), spec.integer("width", 28)};
  const int64_t window = spec.integer("window", 5);
  const int64_t area = window * window;
  net.pool = spec.integer("pool", 2);
  const int64_t maps[] = {spec.integer("maps1", 20), spec.integer("maps2", 50)};
  const int64_t units = spec.integer("dense", 500);
  net.average = spec.word("pool_kind", "max") == "average";
  spec.check_all_used();
  Weights weights;
  Maps size = net.image;
  for (const int64_t count : maps) {
    std::vector<double> values =
        weights.matrix(count * size.channels * area, static_cast<double>(size.channels * area),
                       static_cast<double>(count * area / (net.pool * net.pool)));
    net.filters.push_back({count, size.channels, window, turned(std::move(values), window)});
    size = {count, (size.height - window + 1) / net.pool, (size.width - window + 1) / net.pool};
    if (size.height < 1 || size.width < 1) throw std::invalid_argument("the image is too small");
  }
  net.last_maps = size;
  net.dense.push_back(weights.dense(size.size(), units));
  net.dense.push_back(weights.dense(units, net.classes));
  return net;
}

Net mlp(Spec& spec) {
  const std::vector<std::string> sizes = split(spec.word("layers", "784-500-10"), '-');
  if (sizes.size() < 2) throw std::invalid_argument("layers needs two numbers at least");
  Net net = task(spec);
  spec.check_all_used();
  Weights weights;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    net.dense.push_back(weights.dense(std::stoll(sizes[i]), std::stoll(sizes[i + 1])));
  }
  net.classes = net.dense.back().n_out;
  return net;
}

Convolution::Convolution(Spec& spec)
    : training(spec.training()),
      batch(spec.integer("batch", 8)),
      in(spec.integer("in", 64)),
      out(spec.integer("out", 64)),
      height(spec.integer("height", 56)),
      width(spec.integer("width", 56)),
      window(spec.integer("window", 3)),
      pad(spec.integer("pad", 1)),
      stride(spec.integer("stride", 1)),
      dilation(spec.integer("dilation", 1)),
      groups(spec.integer("groups", 1)),
      float64(spec.float64()) {
  spec.check_all_used();
  const auto length = [&](int64_t n) {
    return (n + 2 * pad - ((window - 1) * dilation + 1)) / stride + 1;
  };
  out_height = length(height);
  out_width = length(width);
  x = uniform(1, batch * in * height * width, -1, 1);
  w = turned(uniform(2, out * (in / groups) * window * window, -1, 1), window);
  g = uniform(3, batch * out * out_height * out_width, -1, 1);
}

std::vector<double> Convolution::values(const std::vector<double>& y, const std::vector<double>& dx,
                                        const std::vector<double>& dw) const {
  std::vector<double> values = fingerprint(y);
  if (training) {
    for (const double value : fingerprint(dx)) values.push_back(value);
    for (const double value : fingerprint(turned(dw, window))) values.push_back(value);
  }
  return values;
}

Chain::Chain(Spec& spec) {
  const int64_t size = spec.integer("size", 1 << 20);
  float64 = spec.float64();
  steps = split(spec.word("ops", "scale.shift.tanh.times_x.exp.plus_x.log.halve"), '.');
  spec.check_all_used();
  x = uniform(1, size, 0.25, 1);
}

Rows::Rows(Spec& spec)
    : rows(spec.integer("rows", 4096)),
      columns(spec.integer("columns", 1000)),
      op(spec.word("op", "softmax")),
      float64(spec.float64()) {
  spec.check_all_used();
  x = uniform(1, rows * columns, -2, 2);
  scale = uniform(2, columns, 0.5, 1.5);
  shift = uniform(3, columns, -1, 1);
}

}  // namespace peers
