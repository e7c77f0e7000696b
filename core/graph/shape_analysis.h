// Dims and host-integer values of every variable of a graph, as integer expressions.

#ifndef BITALE_CORE_GRAPH_SHAPE_ANALYSIS_H_
#define BITALE_CORE_GRAPH_SHAPE_ANALYSIS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/graph/shape_context.h"

namespace bitale {

// What a symbol of the IntGraph stands for, in terms of a call.
struct IntSymbol {
  enum class Kind : uint8_t {
    kDim,     // length of axis `index` of leaf `variable`
    kNamed,   // the length that a dim's name stands for: axis `index` of leaf `variable`, its first
    kValue,   // element `index` of integer leaf `variable`
    kOpaque,  // element `index` of `variable`, an output that must be computed first
    kExternal  // number `index` of the values that the caller hands to a program
  };
  Kind kind;
  Variable variable;
  size_t index;
};

// A condition that a shape rule states: left == right at every call.
struct ShapeCheck {
  IntExpr left;
  IntExpr right;
  Variable output;  // of the Apply that states it
  const char* what;
  const char* hint;
  // left is 0 or 1 and right 1: the numbers tell the user nothing.
  bool is_condition = false;
};

// `what` of a check whose sides are these numbers: "inner dims differ: 3 and 4".
std::string what_failed(std::string_view what, bool is_condition, int64_t left, int64_t right);

class ShapeAnalysis {
 public:
  ShapeAnalysis() = default;
  ShapeAnalysis(const ShapeAnalysis&) = delete;

  // Runs the shape rules of everything under `outputs` that was not analysed before.
  void analyze(std::span<const Variable> outputs);

  const IntExprs& dims(const Variable& variable);
  bool has_value(const Variable& variable) const { return values_.contains(variable); }
  // The elements of an integer variable; makes an opaque symbol where no rule knows them. `count`
  // elements (1 for a scalar).
  IntExpr value(const Variable& variable, size_t element);

  // States what is known of a variable (its concrete dims, for a program's clone).
  void set_dims(const Variable& variable, IntExprs dims) { dims_[variable] = std::move(dims); }
  void set_value(const Variable& variable, IntExprs value) { values_[variable] = std::move(value); }
  // A value that the caller of a program hands over as its number `slot`.
  IntExpr external(size_t slot) { return new_symbol(IntSymbol::Kind::kExternal, {}, slot); }
  // The values of `variable`, if known.
  const IntExprs* find_value(const Variable& variable) const;

  IntGraph& ints() { return ints_; }
  const std::vector<IntSymbol>& symbols() const { return symbols_; }
  const std::vector<ShapeCheck>& checks() const { return checks_; }

 private:
  friend class AnalysisContext;
  void analyze_leaf(const Variable& leaf);
  void check_named_outputs();
  IntExpr new_symbol(IntSymbol::Kind kind, const Variable& variable, size_t index);

  IntGraph ints_;
  std::vector<IntSymbol> symbols_;
  std::vector<ShapeCheck> checks_;
  absl::flat_hash_map<Variable, IntExprs> dims_;
  absl::flat_hash_map<Variable, IntExprs> values_;
  absl::flat_hash_map<const std::string*, IntExpr> named_;
  // Dims that an output's type names, though their lengths come from elsewhere.
  struct NamedOutput {
    const std::string* name;
    IntExpr length;
    Variable output;
  };
  std::vector<NamedOutput> named_outputs_;
  absl::flat_hash_set<Variable> analyzed_;  // leaves, and first outputs of applications
};

// Integer variables that may reach a dim: scalars, and vectors up to this many elements.
inline constexpr int64_t kMostHostIntegers = 16;
bool may_be_host_integers(const TensorType& type);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_SHAPE_ANALYSIS_H_
