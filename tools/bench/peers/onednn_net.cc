#include "onednn_net.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "max_pooling.h"
#include "onednn_program.h"

namespace peers {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Tag = memory::format_tag;

// An activation that is a part of what comes before it.
algorithm activation_named(const std::string& name) {
  if (name == "tanh") return algorithm::eltwise_tanh;
  if (name == "relu") return algorithm::eltwise_relu;
  if (name == "sigmoid") return algorithm::eltwise_logistic;
  throw std::invalid_argument("no such activation: " + name);
}

// The same one, undone from its result.
algorithm undone(algorithm activation) {
  switch (activation) {
    case algorithm::eltwise_tanh:
      return algorithm::eltwise_tanh_use_dst_for_bwd;
    case algorithm::eltwise_relu:
      return algorithm::eltwise_relu_use_dst_for_bwd;
    default:
      return algorithm::eltwise_logistic_use_dst_for_bwd;
  }
}

dnnl::primitive_attr followed_by(algorithm part) {
  dnnl::post_ops parts;
  parts.append_eltwise(1, part, 0, 0);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(parts);
  return attributes;
}

// The minibatches in the layout that a primitive wants, which is made of them once.
struct Input {
  memory current;
  std::vector<memory> minibatches;
  void select(size_t i) { current.set_data_handle(minibatches[i].get_data_handle()); }
};

// A net that is ready to run, minibatch after minibatch.
struct NetProgram {
  Program program;
  std::vector<Input> inputs;
  std::vector<int64_t> targets;
  size_t turn = 0;  // the minibatch that is at work
  memory result;    // the loss, or probabilities

  void run() {
    turn = (turn + 1) % inputs.front().minibatches.size();
    for (Input& input : inputs) input.select(turn);
    program.run();
  }
};

// Adds a net's primitives to a program. Each layer leaves on a stack what adds its backward
// primitives, which are so built from the last layer to the first.
class NetBuilder {
 public:
  // `layout` is that of images; `any` leaves it to oneDNN.
  NetBuilder(const Net& net, Tag layout, NetProgram& made)
      : net_(net),
        layout_(layout),
        kind_(net.training ? prop_kind::forward_training : prop_kind::forward_inference),
        activation_(activation_named(net.activation)),
        made_(made),
        program_(made.program),
        maps_(net.image) {}

  void build() {
    memory values;
    for (const Filters& layer : net_.filters) {
      values = activation(pooling(convolution(values, layer)));
    }
    if (!net_.filters.empty()) values = flattened(values);
    for (const Dense& layer : net_.dense) values = dense(values, layer);
    if (net_.training) {
      memory gradient = loss(values);
      for (; !backward_.empty(); backward_.pop_back()) gradient = backward_.back()(gradient);
    } else {
      softmax(values);
    }
    // The first run takes the first minibatch.
    made_.turn = static_cast<size_t>(net_.batches) - 1;
  }

 private:
  // Given the gradient of a layer's result, adds what computes that of its input, and returns it.
  using Backward = std::function<memory(const memory&)>;

  void on_the_way_back(Backward layer) {
    if (net_.training) backward_.push_back(std::move(layer));
  }

  memory::desc images(const Maps& size, Tag tag) const {
    return described({net_.batch, size.channels, size.height, size.width}, tag);
  }

  // The data set, where `x` is none; else `x` in another layout.
  memory input(const memory& x, const memory::desc& wanted) {
    if (x) return program_.converted(x, wanted);
    for (const Input& made : made_.inputs) {
      if (made.current.get_desc() == wanted) return made.current;
    }
    const std::vector<double> data = net_.data();
    const memory::desc plain = net_.filters.empty()
                                   ? described({net_.batch, net_.pixels()}, Tag::ab)
                                   : images(net_.image, Tag::nchw);
    Input made{memory(wanted, processor(), nullptr), {}};
    for (int64_t i = 0; i < net_.batches; ++i) {
      const auto first = data.begin() + i * net_.batch * net_.pixels();
      const std::vector<double> some(first, first + net_.batch * net_.pixels());
      made.minibatches.push_back(reordered(filled(some, plain), wanted));
    }
    made_.inputs.push_back(std::move(made));
    return made_.inputs.back().current;
  }

