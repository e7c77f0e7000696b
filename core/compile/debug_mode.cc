#include "core/compile/debug_mode.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

Exactness exactness_of(std::string_view rule_name) {
  for (const Rule* rule : all_rules()) {
    if (rule->name == rule_name) return rule->exactness;
  }
  for (const GraphPass* pass : all_graph_passes()) {
    if (pass->name == rule_name) return pass->exactness;
  }
  return Exactness::kSameBits;
}

// How far reassociated results may differ, relative to the largest element.
double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 1e-9;
    case DType::kFloat32:
      return 1e-4;
    case DType::kFloat16:
      return 1e-2;
    case DType::kBFloat16:
      return 5e-2;
    default:
      return 0;
  }
}

[[noreturn]] void disagree(const DebugPair& pair, std::string_view what) {
  throw ExecutionError(
      absl::StrCat("DebugMode: ", pair.reason, " changed a value: ", std::string(what),
                   "\n  old: ", pair.old_value.str(), " ", pair.old_value.type().str(),
                   ", made at ", pair.old_value.site().str(), "\n  new: ", pair.new_value.str(),
                   " ", pair.new_value.type().str(), ", made at ", pair.new_value.site().str()));
}

uint64_t hash_of_block(const void* data, DType dtype, const Dims& shape, const Dims& strides) {
  if (data == nullptr || element_count(shape) == 0) return 0;
  Tensor dense = Tensor::empty(dtype, shape);
  copy_strided(shape, dtype, dense.raw_data(), dense.strides(), dtype, data, strides);
  uint64_t hash = 0xcbf29ce484222325u;
  const auto* bytes = static_cast<const unsigned char*>(dense.raw_data());
  for (size_t i = 0; i < dense.bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

}  // namespace

void record_replacements(FunctionGraph& graph, std::vector<DebugPair>& pairs) {
  graph.set_observer([&pairs](const Variable& from, const Variable& to, std::string_view reason) {
    if (from.is_constant() && to.is_constant()) return;
    pairs.push_back({from, to, absl::StrCat("rule ", std::string(reason)), exactness_of(reason)});
  });
}

std::vector<DebugPair> formula_pairs(const FunctionGraph& graph) {
  std::vector<DebugPair> pairs;
  for (const Apply* apply : graph.topological_order()) {
    if (!apply->op().traits().composite) continue;
    FixedSiteScope scope(apply->site());
    const Variables formula = apply->op().formula(apply->inputs());
    for (size_t i = 0; i < formula.size(); ++i) {
      pairs.push_back({formula[i], apply->output(i),
                       absl::StrCat("the kernel of ", apply->op().str(), " against its formula"),
                       Exactness::kReassociates});
    }
  }
  return pairs;
}

void check_pair(const DebugPair& pair, const Tensor& old_value, const Tensor& new_value) {
  if (old_value.shape() != new_value.shape()) {
    disagree(pair, absl::StrCat("shape ", to_string(old_value.shape()), " became ",
                                to_string(new_value.shape())));
  }
  if (same_bits(old_value, new_value)) return;
  const std::vector<double> a = old_value.to_vector<double>();
  const std::vector<double> b = new_value.to_vector<double>();
  double scale = 0;
  for (double value : a) {
    if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
  }
  const bool exact = pair.exactness == Exactness::kSameBits;
  const double tolerance = exact ? 0 : tolerance_of(old_value.dtype()) * scale;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!exact && !std::isfinite(a[i])) continue;
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (std::abs(a[i] - b[i]) <= tolerance) continue;
    disagree(pair, absl::StrCat("element ", i, " was ", a[i], " and is ", b[i]));
  }
}

void DebugObserver::before(const Instruction& instruction, const KernelFrame& frame) {
  hashes_.clear();
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    hashes_.push_back(hash_of_block(frame.inputs[i], instruction.input_dtypes[i],
                                    instruction.input_shapes[i], instruction.input_strides[i]));
  }
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    const size_t bytes = static_cast<size_t>(element_count(instruction.output_shapes[o])) *
                         size_of(instruction.output_dtypes[o]);
    if (bytes > 0) std::memset(frame.outputs[o], 0xFF, bytes);
  }
}

void DebugObserver::after(const Instruction& instruction, const KernelFrame& frame) {
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    const uint64_t hash = hash_of_block(frame.inputs[i], instruction.input_dtypes[i],
                                        instruction.input_shapes[i], instruction.input_strides[i]);
    if (hash == hashes_[i]) continue;
    throw ExecutionError(absl::StrCat("DebugMode: kernel ", instruction.kernel_name, " of ",
                                      instruction.label, " changed its operand ", i,
                                      "\n  at: ", instruction.site));
  }
}

}  // namespace bitale
