#include "core/compile/integer_compiler.h"

#include <array>

namespace bitale {
namespace {

template <IntOp op>
int64_t run_step(int64_t a, int64_t b, int64_t c) {
  return evaluate_int_op(op, a, b, c);
}

// By IntOp.
constexpr std::array<int64_t (*)(int64_t, int64_t, int64_t), 12> kSteps = {
    run_step<IntOp::kConstant>, run_step<IntOp::kSymbol>, run_step<IntOp::kAdd>,
    run_step<IntOp::kSub>,      run_step<IntOp::kMul>,    run_step<IntOp::kFloorDiv>,
    run_step<IntOp::kFloorMod>, run_step<IntOp::kMin>,    run_step<IntOp::kMax>,
    run_step<IntOp::kLess>,     run_step<IntOp::kEqual>,  run_step<IntOp::kSelect>};

}  // namespace

int32_t IntegerCompiler::add(const IntExpr& expr) {
  wanted_.push_back(expr);
  return static_cast<int32_t>(wanted_.size()) - 1;
}

std::vector<int32_t> IntegerCompiler::finish(IntGraph& graph,
                                             const std::function<Source(int64_t symbol)>& source,
                                             Program& program) const {
  std::vector<int32_t> ids;
  for (const IntExpr& expr : wanted_) ids.push_back(graph.id_of(expr));
  const auto& nodes = graph.nodes();
  std::vector<bool> needed(nodes.size(), false);
  for (int32_t id : ids) needed[id] = true;
  for (size_t id = nodes.size(); id-- > 0;) {
    if (!needed[id]) continue;
    for (int32_t operand : {nodes[id].a, nodes[id].b, nodes[id].c}) {
      if (operand >= 0) needed[operand] = true;
    }
  }
  // Three passes, since registers are numbered reads first, then constants, then steps.
  std::vector<int32_t> reg(nodes.size(), 0);
  std::vector<std::pair<size_t, int64_t>> constants;
  int32_t next = 0;
  for (size_t id = 0; id < nodes.size(); ++id) {
    if (!needed[id]) continue;
    if (nodes[id].op == IntOp::kConstant) constants.emplace_back(id, nodes[id].value);
    if (nodes[id].op != IntOp::kSymbol) continue;
    const Source from = source(nodes[id].value);
    if (from.constant) {
      constants.emplace_back(id, *from.constant);
    } else {
      program.reads.push_back(from.read);
      reg[id] = next++;
    }
  }
  for (const auto& [id, value] : constants) {
    program.integer_constants.push_back(value);
    reg[id] = next++;
  }
  for (size_t id = 0; id < nodes.size(); ++id) {
    const IntGraph::Node& node = nodes[id];
    if (!needed[id] || node.op == IntOp::kConstant || node.op == IntOp::kSymbol) continue;
    program.steps.push_back({kSteps[static_cast<size_t>(node.op)], reg[node.a], reg[node.b],
                             node.c >= 0 ? reg[node.c] : 0});
    reg[id] = next++;
  }
  std::vector<int32_t> registers;
  for (int32_t id : ids) registers.push_back(reg[id]);
  return registers;
}

}  // namespace bitale
