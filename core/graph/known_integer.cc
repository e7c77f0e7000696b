#include "core/graph/known_integer.h"

#include <algorithm>
#include <utility>

namespace bitale {
namespace {

// Wraps like the machine does: shape arithmetic of absurd sizes must not be undefined.
int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }
uint64_t bits(int64_t value) { return static_cast<uint64_t>(value); }

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return wrap(-bits(a));
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

IntExpr combine(IntOp op, const IntExpr& a, const IntExpr& b, const IntExpr& c = 0) {
  if (a.is_constant() && b.is_constant() && c.is_constant()) {
    return evaluate_int_op(op, a.constant(), b.constant(), c.constant());
  }
  IntGraph* graph = !a.is_constant() ? a.graph() : !b.is_constant() ? b.graph() : c.graph();
  return graph->make(op, a, b, c);
}

bool is(const IntExpr& expr, int64_t value) {
  return expr.is_constant() && expr.constant() == value;
}

}  // namespace

IntExpr::IntExpr(IntGraph* graph, int32_t id, std::optional<int64_t> constant)
    : graph_(constant ? nullptr : graph), id_(id), constant_(constant.value_or(0)) {}

int64_t evaluate_int_op(IntOp op, int64_t a, int64_t b, int64_t c) {
  switch (op) {
    case IntOp::kConstant:
    case IntOp::kSymbol:
      return a;
    case IntOp::kAdd:
      return wrap(bits(a) + bits(b));
    case IntOp::kSub:
      return wrap(bits(a) - bits(b));
    case IntOp::kMul:
      return wrap(bits(a) * bits(b));
    case IntOp::kFloorDiv:
      return floor_divide(a, b);
    case IntOp::kFloorMod:
      return b == 0 ? 0 : wrap(bits(a) - bits(floor_divide(a, b)) * bits(b));
    case IntOp::kMin:
      return std::min(a, b);
    case IntOp::kMax:
      return std::max(a, b);
    case IntOp::kLess:
      return a < b;
    case IntOp::kEqual:
      return a == b;
    case IntOp::kSelect:
      break;
  }
  return a != 0 ? b : c;
}

IntExpr operator+(IntExpr a, IntExpr b) {
  if (is(a, 0)) return b;
  if (is(b, 0)) return a;
  return combine(IntOp::kAdd, a, b);
}
IntExpr operator-(IntExpr a, IntExpr b) {
  if (is(b, 0)) return a;
  if (a.same_as(b)) return 0;
  return combine(IntOp::kSub, a, b);
}
IntExpr operator*(IntExpr a, IntExpr b) {
  if (is(a, 1)) return b;
  if (is(b, 1)) return a;
  if (is(a, 0) || is(b, 0)) return 0;
  return combine(IntOp::kMul, a, b);
}
IntExpr floor_div(IntExpr a, IntExpr b) { return is(b, 1) ? a : combine(IntOp::kFloorDiv, a, b); }
IntExpr floor_mod(IntExpr a, IntExpr b) {
  return is(b, 1) ? IntExpr(0) : combine(IntOp::kFloorMod, a, b);
}
// Not (a + b - 1) / b, which overflows for the largest b.
IntExpr ceil_div(IntExpr a, IntExpr b) { return is(b, 1) ? a : floor_div(a - 1, b) + 1; }
IntExpr min(IntExpr a, IntExpr b) { return a.same_as(b) ? a : combine(IntOp::kMin, a, b); }
IntExpr max(IntExpr a, IntExpr b) { return a.same_as(b) ? a : combine(IntOp::kMax, a, b); }
IntExpr less(IntExpr a, IntExpr b) {
  return a.same_as(b) ? IntExpr(0) : combine(IntOp::kLess, a, b);
}
IntExpr equal(IntExpr a, IntExpr b) {
  return a.same_as(b) ? IntExpr(1) : combine(IntOp::kEqual, a, b);
}
IntExpr select(IntExpr condition, IntExpr a, IntExpr b) {
  if (condition.is_constant()) return condition.constant() != 0 ? a : b;
  return a.same_as(b) ? a : combine(IntOp::kSelect, condition, a, b);
}

size_t IntGraph::NodeHash::operator()(const Node& node) const {
  size_t hash = static_cast<size_t>(node.op);
  for (uint64_t part : {bits(node.a), bits(node.b), bits(node.c), bits(node.value)}) {
    hash = (hash ^ part) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

int32_t IntGraph::intern(const Node& node) {
  const auto [it, inserted] = index_.try_emplace(node, static_cast<int32_t>(nodes_.size()));
  if (inserted) nodes_.push_back(node);
  return it->second;
}

IntExpr IntGraph::new_symbol() {
  Node node{IntOp::kSymbol};
  node.value = symbol_count_++;
  return IntExpr(this, intern(node), std::nullopt);
}

int32_t IntGraph::id_of(const IntExpr& expr) {
  if (!expr.is_constant()) return expr.id();
  Node node{IntOp::kConstant};
  node.value = expr.constant();
  return intern(node);
}

IntExpr IntGraph::make(IntOp op, IntExpr a, IntExpr b, IntExpr c) {
  Node node{op};
  node.a = id_of(a);
  node.b = id_of(b);
  if (op == IntOp::kSelect) node.c = id_of(c);
  const bool commutes = op == IntOp::kAdd || op == IntOp::kMul || op == IntOp::kMin ||
                        op == IntOp::kMax || op == IntOp::kEqual;
  if (commutes && node.a > node.b) std::swap(node.a, node.b);
  return IntExpr(this, intern(node), std::nullopt);
}

IntProgram::IntProgram(IntGraph& graph, std::span<const IntExpr> results) {
  std::vector<int32_t> wanted;
  for (const IntExpr& result : results) wanted.push_back(graph.id_of(result));
  const auto& nodes = graph.nodes();
  std::vector<int32_t> place(nodes.size(), -1);
  for (int32_t id : wanted) place[id] = 0;
  for (size_t id = nodes.size(); id-- > 0;) {
    if (place[id] < 0) continue;
    for (int32_t operand : {nodes[id].a, nodes[id].b, nodes[id].c}) {
      if (operand >= 0) place[operand] = 0;
    }
  }
  auto renumber = [&](int32_t operand) { return operand < 0 ? -1 : place[operand]; };
  for (size_t id = 0; id < nodes.size(); ++id) {
    if (place[id] < 0) continue;
    IntGraph::Node step = nodes[id];
    step.a = renumber(step.a);
    step.b = renumber(step.b);
    step.c = renumber(step.c);
    place[id] = static_cast<int32_t>(steps_.size());
    steps_.push_back(step);
  }
  for (int32_t id : wanted) results_.push_back(place[id]);
}

void IntProgram::evaluate(std::span<const int64_t> symbols, std::span<int64_t> registers,
                          std::span<int64_t> results) const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const IntGraph::Node& step = steps_[i];
    if (step.op == IntOp::kConstant) {
      registers[i] = step.value;
    } else if (step.op == IntOp::kSymbol) {
      registers[i] = symbols[step.value];
    } else {
      registers[i] = evaluate_int_op(step.op, registers[step.a], registers[step.b],
                                     step.c < 0 ? 0 : registers[step.c]);
    }
  }
  for (size_t i = 0; i < results_.size(); ++i) results[i] = registers[results_[i]];
}

}  // namespace bitale
