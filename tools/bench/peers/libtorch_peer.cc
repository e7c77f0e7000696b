// PyTorch from C++, without Python between the ops: what remains of torch_peer.py's times is the
// library's own.

#include <torch/torch.h>
#include <torch/version.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common.h"
#include "nets.h"

namespace peers {
namespace {

using torch::Tensor;

torch::ScalarType dtype_of(bool float64) { return float64 ? torch::kFloat64 : torch::kFloat32; }

Tensor tensor(const std::vector<double>& values, torch::IntArrayRef shape, bool float64) {
  void* const data = const_cast<double*>(values.data());
  return torch::from_blob(data, shape, torch::kFloat64).to(dtype_of(float64), false, true);
}

std::vector<double> numbers(const Tensor& tensor) {
  const Tensor plain = tensor.detach().to(torch::kFloat64).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

Tensor activate(const std::string& name, const Tensor& x) {
  if (name == "tanh") return torch::tanh(x);
  if (name == "relu") return torch::relu(x);
  if (name == "sigmoid") return torch::sigmoid(x);
  throw std::invalid_argument("no such activation: " + name);
}

struct Layout {
  std::string name;
  torch::MemoryFormat format;
};

const std::vector<Layout>& layouts() {
  static const auto* const layouts = new std::vector<Layout>{
      {"channels first", torch::MemoryFormat::Contiguous},
      {"channels last", torch::MemoryFormat::ChannelsLast},
  };
  return *layouts;
}

// A net's weights and data set, and its formula.
class Model {
 public:
  Model(const Net& net, torch::MemoryFormat format)
      : net_(net), channels_last_(format == torch::MemoryFormat::ChannelsLast) {
    for (const Filters& layer : net.filters) {
      const Tensor w = tensor(
          layer.values, {layer.maps, layer.channels, layer.window, layer.window}, net.float64);
      // Not contiguous(), which leaves the strides of a single channel as they are; from these the
      // library takes what layout is meant.
      add_layer(w.clone(format), layer.maps);
    }
    for (const Dense& layer : net.dense) {
      Tensor w = tensor(layer.values, {layer.n_in, layer.n_out}, net.float64);
      if (channels_last_ && &layer == &net.dense.front()) w = with_channels_last(w);
      add_layer(w.t().contiguous(), layer.n_out);
    }
    Tensor data = tensor(net.data(), {net.batch * net.batches, net.pixels()}, net.float64);
    if (!net.filters.empty()) {
      data = data.view({-1, net.image.channels, net.image.height, net.image.width}).clone(format);
    }
    const std::vector<int64_t> targets = net.targets();
    const Tensor labels = torch::tensor(targets, torch::kInt64);
    for (int64_t i = 0; i < net.batches; ++i) {
      minibatches_.push_back(
          {data.narrow(0, i * net.batch, net.batch), labels.narrow(0, i * net.batch, net.batch)});
    }
  }

  struct Minibatch {
    Tensor x;
    Tensor y;
  };

  const Minibatch& next_minibatch() { return minibatches_[turn_++ % minibatches_.size()]; }
  std::vector<Tensor>& parameters() { return parameters_; }

  Tensor logits(Tensor x) const {
    size_t next = 0;
    for (size_t layer = 0; layer < net_.filters.size(); ++layer, next += 2) {
      x = torch::conv2d(x, parameters_[next], parameters_[next + 1]);
      x = net_.average ? torch::avg_pool2d(x, {net_.pool, net_.pool})
                       : torch::max_pool2d(x, {net_.pool, net_.pool});
      x = activate(net_.activation, x);
    }
    // Images with channels last are flattened as they lie, which copies nothing.
    if (channels_last_) x = x.permute({0, 2, 3, 1});
    x = x.flatten(1);
    for (; next < parameters_.size(); next += 2) {
      x = torch::linear(x, parameters_[next], parameters_[next + 1]);
      if (next + 2 < parameters_.size()) x = activate(net_.activation, x);
    }
    return x;
  }

 private:
  void add_layer(const Tensor& w, int64_t outputs) {
    for (Tensor values : {w, torch::zeros({outputs}, w.options())}) {
      parameters_.push_back(values.requires_grad_(net_.training));
    }
  }

  // Weights of images flattened with channels first, as those of images with channels last.
  Tensor with_channels_last(const Tensor& w) const {
    const Maps& maps = net_.last_maps;
    return w.view({maps.channels, maps.height, maps.width, -1})
        .permute({1, 2, 0, 3})
        .reshape(w.sizes());
  }

  Net net_;
  bool channels_last_;
  std::vector<Tensor> parameters_;
  std::vector<Minibatch> minibatches_;
  size_t turn_ = 0;
};

Workload training(const Net& net, torch::MemoryFormat format) {
  const auto start = Clock::now();
  const auto model = std::make_shared<Model>(net, format);
  const auto loss = std::make_shared<Tensor>();
  // Without torch::optim, whose gradients would go through each parameter's accumulator.
  const auto step = [model, loss, rate = net.rate] {
    const Model::Minibatch& minibatch = model->next_minibatch();
    *loss = torch::cross_entropy_loss(model->logits(minibatch.x), minibatch.y);
    const std::vector<Tensor> gradients = torch::autograd::grad({*loss}, model->parameters());
    const torch::NoGradGuard no_grad;
    torch::_foreach_add_(model->parameters(), gradients, -rate);
  };
  return of_steps(start, step, [loss] { return numbers(*loss); });
}

Workload inference(const Net& net, torch::MemoryFormat format) {
  const auto start = Clock::now();
  const auto model = std::make_shared<Model>(net, format);
  const auto probabilities = std::make_shared<Tensor>();
  const auto step = [model, probabilities] {
    const c10::InferenceMode guard;
    *probabilities = torch::softmax(model->logits(model->next_minibatch().x), 1);
  };
  return of_steps(start, step, [probabilities] { return numbers(*probabilities); });
}

Workload workload_of(const Net& net) {
  std::vector<Candidate> candidates;
  for (const Layout& layout : layouts()) {
    if (net.filters.empty() && layout.format == torch::MemoryFormat::ChannelsLast) continue;
    candidates.push_back({layout.name, [&net, &layout] {
                            return net.training ? training(net, layout.format)
                                                : inference(net, layout.format);
                          }});
  }
  return fastest(candidates);
}

Workload convolution(const Convolution& task, torch::MemoryFormat format) {
  const auto array = [&](const std::vector<double>& values, torch::IntArrayRef shape) {
    return tensor(values, shape, task.float64).clone(format).requires_grad_(task.training);
  };
  const Tensor x = array(task.x, {task.batch, task.in, task.height, task.width});
  const Tensor w = array(task.w, {task.out, task.in / task.groups, task.window, task.window});
  const Tensor g = array(task.g, {task.batch, task.out, task.out_height, task.out_width}).detach();
  const auto forward = [=, stride = task.stride, pad = task.pad, dilation = task.dilation,
                        groups = task.groups] {
    return torch::conv2d(x, w, {}, stride, pad, dilation, groups);
  };
  const auto all_passes = [=]() -> std::vector<Tensor> {
    const Tensor y = forward();
    const std::vector<Tensor> gradients = torch::autograd::grad({y}, {x, w}, {g});
    return {y, gradients[0], gradients[1]};
  };
  if (task.training) {
    const std::vector<Tensor> results = all_passes();
    return {.call = all_passes,
            .values = task.values(numbers(results[0]), numbers(results[1]), numbers(results[2]))};
  }
  const auto inferred = [=] {
    const c10::InferenceMode guard;
    return forward();
  };
  return {.call = inferred, .values = task.values(numbers(inferred()))};
}

// Of a function without gradients.
Workload of_function(const std::function<Tensor()>& function) {
  const auto call = [function] {
    const c10::InferenceMode guard;
    return function();
  };
  return {.call = call, .values = fingerprint(numbers(call()))};
}

// One step of a chain, from one tensor into another, or in place.
void step_of_chain(const std::string& name, Tensor& to, const Tensor& from, const Tensor& x) {
  const auto number = [&](double value) { return torch::scalar_tensor(value, x.options()); };
  if (name == "scale") {
    torch::mul_out(to, from, number(1.5));
  } else if (name == "halve") {
    torch::mul_out(to, from, number(0.5));
  } else if (name == "shift") {
    torch::add_out(to, from, number(0.5));
  } else if (name == "increment") {
    torch::add_out(to, from, number(1));
  } else if (name == "times_x") {
    torch::mul_out(to, from, x);
  } else if (name == "plus_x") {
    torch::add_out(to, from, x);
  } else if (name == "sqr") {
    torch::mul_out(to, from, from);
  } else if (name == "relu") {
    torch::clamp_min_out(to, from, 0);
  } else if (name == "sqrt") {
    torch::sqrt_out(to, from);
  } else if (name == "exp") {
    torch::exp_out(to, from);
  } else if (name == "log") {
    torch::log_out(to, from);
  } else if (name == "tanh") {
    torch::tanh_out(to, from);
  } else if (name == "sigmoid") {
    torch::sigmoid_out(to, from);
  } else if (name == "erf") {
    torch::erf_out(to, from);
  } else {
    throw std::invalid_argument("no such step: " + name);
  }
}

Workload chain(Spec& spec) {
  const Chain task(spec);
  const Tensor x = tensor(task.x, {static_cast<int64_t>(task.x.size())}, task.float64);
  // Made once: memory that is new in each call would cost more than the steps.
  Tensor result = torch::empty_like(x);
  return of_function([x, result, steps = task.steps]() mutable {
    for (size_t i = 0; i < steps.size(); ++i) {
      step_of_chain(steps[i], result, i == 0 ? x : result, x);
    }
    return result;
  });
}

Workload rows(Spec& spec) {
  const Rows task(spec);
  const Tensor x = tensor(task.x, {task.rows, task.columns}, task.float64);
  const Tensor scale = tensor(task.scale, {task.columns}, task.float64);
  const Tensor shift = tensor(task.shift, {task.columns}, task.float64);
  if (task.op == "softmax") return of_function([=] { return torch::softmax(x, 1); });
  if (task.op == "log_softmax") return of_function([=] { return torch::log_softmax(x, 1); });
  if (task.op == "sum") return of_function([=] { return torch::sum(x, 1); });
  if (task.op == "argmax") return of_function([=] { return torch::argmax(x, 1); });
  if (task.op != "layer_norm") throw std::invalid_argument("no such op: " + task.op);
  return of_function([=] { return torch::layer_norm(x, scale.sizes(), scale, shift, 1e-5); });
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
  using namespace peers;
  const int threads = peers::threads(argc, argv);
  at::set_num_threads(threads);
  const Peer peer{.name = "libtorch",
                  .version = TORCH_VERSION,
                  .makers = {
                      {"lenet", [](Spec& spec) { return workload_of(lenet(spec)); }},
                      {"mlp", [](Spec& spec) { return workload_of(mlp(spec)); }},
                      {"conv",
                       [](Spec& spec) {
                         const Convolution task(spec);
                         std::vector<Candidate> candidates;
                         for (const Layout& layout : layouts()) {
                           candidates.push_back(
                               {layout.name, [&] { return convolution(task, layout.format); }});
                         }
                         return fastest(candidates);
                       }},
                      {"chain", chain},
                      {"rows", rows},
                  }};
  return serve(peer, threads);
}