  memory convolution(const memory& x, const Filters& layer) {
    const memory::dims filter = {layer.maps, layer.channels, layer.window, layer.window};
    const Maps size = maps_;
    maps_ = {layer.maps, size.height - layer.window + 1, size.width - layer.window + 1};
    const memory::desc src = images(size, layout_), dst = images(maps_, layout_);
    const memory::desc any = described(filter, Tag::any), bias = described({layer.maps}, Tag::a);
    const memory::dims stride = {1, 1}, pad = {0, 0};
    const dnnl::convolution_forward::primitive_desc forward(
        {kind_, algorithm::convolution_auto, src, any, bias, dst, stride, pad, pad}, processor());
    const memory w =
        reordered(filled(layer.values, described(filter, Tag::oihw)), forward.weights_desc());
    const memory b = zeros(bias);
    const memory y = zeros(forward.dst_desc());
    program_.add(dnnl::convolution_forward(forward), {{DNNL_ARG_SRC, input(x, forward.src_desc())},
                                                      {DNNL_ARG_WEIGHTS, w},
                                                      {DNNL_ARG_BIAS, b},
                                                      {DNNL_ARG_DST, y}});

    on_the_way_back([=, this](const memory& dy) {
      memory dx;
      if (x) {
        const dnnl::convolution_backward_data::primitive_desc data(
            {algorithm::convolution_auto, src, any, dst, stride, pad, pad}, processor(), forward);
        dx = zeros(data.diff_src_desc());
        program_.add(dnnl::convolution_backward_data(data),
                     {{DNNL_ARG_DIFF_DST, program_.converted(dy, data.diff_dst_desc())},
                      {DNNL_ARG_WEIGHTS, program_.converted(w, data.weights_desc())},
                      {DNNL_ARG_DIFF_SRC, dx}});
      }
      const dnnl::convolution_backward_weights::primitive_desc weights(
          {algorithm::convolution_auto, src, any, bias, dst, stride, pad, pad}, processor(),
          forward);
      const memory dw = zeros(weights.diff_weights_desc()), db = zeros(bias);
      program_.add(dnnl::convolution_backward_weights(weights),
                   {{DNNL_ARG_SRC, input(x, weights.src_desc())},
                    {DNNL_ARG_DIFF_DST, program_.converted(dy, weights.diff_dst_desc())},
                    {DNNL_ARG_DIFF_WEIGHTS, dw},
                    {DNNL_ARG_DIFF_BIAS, db}});
      descend(w, dw);
      descend(b, db);
      return dx;
    });
    return y;
  }

  memory pooling(const memory& x) {
    const Maps from = maps_;
    maps_ = {from.channels, from.height / net_.pool, from.width / net_.pool};
    if (layout_ == Tag::nhwc && !net_.average) return max_pooling(x, from);
    const memory::dims window = {net_.pool, net_.pool}, pad = {0, 0};
    const auto kind =
        net_.average ? algorithm::pooling_avg_exclude_padding : algorithm::pooling_max;
    const dnnl::pooling_forward::primitive_desc forward(
        {kind_, kind, x.get_desc(), images(maps_, Tag::any), window, window, pad, pad},
        processor());
    const memory y = zeros(forward.dst_desc());
    memory workspace;
    if (forward.workspace_desc().get_size() > 0) workspace = zeros(forward.workspace_desc());
    program_.add(dnnl::pooling_forward(forward),
                 {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}, {DNNL_ARG_WORKSPACE, workspace}});

    on_the_way_back([=, this](const memory& dy) {
      const dnnl::pooling_backward::primitive_desc backward(
          {kind, x.get_desc(), y.get_desc(), window, window, pad, pad}, processor(), forward);
      const memory dx = zeros(x.get_desc());
      program_.add(dnnl::pooling_backward(backward),
                   {{DNNL_ARG_DIFF_DST, program_.converted(dy, y.get_desc())},
                    {DNNL_ARG_DIFF_SRC, dx},
                    {DNNL_ARG_WORKSPACE, workspace}});
      return dx;
    });
    return y;
  }

