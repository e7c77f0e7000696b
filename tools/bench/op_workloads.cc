// Single ops and small groups of them: a convolution with its gradients, a chain of elementwise
// ops, ops along rows, batch normalisation.

#include <map>
#include <stdexcept>
#include <string>

#include "tools/bench/data.h"
#include "tools/bench/workload.h"

namespace bitale::bench {
namespace {

Workload of_results(const Variables& results, double flops, double bytes) {
  CompileClock clock;
  const Function all = function({}, results);
  const Results values = all();
  clock.first_call_done();
  all();
  const int64_t compile_ns = clock.without_second_call();
  Workload workload{.run = timed([all] { all(); }), .flops = flops, .bytes = bytes};
  for (const Tensor& value : values) append(workload.values, fingerprint(value));
  workload.notes = memory_notes(all);
  workload.notes["compile_ns"] = compile_ns;
  return workload;
}

using Step = Variable (*)(const Variable& so_far, const Variable& x);

// Words of a chain. All stay finite for any length of chain that uses them once or twice.
const std::map<std::string, Step>& steps() {
  static const auto* const steps = new std::map<std::string, Step>{
      {"scale", [](const Variable& t, const Variable&) { return t * 1.5; }},
      {"halve", [](const Variable& t, const Variable&) { return t * 0.5; }},
      {"shift", [](const Variable& t, const Variable&) { return t + 0.5; }},
      {"increment", [](const Variable& t, const Variable&) { return t + 1.0; }},
      {"times_x", [](const Variable& t, const Variable& x) { return t * x; }},
      {"plus_x", [](const Variable& t, const Variable& x) { return t + x; }},
      {"sqr", [](const Variable& t, const Variable&) { return sqr(t); }},
      {"relu", [](const Variable& t, const Variable&) { return relu(t); }},
      {"sqrt", [](const Variable& t, const Variable&) { return sqrt(t); }},
      {"exp", [](const Variable& t, const Variable&) { return exp(t); }},
      {"log", [](const Variable& t, const Variable&) { return log(t); }},
      {"tanh", [](const Variable& t, const Variable&) { return tanh(t); }},
      {"sigmoid", [](const Variable& t, const Variable&) { return sigmoid(t); }},
      {"erf", [](const Variable& t, const Variable&) { return erf(t); }},
  };
  return *steps;
}

}  // namespace

// conv2d and, with mode=train, its gradients for input and filters.
Workload convolution(Spec& spec) {
  const bool training = spec.word("mode", "train", {"train", "infer"}) == "train";
  const int64_t batch = spec.integer("batch", 8);
  const int64_t in = spec.integer("in", 64);
  const int64_t out = spec.integer("out", 64);
  const int64_t height = spec.integer("height", 56);
  const int64_t width = spec.integer("width", 56);
  const int64_t window = spec.integer("window", 3);
  const int64_t pad = spec.integer("pad", 1);
  const int64_t stride = spec.integer("stride", 1);
  const int64_t dilation = spec.integer("dilation", 1);
  const int64_t groups = spec.integer("groups", 1);
  const DType dtype = spec.dtype();
  spec.check_all_used();
  const auto length = [&](int64_t n) {
    return (n + 2 * pad - ((window - 1) * dilation + 1)) / stride + 1;
  };
  const Variable x = shared(uniform(1, {batch, in, height, width}, -1, 1, dtype), "x");
  const Variable w = shared(uniform(2, {out, in / groups, window, window}, -1, 1, dtype), "w");
  const Variable g =
      shared(uniform(3, {batch, out, length(height), length(width)}, -1, 1, dtype), "g");
  const Variable y = conv2d(x, w,
                            {.border_mode = pad,
                             .subsample = {stride, stride},
                             .filter_dilation = {dilation, dilation},
                             .num_groups = groups});
  Variables results = {y};
  if (training) {
    const Variables gradients = grad(sum(y * g), {x, w});
    results.insert(results.end(), gradients.begin(), gradients.end());
  }
  const double flops = 2.0 * (training ? 3 : 1) *
                       static_cast<double>(batch * out * (in / groups) * window * window *
                                           length(height) * length(width));
  return of_results(results, flops, 0);
}

// `size` elements through ops named in `ops`, fused as far as the compiler can.
Workload chain(Spec& spec) {
  const int64_t size = spec.integer("size", 1 << 20);
  const DType dtype = spec.dtype();
  const std::vector<std::string> names =
      spec.list("ops", "scale.shift.tanh.times_x.exp.plus_x.log.halve", '.');
  spec.check_all_used();
  const Variable x = shared(uniform(1, {size}, 0.25, 1, dtype), "x");
  Variable result = x;
  for (const std::string& name : names) {
    const auto step = steps().find(name);
    if (step == steps().end()) throw std::invalid_argument("no such step: " + name);
    result = step->second(result, x);
  }
  return of_results({result}, 0, 2.0 * static_cast<double>(size) * size_of(dtype));
}

Workload rows(Spec& spec) {
  const int64_t count = spec.integer("rows", 4096);
  const int64_t columns = spec.integer("columns", 1000);
  const std::string op =
      spec.word("op", "softmax", {"softmax", "log_softmax", "layer_norm", "sum", "argmax"});
  const DType dtype = spec.dtype();
  spec.check_all_used();
  const Variable x = shared(uniform(1, {count, columns}, -2, 2, dtype), "x");
  Variable result;
  if (op == "softmax") result = softmax(x);
  if (op == "log_softmax") result = log_softmax(x);
  if (op == "sum") result = sum(x, 1);
  if (op == "argmax") result = argmax(x, 1);
  if (op == "layer_norm") {
    const Variable scale = shared(uniform(2, {columns}, 0.5, 1.5, dtype), "scale");
    const Variable shift = shared(uniform(3, {columns}, -1, 1, dtype), "shift");
    const Variable centred = x - mean(x, 1, true);
    result = centred / sqrt(mean(sqr(centred), 1, true) + 1e-5) * scale + shift;
  }
  const double passes = op == "sum" || op == "argmax" ? 1 : 2;
  return of_results({result}, 0, passes * static_cast<double>(count * columns) * size_of(dtype));
}

// Images normalised by the mean and the variance of each map, and with mode=training the gradients
// of a weighted sum of the result with respect to images, scale and shift.
Workload batchnorm(Spec& spec) {
  const int64_t images = spec.integer("images", 128);
  const int64_t maps = spec.integer("maps", 32);
  const int64_t size = spec.integer("size", 28);
  const bool forward = spec.word("mode", "training", {"training", "forward"}) == "forward";
  const DType dtype = spec.dtype();
  spec.check_all_used();
  const Dims shape = {images, maps, size, size};
  const Variable x = shared(uniform(1, shape, -2, 2, dtype), "x");
  const Variable scale = shared(uniform(2, {maps}, 0.5, 1.5, dtype), "scale");
  const Variable shift = shared(uniform(3, {maps}, -1, 1, dtype), "shift");
  const auto of_maps = [](const Variable& v) {
    return dimshuffle(v, {kNewAxis, 0, kNewAxis, kNewAxis});
  };
  const Axes axes = {0, 2, 3};
  const Variable centred = x - mean(x, axes, true);
  const Variable deviation = sqrt(mean(sqr(centred), axes, true) + 1e-5);
  const Variable y = centred / deviation * of_maps(scale) + of_maps(shift);
  Variables results = {y};
  if (!forward) {
    const Variable weights = shared(uniform(4, shape, -1, 1, dtype), "weights");
    results = grad(sum(y * weights), {x, scale, shift});
  }
  // Forward: read and written once. The gradient reads images and weights twice, for sums come
  // first.
  const double passes = forward ? 2 : 3;
  const auto elements = static_cast<double>(images * maps * size * size);
  return of_results(results, 0, passes * elements * size_of(dtype));
}

}  // namespace bitale::bench
