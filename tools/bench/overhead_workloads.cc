// What is not arithmetic: compiling, and calling.

#include <string>

#include "tools/bench/data.h"
#include "tools/bench/workload.h"

namespace bitale::bench {
namespace {

// `count` dense layers of `width` tanh units, and updates of all weights by their gradients.
Function layers(int64_t count, int64_t width) {
  const DType dtype = DType::kFloat32;
  const Variable x = shared(uniform(1, {4, width}, -1, 1, dtype), "x");
  Variable units = x;
  Variables params;
  for (int64_t i = 0; i < count; ++i) {
    params.push_back(shared(uniform(2, {width, width}, -0.75, 0.75, dtype), "w"));
    units = tanh(dot(units, params.back()));
  }
  const Variable cost = mean(sqr(units));
  return function({}, cost, {.updates = sgd(cost, params, 0.1)});
}

// `count` elementwise nodes, none of which simplifies away.
Function nodes(int64_t count) {
  const Variable x = shared(uniform(1, {16}, 0, 1, DType::kFloat32), "x");
  Variable y = x;
  for (int64_t i = 0; i < count; ++i) y = i % 2 == 0 ? tanh(y) : y + x;
  return function({}, y);
}

}  // namespace

// A large graph of small nodes: what counts is its compile_ns, in which building the graph and
// taking its gradient are included.
Workload compilation(Spec& spec) {
  const std::string what = spec.word("what", "layers", {"layers", "nodes"});
  const int64_t count = spec.integer("count", 1000);
  const int64_t width = spec.integer("width", 8);
  spec.check_all_used();
  Workload workload;
  CompileClock clock;
  const Function function = what == "layers" ? layers(count, width) : nodes(count);
  workload.values = fingerprint(function().only());
  clock.first_call_done();
  function();
  workload.notes["compile_ns"] = clock.without_second_call();
  workload.run = timed([function] { function(); });
  return workload;
}

// A function of nothing, or of one scalar.
Workload call_overhead(Spec& spec) {
  const std::string what = spec.word("what", "empty", {"empty", "scalar_add"});
  spec.check_all_used();
  if (what == "empty") {
    const Function empty = function({}, Outs(Variables{}));
    empty();
    return {.run = timed([empty] { empty(); })};
  }
  const Variable x = fscalar("x");
  const Function add_one = function({x}, x + 1.0);
  const Tensor argument(2.0f);
  return {.run = timed([add_one, argument] { add_one(argument); }),
          .values = {add_one(argument).item<double>()}};
}

}  // namespace bitale::bench
