// oneDNN primitives in a row. Whatever they need is made while the program is built; to run it does
// nothing but execute one after the other.

#ifndef BITALE_TOOLS_BENCH_PEERS_ONEDNN_PROGRAM_H_
#define BITALE_TOOLS_BENCH_PEERS_ONEDNN_PROGRAM_H_

#include <dnnl.hpp>
#include <functional>
#include <unordered_map>
#include <vector>

namespace peers {

const dnnl::engine& processor();

// Of float32, the only type here.
dnnl::memory::desc described(const dnnl::memory::dims& dims, dnnl::memory::format_tag tag);

// New memory with `values`, which lie as `plain` says.
dnnl::memory filled(const std::vector<double>& values, const dnnl::memory::desc& plain);

// New memory of zeros.
dnnl::memory zeros(const dnnl::memory::desc& desc);

// The same values in another layout, now; memory that has the layout already is handed back.
dnnl::memory reordered(const dnnl::memory& from, const dnnl::memory::desc& to);

// The same memory, described otherwise. It lives as long as `from`.
dnnl::memory viewed(const dnnl::memory& from, const dnnl::memory::desc& as);

// The values as they lie in the layout `plain`.
std::vector<double> numbers(const dnnl::memory& memory, const dnnl::memory::desc& plain);

inline float* floats(const dnnl::memory& memory) {
  return static_cast<float*>(memory.get_data_handle());
}

class Program {
 public:
  using Arguments = std::unordered_map<int, dnnl::memory>;

  void add(const dnnl::primitive& primitive, const Arguments& arguments);
  void add(std::function<void()> function) { steps_.push_back({.function = std::move(function)}); }

  // Memory that holds the values of `from` in another layout whenever the program is this far;
  // memory that has the layout already is handed back.
  dnnl::memory converted(const dnnl::memory& from, const dnnl::memory::desc& to);

  void run();

 private:
  // One of primitive and function.
  struct Step {
    dnnl::primitive primitive = {};
    std::vector<dnnl::memory> memories = {};  // kept for `arguments`
    std::vector<dnnl_exec_arg_t> arguments = {};
    std::function<void()> function = {};
  };

  dnnl::stream stream_{processor()};
  std::vector<Step> steps_;
};

}  // namespace peers

#endif  // BITALE_TOOLS_BENCH_PEERS_ONEDNN_PROGRAM_H_
