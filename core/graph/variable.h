// The symbolic graph: variables, and the applications of ops that make them.
//
// A Variable is a small handle (one counted pointer) to an input, a constant, a shared variable or
// an output of an Apply. A variable owns its producer, an Apply owns its inputs; an Apply and all
// its outputs are one object and live together. Release is iterative, so graphs of hundreds of
// thousands of nodes are freed without deep recursion. Counts are atomic; building one graph from
// several threads at once is not supported, sharing a built graph between threads is.

#ifndef BITALE_CORE_GRAPH_VARIABLE_H_
#define BITALE_CORE_GRAPH_VARIABLE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/base/site.h"
#include "core/graph/type.h"

namespace bitale {

class Apply;
class Index;
class Op;
class SharedContainer;
class Tensor;
struct VariableNode;

enum class VariableKind : uint8_t { kInput, kConstant, kShared, kOutput };

class Variable {
 public:
  // No variable: defined() is false, and what asks for its type, name or site throws TypeError.
  Variable() = default;
  Variable(const Variable& other) noexcept;
  Variable(Variable&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Variable& operator=(const Variable& other) noexcept;
  Variable& operator=(Variable&& other) noexcept;
  ~Variable();

  // --- Leaves. Users have friendlier constructors (matrix(), constant(), shared()). ------------
  static Variable make_input(TensorType type, std::string name, SourceSite site);
  static Variable make_constant(Tensor value, std::string name, SourceSite site);
  static Variable make_shared(std::shared_ptr<SharedContainer> container, TensorType type,
                              std::string name, SourceSite site);

  bool defined() const { return node_ != nullptr; }
  explicit operator bool() const = delete;

  VariableKind kind() const;
  bool is_input() const { return kind() == VariableKind::kInput; }
  bool is_constant() const { return kind() == VariableKind::kConstant; }
  bool is_shared() const { return kind() == VariableKind::kShared; }
  bool is_output() const { return kind() == VariableKind::kOutput; }

  const TensorType& type() const;
  DType dtype() const { return type().dtype; }
  int64_t rank() const { return type().rank(); }

  // The user's name, or empty.
  const std::string& name() const;
  // Names this variable and returns it: `auto cost = mean(x).named("cost");`.
  Variable named(std::string name) const;
  // The name, or "dot.0" for an unnamed output, or "constant", "input", "shared".
  std::string str() const;
  const Site& site() const;

  // The producer of an output; null for a leaf.
  Apply* owner() const;
  // Which output of the owner this is; 0 for a leaf.
  size_t output_index() const;
  // Only for constants.
  const Tensor& value() const;
  // Only for shared variables.
  const std::shared_ptr<SharedContainer>& container() const;

  // Identity: the same node. Elementwise comparison is eq() and neq().
  friend bool operator==(const Variable& a, const Variable& b) { return a.node_ == b.node_; }
  VariableNode* node() const { return node_; }

  // Indexing as in numpy: x[3], x[slice(a, b)], x[{i, slice(a, b)}]. Defined in ops/indexing.
  Variable operator[](const Index& index) const;
  Variable operator[](std::initializer_list<Index> indices) const;

 private:
  friend class Apply;
  explicit Variable(VariableNode* node) noexcept;

  VariableNode* node_ = nullptr;
};

using Variables = std::vector<Variable>;
using ApplyInputs = absl::InlinedVector<Variable, 2>;

// One use of an op. Made by apply_op(); immutable for users. Only a FunctionGraph, which works on a
// clone of its own, changes inputs.
class Apply {
 public:
  Apply(const Apply&) = delete;
  Apply& operator=(const Apply&) = delete;

  const Op& op() const { return *op_; }
  const std::shared_ptr<const Op>& shared_op() const { return op_; }
  std::span<const Variable> inputs() const { return {inputs_.data(), inputs_.size()}; }
  const Variable& input(size_t i) const { return inputs_[i]; }
  size_t output_count() const { return output_count_; }
  Variable output(size_t i) const;
  Variables outputs() const;
  const Site& site() const { return site_; }
  // Where the other nodes stood that were merged into this one.
  const std::vector<Site>& merged_sites() const;
  // Grows with every Apply made: a stable order of creation.
  uint64_t serial() const { return serial_; }

 private:
  friend class Variable;
  friend class FunctionGraph;
  friend Apply* make_apply(std::shared_ptr<const Op> op, ApplyInputs inputs,
                           std::span<const TensorType> types, const Site& site);
  friend void release_node(VariableNode* node) noexcept;

  Apply(std::shared_ptr<const Op> op, ApplyInputs inputs, std::span<const TensorType> types,
        const Site& site);
  ~Apply();

  std::shared_ptr<const Op> op_;
  ApplyInputs inputs_;
  std::unique_ptr<VariableNode[]> outputs_;
  size_t output_count_;
  Site site_;
  std::unique_ptr<std::vector<Site>> merged_sites_;
  uint64_t serial_;
};

// Applies `op` after its type rule has accepted the inputs, and returns all outputs. `site` is the
// builder's caller. Throws what the type rule throws.
Variables apply_op(std::shared_ptr<const Op> op, std::span<const Variable> inputs,
                   SourceSite site = {});
// The same for an op with one output.
Variable apply_one(std::shared_ptr<const Op> op, std::span<const Variable> inputs,
                   SourceSite site = {});
inline Variable apply_one(std::shared_ptr<const Op> op, std::initializer_list<Variable> inputs,
                          SourceSite site = {}) {
  return apply_one(std::move(op), std::span<const Variable>(inputs.begin(), inputs.size()), site);
}
inline Variables apply_op(std::shared_ptr<const Op> op, std::initializer_list<Variable> inputs,
                          SourceSite site = {}) {
  return apply_op(std::move(op), std::span<const Variable>(inputs.begin(), inputs.size()), site);
}

// The same op on other inputs; keeps the site and the names of the outputs. For clones and
// rewrites.
Variables reapply(const Apply& apply, std::span<const Variable> inputs);

}  // namespace bitale

template <>
struct std::hash<bitale::Variable> {
  size_t operator()(const bitale::Variable& variable) const noexcept {
    return std::hash<const void*>()(variable.node());
  }
};

#endif  // BITALE_CORE_GRAPH_VARIABLE_H_
