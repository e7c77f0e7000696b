// A mathematical function: name, attributes, type rule, shape rule, pullback, pushforward, traits.
// Never device code or buffers: those are kernels, registered per device (core/compile).
//
// The banner of ops/skeleton/ shows a whole op to copy.

#ifndef BITALE_CORE_GRAPH_OP_H_
#define BITALE_CORE_GRAPH_OP_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dim.h"
#include "core/graph/attributes.h"
#include "core/graph/variable.h"

namespace bitale {

class IntExpr;
class ShapeContext;

// What rules and the compiler may ask of an op without knowing it.
struct Traits {
  // out[i] depends on in[i] only (after broadcasting): can be fused, sunk, lifted.
  bool elementwise = false;
  // Shows its first input's elements under other dims, where strides allow it: states a view().
  bool view = false;
  // States a formula over simpler ops; keeps its identity until a program is lowered.
  bool composite = false;
  // f(a, b) == f(b, a).
  bool commutative = false;
  // May throw when it runs (an index out of range, a failed assertion).
  bool can_raise = false;
  // Depends on dims of its inputs only, not on their elements: reading it costs nothing.
  bool shape_only = false;
  // Never merged with an equal application (debugging aids with effects).
  bool never_merge = false;
  // Only rules create it.
  bool internal = false;
  // A draw: output 0 is the default update of shared input 0.
  bool random_draw = false;
};

// What a type rule sees: the operands, and how to refuse them.
class TypeContext {
 public:
  TypeContext(const Op& op, std::span<const Variable> inputs, SourceSite site)
      : op_(op), inputs_(inputs), site_(site) {}

  size_t size() const { return inputs_.size(); }
  const Variable& input(size_t i) const { return inputs_[i]; }
  std::span<const Variable> inputs() const { return inputs_; }
  const TensorType& type(size_t i) const { return inputs_[i].type(); }

  // Throw with `what` as the first line, followed by op, operands with types and sites, and `hint`.
  [[noreturn]] void shape_error(std::string_view what, std::string_view hint = "") const;
  [[noreturn]] void type_error(std::string_view what, std::string_view hint = "") const;

 private:
  const Op& op_;
  std::span<const Variable> inputs_;
  SourceSite site_;
};

// "operand 0: x float32 (batch, 784), made at mlp.cc:12" for each operand, as lines of an error.
std::string describe_operands(std::span<const Variable> operands);

// What a pullback sees. `output_gradients[i]` has the type of outputs[i], or is not defined() where
// no gradient reaches that output.
struct PullbackContext {
  const Apply& apply;
  std::span<const Variable> inputs;
  std::span<const Variable> outputs;
  std::span<const Variable> output_gradients;
  // Inputs whose gradient is asked for; the others may be skipped.
  std::span<const bool> wanted;

  // Differentiates an inner graph (loop body, branch): supplied by autograd, so that ops need not
  // include it. Gradients of sum_i <costs[i], weights[i]> for `wrt`; undefined where disconnected.
  Variables (*inner_pullback)(std::span<const Variable> costs, std::span<const Variable> weights,
                              std::span<const Variable> wrt) = nullptr;
};

// What a pushforward sees. `tangents[i]` has the type of inputs[i], or is not defined() for zero.
struct PushforwardContext {
  const Apply& apply;
  std::span<const Variable> inputs;
  std::span<const Variable> outputs;
  std::span<const Variable> tangents;

  // The tangents of `outputs` for tangents of `wrt`: supplied by autograd.
  Variables (*inner_pushforward)(std::span<const Variable> outputs, std::span<const Variable> wrt,
                                 std::span<const Variable> tangents) = nullptr;
};

// The concrete arrangement of the first input that a view op looks at.
struct ViewInput {
  Dims shape;
  Dims strides;  // in elements
};
// The view's arrangement: strides per output axis, and the first element's offset from the input's
// first element, both in elements. The offset may depend on run-time integers.
struct ViewOutput;

class Op : public std::enable_shared_from_this<Op> {
 public:
  virtual ~Op() = default;

  // The name users see and kernels register for: "dot".
  virtual std::string_view name() const = 0;
  // All static parameters. Two ops with equal names and attributes are the same function.
  virtual Attributes attributes() const { return {}; }
  virtual Traits traits() const { return {}; }

  // The outputs' types. Refuses operands through the context.
  virtual std::vector<TensorType> infer_types(const TypeContext& context) const = 0;
  // The outputs' dims as integer expressions, and, for host integers, the outputs' values.
  virtual void infer_shape(ShapeContext& context) const = 0;

  // Whether the op reads the elements of input i; false where it needs only the input's dims, or
  // its value as a host integer (dims of alloc, bounds of a slice).
  virtual bool needs_elements([[maybe_unused]] size_t input) const { return !traits().shape_only; }

  // Per input the gradient of <output_gradients, outputs>, with that input's type; not defined()
  // where nothing depends on the input's value (shapes, indices, discrete results).
  virtual Variables pullback(const PullbackContext& context) const;
  // Per output its tangent, with that output's type; not defined() where it is zero by structure.
  virtual Variables pushforward(const PushforwardContext& context) const;

  // The same function over simpler ops, for composites.
  virtual Variables formula(std::span<const Variable> inputs) const;

  // For view ops: the arrangement that shows the output, or nothing where a copy is needed.
  // `context` gives dims and values of the inputs as IntExpr.
  virtual std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                         ShapeContext& context) const;

  // Inner graphs, for loops and branches: rules, verifier and printers descend into them. The
  // outputs depend on the inputs and on constants alone; inner input i stands for operand i, or for
  // an element of it.
  virtual std::span<const Variable> inner_inputs() const { return {}; }
  virtual std::span<const Variable> inner_outputs() const { return {}; }
  // The same op over rewritten inner outputs.
  virtual std::shared_ptr<const Op> with_inner_outputs(Variables outputs) const;

  // Equal name and attributes (and inner graphs, compared by the override).
  virtual bool equals(const Op& other) const;
  virtual size_t hash() const;
  // "sum{axis=(1,), keepdims=false}".
  std::string str() const;
};

using OpPtr = std::shared_ptr<const Op>;

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_OP_H_
