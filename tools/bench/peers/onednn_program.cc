#include "onednn_program.h"

#include <algorithm>
#include <utility>

namespace peers {

using dnnl::memory;

const dnnl::engine& processor() {
  static const auto* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

memory::desc described(const memory::dims& dims, memory::format_tag tag) {
  return {dims, memory::data_type::f32, tag};
}

memory filled(const std::vector<double>& values, const memory::desc& plain) {
  const memory result(plain, processor());
  std::copy(values.begin(), values.end(), floats(result));
  return result;
}

memory zeros(const memory::desc& desc) {
  const memory result(desc, processor());
  std::fill_n(floats(result), desc.get_size() / sizeof(float), 0.0f);
  return result;
}

memory reordered(const memory& from, const memory::desc& to) {
  Program program;
  const memory result = program.converted(from, to);
  program.run();
  return result;
}

memory viewed(const memory& from, const memory::desc& as) {
  return {as, processor(), from.get_data_handle()};
}

std::vector<double> numbers(const memory& memory, const memory::desc& plain) {
  const auto result = reordered(memory, plain);
  return {floats(result), floats(result) + plain.get_size() / sizeof(float)};
}

void Program::add(const dnnl::primitive& primitive, const Arguments& arguments) {
  Step step{.primitive = primitive};
  for (const auto& [name, memory] : arguments) {
    // What a primitive does without has no memory.
    if (!memory) continue;
    step.memories.push_back(memory);
    step.arguments.push_back({name, memory.get()});
  }
  steps_.push_back(std::move(step));
}

memory Program::converted(const memory& from, const memory::desc& to) {
  if (from.get_desc() == to) return from;
  const memory result = zeros(to);
  add(dnnl::reorder(from, result), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, result}});
  return result;
}

void Program::run() {
  for (const Step& step : steps_) {
    if (step.function) {
      step.function();
      continue;
    }
    // The interface of C: that of C++ would gather the arguments anew each time.
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(step.primitive.get(), stream_.get(),
                               static_cast<int>(step.arguments.size()), step.arguments.data()),
        "a primitive failed");
  }
  stream_.wait();
}

}  // namespace peers