  memory max_pooling(const memory& x, const Maps& from) {
    const MaxPooling pooling{net_.batch, net_.pool, from, maps_};
    const memory y = zeros(images(maps_, Tag::nhwc));
    const auto places = std::make_shared<std::vector<int32_t>>(net_.batch * maps_.size());
    program_.add([=] { pooling.forward(floats(x), floats(y), places->data()); });
    on_the_way_back([=, this](const memory& dy) {
      const memory dx = zeros(x.get_desc());
      program_.add([=] { pooling.backward(floats(dy), places->data(), floats(dx)); });
      return dx;
    });
    return y;
  }

  // In place. Not as a part of the pooling: oneDNN's own gets slower by more than this takes.
  memory activation(const memory& y) {
    const auto kind = undone(activation_);
    const dnnl::eltwise_forward::primitive_desc forward({kind_, kind, y.get_desc(), 0, 0},
                                                        processor());
    program_.add(dnnl::eltwise_forward(forward), {{DNNL_ARG_SRC, y}, {DNNL_ARG_DST, y}});
    on_the_way_back([=, this](const memory& dy) {
      return before_activation(y, program_.converted(dy, y.get_desc()));
    });
    return y;
  }

  // Images as rows. A layout of oneDNN's own is left for that of channels first.
  memory flattened(const memory& x) {
    const memory::desc plain = images(maps_, plain_layout());
    const memory rows =
        viewed(program_.converted(x, plain), described({net_.batch, maps_.size()}, Tag::ab));
    on_the_way_back([=](const memory& dy) { return viewed(dy, plain); });
    return rows;
  }

  Tag plain_layout() const { return layout_ == Tag::nhwc ? Tag::nhwc : Tag::nchw; }

  // The weights of a dense layer as (n_out, n_in), its inputs in the order in which they are here.
  memory weights(const Dense& layer) const {
    const memory::desc rows = described({layer.n_out, layer.n_in}, Tag::ab);
    if (net_.filters.empty() || &layer != &net_.dense.front()) {
      return reordered(filled(layer.values, described({layer.n_out, layer.n_in}, Tag::ba)), rows);
    }
    const memory::dims shape = {layer.n_out, maps_.channels, maps_.height, maps_.width};
    const memory here = reordered(filled(layer.values, described(shape, Tag::bcda)),
                                  described(shape, plain_layout()));
    const memory copy = zeros(rows);
    std::copy_n(floats(here), layer.n_in * layer.n_out, floats(copy));
    return copy;
  }

  memory dense(const memory& x, const Dense& layer) {
    const bool last = &layer == &net_.dense.back();
    const memory::desc src = described({net_.batch, layer.n_in}, Tag::ab);
    const memory::desc any = described({layer.n_out, layer.n_in}, Tag::any);
    const memory::desc bias = described({layer.n_out}, Tag::a);
    const memory::desc dst = described({net_.batch, layer.n_out}, Tag::ab);
    const dnnl::inner_product_forward::primitive_desc forward(
        {kind_, src, any, bias, dst}, last ? dnnl::primitive_attr() : followed_by(activation_),
        processor());
    const memory w = reordered(weights(layer), forward.weights_desc());
    const memory b = zeros(bias);
    const memory y = zeros(dst);
    const memory taken = input(x, src);
    program_.add(
        dnnl::inner_product_forward(forward),
        {{DNNL_ARG_SRC, taken}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_BIAS, b}, {DNNL_ARG_DST, y}});

