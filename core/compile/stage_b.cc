#include "core/compile/stage_b.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/compile/placement.h"

namespace bitale {
namespace {

// A formula whose composites have formulas of composites, and so on, deeper than this is taken for
// one that comes back to its own op. Few are deeper than two.
constexpr int kDeepestFormula = 10;

// Layouts of a call whose operands are all row-major; nothing where a dim is not concrete.
bool concrete_layouts(ShapeAnalysis& analysis, std::span<const Variable> variables,
                      std::vector<OperandLayout>& layouts) {
  for (const Variable& variable : variables) {
    Dims dims;
    for (const IntExpr& dim : analysis.dims(variable)) {
      if (!dim.is_constant()) return false;
      dims.push_back(dim.constant());
    }
    Dims strides = contiguous_strides(dims);
    layouts.push_back({variable.dtype(), std::move(dims), std::move(strides)});
  }
  return true;
}

bool has_kernel(ShapeAnalysis& analysis, const Apply& apply, Device device) {
  std::vector<OperandLayout> inputs;
  std::vector<OperandLayout> outputs;
  return concrete_layouts(analysis, apply.inputs(), inputs) &&
         concrete_layouts(analysis, apply.outputs(), outputs) &&
         choose_kernel({apply.op(), apply, inputs, outputs}, device.kind) != nullptr;
}

// Replaces the composites without a kernel by their formulas, once each: those that the formulas
// hold in turn stay. Returns one of them, or nothing where there is none.
std::shared_ptr<const Op> expand_once(FunctionGraph& graph, ShapeAnalysis& analysis,
                                      const StageBOptions& options,
                                      std::vector<TraceEntry>* trace) {
  std::shared_ptr<const Op> expanded;
  Placement placement(options.home);
  const std::vector<Apply*> order = graph.topological_order();
  if (options.placed) {
    for (const Apply* apply : order) placement.add(*apply);
  }
  for (Apply* apply : order) {
    if (!graph.contains(apply) || !apply->op().traits().composite) continue;
    const Device device = options.placed ? placement.of(*apply) : options.home;
    if (has_kernel(analysis, *apply, device)) continue;
    FixedSiteScope scope(apply->site());
    if (trace != nullptr) {
      trace->push_back({"expand", Phase::kExpand, apply->op().str(), apply->site()});
    }
    const Variables formula = apply->op().formula(apply->inputs());
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t i = 0; i < formula.size(); ++i) pairs.push_back({apply->output(i), formula[i]});
    expanded = apply->shared_op();
    graph.replace(pairs, "expand");
  }
  return expanded;
}

// Replaces composites without a kernel by their formulas until none is left. Returns whether there
// were any.
bool expand_composites(FunctionGraph& graph, ShapeAnalysis& analysis, const StageBOptions& options,
                       std::vector<TraceEntry>* trace) {
  analysis.analyze(graph.outputs());
  int depth = 0;
  for (; const auto expanded = expand_once(graph, analysis, options, trace); ++depth) {
    if (depth == kDeepestFormula) {
      throw CompileError(absl::StrCat(
          std::string(expanded->name()),
          ": formulas within formulas do not come to an end: ", depth, " deep is ", expanded->str(),
          "\n  hint: a formula must not hold its own op where no kernel takes it"));
    }
    analysis.analyze(graph.outputs());
  }
  return depth > 0;
}

void check_concrete(const ShapeAnalysis& analysis, size_t first_check) {
  for (size_t i = first_check; i < analysis.checks().size(); ++i) {
    const ShapeCheck& check = analysis.checks()[i];
    if (!check.left.is_constant() || !check.right.is_constant() ||
        check.left.constant() == check.right.constant()) {
      continue;
    }
    const Apply& apply = *check.output.owner();
    throw ShapeError(absl::StrCat(
        std::string(apply.op().name()), ": ",
        what_failed(check.what, check.is_condition, check.left.constant(), check.right.constant()),
        "\n", describe_operands(apply.inputs()), "  at: ", apply.site().str(),
        *check.hint ? absl::StrCat("\n  hint: ", check.hint) : ""));
  }
}

}  // namespace

void run_stage_b(FunctionGraph& graph, ShapeAnalysis& analysis, const StageBOptions& options,
                 std::vector<TraceEntry>* trace) {
  const auto expand = [&] { return expand_composites(graph, analysis, options, trace); };
  const auto run = [&](Phase phase) { run_phases(graph, {&phase, 1}, options.rewrite, trace); };
  expand();
  run(Phase::kExpand);
  if (options.fuse) {
    run(Phase::kFuseFolds);
    // What is too small falls apart again, and what it computed anew is merged with its twins.
    if (expand()) run(Phase::kExpand);
    run(Phase::kFuseRows);
    // Rows that no kernel takes, as they are too long, fall apart into elementwise groups.
    expand();
    run(Phase::kFuse);
    run(Phase::kFuseEpilogues);
    // Those whose producer has another kernel for these shapes fall apart into the two.
    expand();
    // On a device, launches are captured as one at any rate; and what is bundled runs in one place,
    // which nodes that are placed apart do not have.
    if (!options.placed && options.home.is_cpu()) run(Phase::kBundle);
  }
  if (options.placed) insert_transfers(graph, analysis, options.home);
  analysis.analyze(graph.outputs());
  check_concrete(analysis, 0);
}

}  // namespace bitale
