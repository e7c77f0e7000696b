// Integer expressions over dims and host integers: what shape rules compute with.
//
// An IntGraph is append-only and hash-consed: equal expressions have equal ids, constants fold at
// once, and ids are a topological order, so evaluation is one pass over an array.

#ifndef BITALE_CORE_GRAPH_KNOWN_INTEGER_H_
#define BITALE_CORE_GRAPH_KNOWN_INTEGER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"

namespace bitale {

class IntGraph;

// A handle to one expression. Plain integers convert: `s.dim(0, 1) + 2`.
class IntExpr {
 public:
  IntExpr(int64_t constant) : constant_(constant) {}  // NOLINT
  IntExpr(int constant) : constant_(constant) {}      // NOLINT
  IntExpr(IntGraph* graph, int32_t id, std::optional<int64_t> constant);

  bool is_constant() const { return graph_ == nullptr; }
  // Only for constants.
  int64_t constant() const { return constant_; }
  // Only for the others.
  int32_t id() const { return id_; }
  IntGraph* graph() const { return graph_; }

  // The same expression (hash-consed, so equal by structure).
  bool same_as(const IntExpr& other) const {
    return graph_ == other.graph_ && (graph_ ? id_ == other.id_ : constant_ == other.constant_);
  }

 private:
  IntGraph* graph_ = nullptr;
  int32_t id_ = -1;
  int64_t constant_ = 0;
};

IntExpr operator+(IntExpr a, IntExpr b);
IntExpr operator-(IntExpr a, IntExpr b);
IntExpr operator*(IntExpr a, IntExpr b);
// Quotient rounded down, remainder with the divisor's sign; division by 0 gives 0.
IntExpr floor_div(IntExpr a, IntExpr b);
IntExpr floor_mod(IntExpr a, IntExpr b);
// Quotient of non-negative a by positive b, rounded up.
IntExpr ceil_div(IntExpr a, IntExpr b);
IntExpr min(IntExpr a, IntExpr b);
IntExpr max(IntExpr a, IntExpr b);
// 1 or 0.
IntExpr less(IntExpr a, IntExpr b);
IntExpr equal(IntExpr a, IntExpr b);
// a if condition != 0, else b.
IntExpr select(IntExpr condition, IntExpr a, IntExpr b);

using IntExprs = absl::InlinedVector<IntExpr, 4>;

enum class IntOp : uint8_t {
  kConstant,
  kSymbol,
  kAdd,
  kSub,
  kMul,
  kFloorDiv,
  kFloorMod,
  kMin,
  kMax,
  kLess,
  kEqual,
  kSelect,
};

class IntGraph {
 public:
  struct Node {
    IntOp op;
    int32_t a = -1;
    int32_t b = -1;
    int32_t c = -1;
    int64_t value = 0;  // of a constant; index of a symbol
    friend bool operator==(const Node&, const Node&) = default;
  };

  IntGraph() = default;
  IntGraph(const IntGraph&) = delete;
  IntGraph& operator=(const IntGraph&) = delete;

  // A new unknown; its value is given by position at evaluation.
  IntExpr new_symbol();
  int32_t symbol_count() const { return symbol_count_; }

  IntExpr make(IntOp op, IntExpr a, IntExpr b, IntExpr c = 0);
  const std::vector<Node>& nodes() const { return nodes_; }

  // The id that stands for `expr`, constants included.
  int32_t id_of(const IntExpr& expr);

 private:
  int32_t intern(const Node& node);

  struct NodeHash {
    size_t operator()(const Node& node) const;
  };
  std::vector<Node> nodes_;
  absl::flat_hash_map<Node, int32_t, NodeHash> index_;
  int32_t symbol_count_ = 0;
};

// A fixed list of expressions, ready to be evaluated: only the nodes they need, in order.
class IntProgram {
 public:
  IntProgram() = default;
  IntProgram(IntGraph& graph, std::span<const IntExpr> results);

  size_t result_count() const { return results_.size(); }
  size_t register_count() const { return steps_.size(); }
  // `symbols` by symbol index; `registers` is scratch of register_count(); writes result_count()
  // values. Allocates nothing.
  void evaluate(std::span<const int64_t> symbols, std::span<int64_t> registers,
                std::span<int64_t> results) const;

 private:
  std::vector<IntGraph::Node> steps_;  // operands renumbered to registers
  std::vector<int32_t> results_;
};

// One operation on plain integers, as the graph folds and programs run it.
int64_t evaluate_int_op(IntOp op, int64_t a, int64_t b, int64_t c);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_KNOWN_INTEGER_H_
