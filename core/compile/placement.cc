#include "core/compile/placement.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/compile/transfer.h"

namespace bitale {
namespace {

// Constants, shared variables and host integers are read wherever they are needed.
bool is_everywhere(const Variable& variable, const ShapeAnalysis& analysis) {
  return variable.is_constant() || variable.is_shared() || analysis.find_value(variable) != nullptr;
}

// What was known of the outputs of `from` holds for those of a copy with other operands.
void carry_over(ShapeAnalysis& analysis, const Variable& from, const Variable& to) {
  analysis.set_dims(to, analysis.dims(from));
  if (const IntExprs* values = analysis.find_value(from)) analysis.set_value(to, *values);
}

}  // namespace

bool reads_elements(const Apply& apply, size_t i) {
  return apply.op().traits().view ? i == 0 : apply.op().needs_elements(i);
}

void Placement::add(const Apply& apply) {
  Spot spot{home_, false};
  if (const TransferOp* transfer = made_by_transfer(apply.output(0))) {
    if (transfer->to()) spot = {*transfer->to(), true};
  } else {
    for (size_t i = 0; i < apply.inputs().size() && !spot.stated; ++i) {
      const Apply* producer = apply.input(i).owner();
      if (producer == nullptr || !reads_elements(apply, i)) continue;
      if (const Spot& source = spots_.at(producer); source.stated) spot = source;
    }
  }
  spots_.insert_or_assign(&apply, spot);
}

bool has_transfers(const FunctionGraph& graph) {
  const std::vector<Apply*> order = graph.topological_order();
  return std::any_of(order.begin(), order.end(), [](const Apply* apply) {
    return made_by_transfer(apply->output(0)) != nullptr;
  });
}

void insert_transfers(FunctionGraph& graph, ShapeAnalysis& analysis, Device home) {
  analysis.analyze(graph.outputs());
  Placement placement(home);
  std::vector<std::pair<Device, absl::flat_hash_map<Variable, Variable>>> moved;
  const auto on = [&](const Variable& variable, Device device) -> Variable {
    auto at = std::find_if(moved.begin(), moved.end(),
                           [&](const auto& entry) { return entry.first == device; });
    if (at == moved.end()) at = moved.insert(moved.end(), {device, {}});
    Variable& copy = at->second[variable];
    if (!copy.defined()) {
      FixedSiteScope scope(variable.site());
      copy = apply_one(std::make_shared<TransferOp>(device), {variable});
      carry_over(analysis, variable, copy);
      placement.add(*copy.owner());
    }
    return copy;
  };
  for (Apply* apply : graph.topological_order()) {
    placement.add(*apply);
    if (made_by_transfer(apply->output(0)) != nullptr) continue;
    const Device device = placement.of(*apply);
    Variables inputs(apply->inputs().begin(), apply->inputs().end());
    bool changed = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!reads_elements(*apply, i) || is_everywhere(inputs[i], analysis) ||
          placement.of(inputs[i]) == device) {
        continue;
      }
      inputs[i] = on(inputs[i], device);
      changed = true;
    }
    if (!changed) continue;
    const Variables outputs = reapply(*apply, inputs);
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t o = 0; o < outputs.size(); ++o) {
      carry_over(analysis, apply->output(o), outputs[o]);
      pairs.push_back({apply->output(o), outputs[o]});
    }
    placement.add(*outputs[0].owner());
    graph.replace(pairs, "place");
  }
}

Variables results_on_host(const FunctionGraph& graph, ShapeAnalysis& analysis, Device home,
                          size_t result_count) {
  Placement placement(home);
  for (const Apply* apply : graph.topological_order()) placement.add(*apply);
  Variables outputs = graph.outputs();
  for (size_t i = 0; i < result_count; ++i) {
    Variable& output = outputs[i];
    const bool on_device = output.is_shared()
                               ? !home.is_cpu()
                               : output.is_output() && !placement.of(output).is_cpu() &&
                                     analysis.find_value(output) == nullptr;
    if (!on_device || made_by_transfer(output) != nullptr) continue;
    FixedSiteScope scope(output.site());
    output = apply_one(std::make_shared<TransferOp>(kCpu), {output});
  }
  return outputs;
}

}  // namespace bitale
