// Nets: LeNet-like and fully connected ones, a training step or inference each, over minibatches of
// a data set in shared variables.

#include <cmath>
#include <stdexcept>
#include <string>

#include "tools/bench/data.h"
#include "tools/bench/workload.h"

namespace bitale::bench {
namespace {

Activation activation_named(Spec& spec) {
  const std::string name = spec.word("activation", "tanh", {"tanh", "relu", "sigmoid"});
  if (name == "relu") return [](const Variable& x) { return relu(x); };
  if (name == "sigmoid") return [](const Variable& x) { return sigmoid(x); };
  return tanh_activation;
}

// Glorot's bounds, from the hash instead of a random generator. Seeds count up, so the k-th matrix
// of a net is the same for every competitor.
class Weights {
 public:
  explicit Weights(DType dtype) : dtype_(dtype) {}
  Variable matrix(const Dims& shape, double fan_in, double fan_out) {
    const double bound = std::sqrt(6 / (fan_in + fan_out));
    ++seed_;
    return shared(uniform(seed_, shape, -bound, bound, dtype_), "W" + std::to_string(seed_));
  }
  Variable bias(int64_t count) const { return shared(Tensor::zeros(dtype_, {count}), "b"); }

 private:
  DType dtype_;
  uint32_t seed_ = 0;
};

// What lenet and mlp share: the data set, and the two functions over it.
struct Classifier {
  Variable x = {};  // (batch, pixels)
  Variable y = {};  // labels
  Variable probabilities = {};
  Variable cost = {};
  Variables params = {};
};

struct Task {
  explicit Task(Spec& spec)
      : training(spec.word("mode", "train", {"train", "infer"}) == "train"),
        batch(spec.integer("batch", 20)),
        batches(spec.integer("batches", 4)),
        classes(spec.integer("classes", 10)),
        rate(spec.number("rate", 0.05)),
        dtype(spec.dtype()) {}
  bool training;
  int64_t batch;
  int64_t batches;
  int64_t classes;
  double rate;
  DType dtype;
};

Workload over_minibatches(const Task& task, const Classifier& net, int64_t pixels) {
  const Variable data =
      shared(uniform(11, {task.batch * task.batches, pixels}, 0, 1, task.dtype), "data");
  const Variable index = lscalar("index");
  const Index minibatch = slice(index * task.batch, (index + 1) * task.batch);
  FunctionOptions options{.givens = {{net.x, data[minibatch]}}};
  Variable result = net.probabilities;
  if (task.training) {
    const Variable targets = shared(labels(12, task.batch * task.batches, task.classes), "labels");
    options.givens.emplace_back(net.y, targets[minibatch]);
    options.updates = sgd(net.cost, net.params, task.rate);
    result = net.cost;
  }

  Workload workload;
  CompileClock clock;
  const Function step = function({index}, result, options);
  std::vector<Tensor> first = {step(0)};
  clock.first_call_done();
  first.push_back(step(1 % task.batches));
  const int64_t compile_ns = clock.without_second_call();
  first.push_back(step(2 % task.batches));
  for (const Tensor& value : first) append(workload.values, fingerprint(value));
  workload.notes = memory_notes(step);
  workload.notes["compile_ns"] = compile_ns;
  workload.run = timed([step, batches = task.batches, next = int64_t{0}]() mutable {
    step(next);
    if (++next == batches) next = 0;
  });
  return workload;
}

// Products of one dense layer: forward, and in training the gradients of weights and inputs.
double dense_flops(int64_t batch, int64_t n_in, int64_t n_out, int passes) {
  return 2.0 * passes * static_cast<double>(batch) * static_cast<double>(n_in * n_out);
}

}  // namespace

// The tutorial's LeNet: twice convolution, pooling, bias and activation; a hidden layer; softmax.
// `maps` of 20-50 counts the feature maps of each.
Workload lenet(Spec& spec) {
  const Task task(spec);
  const int64_t window = spec.integer("window", 5);
  const int64_t pool = spec.integer("pool", 2);
  const int64_t dense = spec.integer("dense", 500);
  const int64_t maps[2] = {spec.integer("maps1", 20), spec.integer("maps2", 50)};
  const bool average = spec.word("pool_kind", "max", {"max", "average"}) == "average";
  const Activation activation = activation_named(spec);
  int64_t channels = spec.integer("channels", 1);
  int64_t height = spec.integer("height", 28);
  int64_t width = spec.integer("width", 28);
  spec.check_all_used();
  const int64_t pixels = channels * height * width;

  Classifier net{.x = tensor(task.dtype, {Dim(), Dim()}, "x"), .y = ivector("y")};
  Weights weights(task.dtype);
  Variable maps_in = reshape(net.x, {task.batch, channels, height, width});
  double flops = 0;
  for (int layer = 0; layer < 2; ++layer) {
    const int64_t count = maps[layer];
    const Dims filter = {count, channels, window, window};
    const int64_t area = window * window;
    const Variable w = weights.matrix(filter, static_cast<double>(channels * area),
                                      static_cast<double>(count * area / (pool * pool)));
    const Variable b = weights.bias(count);
    height -= window - 1;
    width -= window - 1;
    if (height < pool || width < pool) throw std::invalid_argument("the image is too small");
    // The first layer needs no gradient of its input.
    const int passes = task.training ? (layer == 0 ? 2 : 3) : 1;
    flops +=
        2.0 * passes * static_cast<double>(task.batch * count * channels * area * height * width);
    const Variable pooled = pool_2d(conv2d(maps_in, w), {pool, pool},
                                    {.mode = average ? PoolMode::kAverageExcPad : PoolMode::kMax});
    maps_in = activation(pooled + dimshuffle(b, {'x', 0, 'x', 'x'}));
    net.params.insert(net.params.end(), {w, b});
    channels = count;
    height /= pool;
    width /= pool;
  }
  const int64_t n_in = channels * height * width;
  RandomState unused(1);
  const HiddenLayer hidden(
      unused, flatten(maps_in, 2),
      {.n_in = n_in,
       .n_out = dense,
       .activation = activation,
       .W = weights.matrix({n_in, dense}, static_cast<double>(n_in), static_cast<double>(dense)),
       .b = weights.bias(dense)});
  const LogisticRegression top(
      hidden.output(), {.n_in = dense,
                        .n_out = task.classes,
                        .W = weights.matrix({dense, task.classes}, static_cast<double>(dense),
                                            static_cast<double>(task.classes)),
                        .b = weights.bias(task.classes)});
  net.params.insert(net.params.end(), {hidden.W(), hidden.b(), top.W(), top.b()});
  net.probabilities = top.p_y_given_x();
  net.cost = top.negative_log_likelihood(net.y);
  const int passes = task.training ? 3 : 1;
  flops += dense_flops(task.batch, n_in, dense, passes) +
           dense_flops(task.batch, dense, task.classes, passes);

  Workload workload = over_minibatches(task, net, pixels);
  workload.flops = flops;
  return workload;
}

// Fully connected: `layers` of 784-500-10 is one hidden layer.
Workload mlp(Spec& spec) {
  spec.integer("classes", 0);
  const std::vector<std::string> words = spec.list("layers", "784-500-10", '-');
  Task task(spec);
  const Activation activation = activation_named(spec);
  spec.check_all_used();
  std::vector<int64_t> sizes;
  for (const std::string& word : words) sizes.push_back(std::stoll(word));
  if (sizes.size() < 2) throw std::invalid_argument("layers needs two numbers at least");
  task.classes = sizes.back();

  Classifier net{.x = tensor(task.dtype, {Dim(), Dim()}, "x"), .y = ivector("y")};
  Weights weights(task.dtype);
  Variable units = net.x;
  double flops = 0;
  RandomState unused(1);
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const int64_t n_in = sizes[i], n_out = sizes[i + 1];
    const Variable w =
        weights.matrix({n_in, n_out}, static_cast<double>(n_in), static_cast<double>(n_out));
    const Variable b = weights.bias(n_out);
    flops += dense_flops(task.batch, n_in, n_out, task.training ? (i == 0 ? 2 : 3) : 1);
    net.params.insert(net.params.end(), {w, b});
    if (i + 2 < sizes.size()) {
      units = HiddenLayer(unused, units,
                          {.n_in = n_in, .n_out = n_out, .activation = activation, .W = w, .b = b})
                  .output();
    } else {
      const LogisticRegression top(units, {.n_in = n_in, .n_out = n_out, .W = w, .b = b});
      net.probabilities = top.p_y_given_x();
      net.cost = top.negative_log_likelihood(net.y);
    }
  }
  Workload workload = over_minibatches(task, net, sizes.front());
  workload.flops = flops;
  return workload;
}

}  // namespace bitale::bench
