// The compiler's own, changeable copy of a graph: knows who uses what, replaces nodes, remembers
// why.

#ifndef BITALE_CORE_GRAPH_FUNCTION_GRAPH_H_
#define BITALE_CORE_GRAPH_FUNCTION_GRAPH_H_

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/graph/traversal.h"
#include "core/graph/variable.h"

namespace bitale {

// One place where a variable is used: an operand of `user`, or, with a null user, graph output
// number `index`.
struct Use {
  Apply* user;
  size_t index;
  friend bool operator==(const Use&, const Use&) = default;
};

class FunctionGraph {
 public:
  // Clones what `outputs` need, with `replacements` (givens) applied. Leaves are shared.
  explicit FunctionGraph(std::span<const Variable> outputs, Replacements replacements = {});

  FunctionGraph(const FunctionGraph&) = delete;
  FunctionGraph& operator=(const FunctionGraph&) = delete;

  const Variables& outputs() const { return outputs_; }
  // The clone of a variable of the original graph, if it had one; for records and debugging.
  const Replacements& clones() const { return clones_; }
  size_t apply_count() const { return applies_.size(); }
  bool contains(const Apply* apply) const { return applies_.contains(const_cast<Apply*>(apply)); }
  // Producers first; depends on the graph alone.
  std::vector<Apply*> topological_order() const { return bitale::topological_order(outputs_); }
  std::span<const Use> uses(const Variable& variable) const;

  struct Replacement {
    Variable from;
    Variable to;
  };
  // Lets every use of each `from` use its `to` instead, takes in what `to` needs, and drops what
  // nothing needs any more. `reason` (a rule's name) goes to the observer. A type that knows less
  // than the old one is narrowed to it. Throws CompileError for another dtype, rank or fixed dim.
  void replace(std::span<const Replacement> replacements, std::string_view reason);
  void replace(const Variable& from, const Variable& to, std::string_view reason) {
    const Replacement one{from, to};
    replace({&one, 1}, reason);
  }

  // Called before each replacement, while both sides are whole.
  using Observer =
      std::function<void(const Variable& from, const Variable& to, std::string_view reason)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }

  // Called for each Apply that enters, or whose inputs changed, through replace().
  using ChangeListener = std::function<void(Apply*)>;
  void set_change_listener(ChangeListener listener) { listener_ = std::move(listener); }

  // Checks the written invariants: uses match operands and outputs in both directions, every node
  // is reachable, no cycle, types of outputs are those the graph was made with or narrower; in
  // inner graphs no cycle, and no leaf but inner inputs and constants. CompileError that names the
  // broken one.
  void verify() const;

 private:
  void import(const Variable& variable);
  void add_use(const Variable& variable, Use use);
  void remove_use(const Variable& variable, Use use, std::vector<Apply*>& maybe_dead);
  void drop_dead(std::vector<Apply*> maybe_dead);

  Variables outputs_;
  std::vector<TensorType> output_types_;
  Replacements clones_;
  absl::flat_hash_set<Apply*> applies_;
  absl::flat_hash_map<VariableNode*, std::vector<Use>> uses_;
  Observer observer_;
  ChangeListener listener_;
};

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_FUNCTION_GRAPH_H_