    on_the_way_back([=, this](const memory& result_gradient) {
      const memory dy = last ? result_gradient : before_activation(y, result_gradient);
      memory dx;
      if (x) {
        const dnnl::inner_product_backward_data::primitive_desc data({src, w.get_desc(), dst},
                                                                     processor(), forward);
        dx = zeros(src);
        program_.add(dnnl::inner_product_backward_data(data),
                     {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_SRC, dx}});
      }
      const dnnl::inner_product_backward_weights::primitive_desc backward(
          {src, w.get_desc(), bias, dst}, processor(), forward);
      const memory dw = zeros(w.get_desc()), db = zeros(bias);
      program_.add(dnnl::inner_product_backward_weights(backward), {{DNNL_ARG_SRC, taken},
                                                                    {DNNL_ARG_DIFF_DST, dy},
                                                                    {DNNL_ARG_DIFF_WEIGHTS, dw},
                                                                    {DNNL_ARG_DIFF_BIAS, db}});
      descend(w, dw);
      descend(b, db);
      return dx;
    });
    return y;
  }

  // The gradient of what was activated, in place of that of the result `y`.
  memory before_activation(const memory& y, const memory& dy) {
    const memory::desc desc = y.get_desc();
    const auto kind = undone(activation_);
    const dnnl::eltwise_forward::primitive_desc forward({kind_, kind, desc, 0, 0}, processor());
    const dnnl::eltwise_backward::primitive_desc backward({kind, desc, desc, 0, 0}, processor(),
                                                          forward);
    program_.add(dnnl::eltwise_backward(backward),
                 {{DNNL_ARG_DST, y}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dy}});
    return dy;
  }

  // The update of stochastic gradient descent.
  void descend(const memory& values, const memory& gradient) {
    const memory here = program_.converted(gradient, values.get_desc());
    const int64_t count = static_cast<int64_t>(values.get_desc().get_size() / sizeof(float));
    program_.add([=, rate = static_cast<float>(net_.rate)] {
      float* const w = floats(values);
      const float* const dw = floats(here);
#pragma omp parallel for simd if (count > 10000)
      for (int64_t i = 0; i < count; ++i) w[i] -= rate * dw[i];
    });
  }

  // Rows are short: a loop takes less than a primitive's call.
  static void softmax_of_row(const float* logits, int64_t classes, float* probabilities) {
    float largest = logits[0];
    for (int64_t i = 1; i < classes; ++i) largest = std::max(largest, logits[i]);
    float sum = 0;
    for (int64_t i = 0; i < classes; ++i) sum += probabilities[i] = std::exp(logits[i] - largest);
    for (int64_t i = 0; i < classes; ++i) probabilities[i] /= sum;
  }

  void softmax(const memory& logits) {
    const memory probabilities = zeros(logits.get_desc());
    program_.add([=, batch = net_.batch, classes = net_.classes] {
      for (int64_t i = 0; i < batch; ++i) {
        softmax_of_row(floats(logits) + i * classes, classes, floats(probabilities) + i * classes);
      }
    });
    made_.result = probabilities;
  }

  // The mean negative log-likelihood is the result; returned is its gradient of the logits.
  memory loss(const memory& logits) {
    const memory mean = zeros(described({1}, Tag::a));
    const memory gradient = zeros(logits.get_desc());
    made_.targets = net_.targets();
    program_.add([=, &made = made_, batch = net_.batch, classes = net_.classes] {
      const int64_t* const targets = made.targets.data() + made.turn * batch;
      double sum = 0;
      for (int64_t i = 0; i < batch; ++i) {
        float* const row = floats(gradient) + i * classes;
        softmax_of_row(floats(logits) + i * classes, classes, row);
        sum -= std::log(row[targets[i]]);
        row[targets[i]] -= 1;
        for (int64_t k = 0; k < classes; ++k) row[k] /= static_cast<float>(batch);
      }
      *floats(mean) = static_cast<float>(sum / static_cast<double>(batch));
    });
    made_.result = mean;
    return gradient;
  }

  const Net& net_;
  const Tag layout_;
  const prop_kind kind_;
  const algorithm activation_;
  NetProgram& made_;
  Program& program_;
  Maps maps_;  // as far as the net is built
  std::vector<Backward> backward_;
};

Workload workload_of(const Net& net, Tag layout) {
  const auto start = Clock::now();
  const auto made = std::make_shared<NetProgram>();
  NetBuilder(net, layout, *made).build();
  return of_steps(
      start, [made] { made->run(); },
      [made] { return numbers(made->result, made->result.get_desc()); });
}

}  // namespace

Workload onednn_net(const Net& net) {
  if (net.float64) throw std::invalid_argument("oneDNN has no float64");
  if (net.filters.empty()) return workload_of(net, Tag::any);
  return fastest({
      {"channels last", [&] { return workload_of(net, Tag::nhwc); }},
      {"channels first", [&] { return workload_of(net, Tag::nchw); }},
      {"blocked", [&] { return workload_of(net, Tag::any); }},
  });
}

}  // namespace peers
