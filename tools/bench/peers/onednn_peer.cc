// oneDNN without a framework: primitives chained by hand, each workload in its best layout.

#include <omp.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common.h"
#include "nets.h"
#include "onednn_net.h"
#include "onednn_program.h"

namespace peers {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Tag = memory::format_tag;

Workload of_program(const std::shared_ptr<Program>& program, std::vector<double> values) {
  return {.call = [program] { program->run(); }, .values = std::move(values)};
}

// All passes, from memory that lies as each of them wants it.
Workload convolution(const Convolution& task, Tag layout) {
  const memory::dims x_dims = {task.batch, task.in, task.height, task.width};
  const memory::dims y_dims = {task.batch, task.out, task.out_height, task.out_width};
  memory::dims w_dims = {task.out, task.in / task.groups, task.window, task.window};
  if (task.groups > 1) {
    w_dims[0] /= task.groups;
    w_dims.insert(w_dims.begin(), task.groups);
  }
  const memory::dims stride = {task.stride, task.stride}, pad = {task.pad, task.pad};
  // oneDNN counts the gaps.
  const memory::dims gaps = {task.dilation - 1, task.dilation - 1};
  const memory::desc x = described(x_dims, layout), y = described(y_dims, layout);
  const memory::desc w = described(w_dims, Tag::any);
  const memory::desc plain_x = described(x_dims, Tag::nchw), plain_y = described(y_dims, Tag::nchw);
  const memory::desc plain_w = described(w_dims, task.groups > 1 ? Tag::goihw : Tag::oihw);
  const memory x_values = filled(task.x, plain_x), w_values = filled(task.w, plain_w);
  const memory g_values = filled(task.g, plain_y);

  const auto program = std::make_shared<Program>();
  const auto kind = task.training ? prop_kind::forward_training : prop_kind::forward_inference;
  const dnnl::convolution_forward::primitive_desc forward(
      {kind, algorithm::convolution_auto, x, w, y, stride, gaps, pad, pad}, processor());
  const memory result = zeros(forward.dst_desc());
  program->add(dnnl::convolution_forward(forward),
               {{DNNL_ARG_SRC, reordered(x_values, forward.src_desc())},
                {DNNL_ARG_WEIGHTS, reordered(w_values, forward.weights_desc())},
                {DNNL_ARG_DST, result}});
  if (!task.training) {
    program->run();
    return of_program(program, task.values(numbers(result, plain_y)));
  }
  const dnnl::convolution_backward_data::primitive_desc data(
      {algorithm::convolution_auto, x, w, y, stride, gaps, pad, pad}, processor(), forward);
  const memory dx = zeros(data.diff_src_desc());
  program->add(dnnl::convolution_backward_data(data),
               {{DNNL_ARG_DIFF_DST, reordered(g_values, data.diff_dst_desc())},
                {DNNL_ARG_WEIGHTS, reordered(w_values, data.weights_desc())},
                {DNNL_ARG_DIFF_SRC, dx}});
  const dnnl::convolution_backward_weights::primitive_desc weights(
      {algorithm::convolution_auto, x, w, y, stride, gaps, pad, pad}, processor(), forward);
  const memory dw = zeros(weights.diff_weights_desc());
  program->add(dnnl::convolution_backward_weights(weights),
               {{DNNL_ARG_SRC, reordered(x_values, weights.src_desc())},
                {DNNL_ARG_DIFF_DST, reordered(g_values, weights.diff_dst_desc())},
                {DNNL_ARG_DIFF_WEIGHTS, dw}});
  program->run();
  return of_program(
      program, task.values(numbers(result, plain_y), numbers(dx, plain_x), numbers(dw, plain_w)));
}

Workload convolution_of(Spec& spec) {
  const Convolution task(spec);
  if (task.float64) throw std::invalid_argument("oneDNN has no float64");
  return fastest({
      {"blocked", [&] { return convolution(task, Tag::any); }},
      {"channels last", [&] { return convolution(task, Tag::nhwc); }},
      {"channels first", [&] { return convolution(task, Tag::nchw); }},
  });
}

// One primitive for the whole chain: x times 1, and the steps as what is done before storing.
Workload chain(Spec& spec) {
  const Chain task(spec);
  if (task.float64) throw std::invalid_argument("oneDNN has no float64");
  const memory::desc whole = described({static_cast<int64_t>(task.x.size())}, Tag::a);
  const memory x = filled(task.x, whole), one = filled({1}, described({1}, Tag::a));
  const memory y = zeros(whole);
  Program::Arguments arguments = {{DNNL_ARG_SRC_0, x}, {DNNL_ARG_SRC_1, one}, {DNNL_ARG_DST, y}};
  dnnl::post_ops steps;
  const auto function = [&](algorithm kind) { steps.append_eltwise(1, kind, 0, 0); };
  const auto with = [&](algorithm kind, const memory& other) {
    arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(steps.len()) | DNNL_ARG_SRC_1, other});
    steps.append_binary(kind, other.get_desc());
  };
  // Not eltwise_linear: of two in one primitive oneDNN 2.6 takes one's numbers for both.
  const auto with_number = [&](algorithm kind, double value) {
    with(kind, filled({value}, one.get_desc()));
  };
  for (const std::string& name : task.steps) {
    if (name == "scale") {
      with_number(algorithm::binary_mul, 1.5);
    } else if (name == "halve") {
      with_number(algorithm::binary_mul, 0.5);
    } else if (name == "shift") {
      with_number(algorithm::binary_add, 0.5);
    } else if (name == "increment") {
      with_number(algorithm::binary_add, 1);
    } else if (name == "times_x") {
      with(algorithm::binary_mul, x);
    } else if (name == "plus_x") {
      with(algorithm::binary_add, x);
    } else if (name == "sqr") {
      function(algorithm::eltwise_square);
    } else if (name == "relu") {
      function(algorithm::eltwise_relu);
    } else if (name == "sqrt") {
      function(algorithm::eltwise_sqrt);
    } else if (name == "exp") {
      function(algorithm::eltwise_exp);
    } else if (name == "log") {
      function(algorithm::eltwise_log);
    } else if (name == "tanh") {
      function(algorithm::eltwise_tanh);
    } else if (name == "sigmoid") {
      function(algorithm::eltwise_logistic);
    } else {
      throw std::invalid_argument("oneDNN has no " + name);
    }
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(steps);
  const dnnl::binary::primitive_desc all({algorithm::binary_mul, whole, one.get_desc(), whole},
                                         attributes, processor());
  const auto program = std::make_shared<Program>();
  program->add(dnnl::binary(all), arguments);
  program->run();
  return of_program(program, fingerprint(numbers(y, whole)));
}

std::string version() {
  const dnnl_version_t* const version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
  using namespace peers;
  const int threads = peers::threads(argc, argv);
  omp_set_num_threads(threads);
  const Peer peer{.name = "onednn-chain",
                  .version = version(),
                  .makers = {
                      {"lenet", [](Spec& spec) { return onednn_net(lenet(spec)); }},
                      {"mlp", [](Spec& spec) { return onednn_net(mlp(spec)); }},
                      {"conv", convolution_of},
                      {"chain", chain},
                  }};
  return serve(peer, threads);
}
