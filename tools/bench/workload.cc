#include "tools/bench/workload.h"

#include <map>
#include <stdexcept>
#include <string>

namespace bitale::bench {

Workload make_workload(Spec spec) {
  static const auto* const makers = new std::map<std::string, Workload (*)(Spec&)>{
      {"lenet", lenet},         {"conv", convolution},   {"mlp", mlp},
      {"chain", chain},         {"rows", rows},          {"batchnorm", batchnorm},
      {"compile", compilation}, {"call", call_overhead}, {"product", product},
      {"bandwidth", bandwidth}};
  const auto maker = makers->find(spec.name());
  if (maker == makers->end()) {
    throw std::invalid_argument("no workload is named " + spec.name());
  }
  return maker->second(spec);
}

nlohmann::json memory_notes(const Function& function) {
  const MemoryReport memory = function.memory();
  return {{"arena_bytes", memory.arena_bytes},
          {"bytes_without_reuse", memory.bytes_without_reuse},
          {"output_bytes", memory.output_bytes}};
}

}  // namespace bitale::bench
