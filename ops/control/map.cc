#include "ops/control/map.h"

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/intern.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/traversal.h"
#include "ops/control/map_internal.h"

namespace bitale {
namespace loops {
namespace {

// Finds what an inner graph takes from outside.
class Capture {
 public:
  Capture(const Variables& elements, const Variables& outputs)
      : order_(topological_order(outputs)), elements_(elements.begin(), elements.end()) {
    for (const Apply* apply : order_) classify(*apply);
    absl::flat_hash_set<Variable> wanted(outputs.begin(), outputs.end());
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
      const Apply* apply = *it;
      if (!moving_.contains(apply) && !from_shapes_.contains(apply)) continue;
      bool any = false;
      for (size_t i = 0; i < apply->output_count(); ++i) any |= wanted.contains(apply->output(i));
      if (!any) continue;
      inside_.insert(apply);
      wanted.insert(apply->inputs().begin(), apply->inputs().end());
    }
    for (const Apply* apply : order_) {
      if (!inside_.contains(apply)) continue;
      for (const Variable& input : apply->inputs()) take(input);
    }
    for (const Variable& output : outputs) take(output);
  }

  // In an order that depends on the graph alone.
  const Variables& captured() const { return captured_; }

 private:
  void classify(const Apply& apply) {
    bool moving = false, known = !apply.inputs().empty();
    for (const Variable& input : apply.inputs()) {
      moving |= elements_.contains(input) || moving_.contains(input.owner());
      known &= input.is_constant() ? may_be_host_integers(input.type())
                                   : from_shapes_.contains(input.owner());
    }
    for (size_t i = 0; i < apply.output_count(); ++i) {
      known &= may_be_host_integers(apply.output(i).type());
    }
    if (moving) {
      moving_.insert(&apply);
    } else if (known || apply.op().traits().shape_only) {
      from_shapes_.insert(&apply);
    }
  }

  void take(const Variable& variable) {
    if (variable.is_constant() || elements_.contains(variable)) return;
    if (variable.owner() != nullptr && inside_.contains(variable.owner())) return;
    if (seen_.insert(variable).second) captured_.push_back(variable);
  }

  using ApplySet = absl::flat_hash_set<const Apply*>;
  std::vector<Apply*> order_;
  absl::flat_hash_set<Variable> elements_;
  ApplySet moving_;       // depend on elements
  ApplySet from_shapes_;  // host integers that depend on shapes only, and not on elements
  ApplySet inside_;
  absl::flat_hash_set<Variable> seen_;
  Variables captured_;
};

}  // namespace

Variables make_elements(const Variables& sequences, const Variables& non_sequences,
                        SourceSite site) {
  if (sequences.empty()) {
    throw ShapeError(
        absl::StrCat("map: no sequence to go through\n  at: ", resolve_site(site).str()));
  }
  Variables elements;
  for (size_t i = 0; i < sequences.size() + non_sequences.size(); ++i) {
    const bool is_sequence = i < sequences.size();
    const Variable& operand = is_sequence ? sequences[i] : non_sequences[i - sequences.size()];
    if (!operand.defined()) {
      throw TypeError(absl::StrCat(
          "map: operand ", i,
          " is no variable (a default-constructed Variable)\n  at: ", resolve_site(site).str()));
    }
    TensorType type = operand.type();
    std::string name = operand.name();
    if (is_sequence) {
      if (type.rank() == 0) {
        throw ShapeError(absl::StrCat(
            "map: sequence ", i, " is a scalar\n", describe_operands(sequences),
            "  at: ", resolve_site(site).str(), "\n  hint: pass it among the non-sequences"));
      }
      type.dims.erase(type.dims.begin());
      if (!name.empty()) absl::StrAppend(&name, "[i]");
    }
    elements.push_back(Variable::make_input(std::move(type), std::move(name), site));
  }
  return elements;
}

Variables make_map(const Variables& elements, const Variables& outputs, const Variables& sequences,
                   const Variables& non_sequences, SourceSite site) {
  Variables operands = sequences;
  operands.insert(operands.end(), non_sequences.begin(), non_sequences.end());
  Variables inner_inputs = elements;
  Replacements replacements;
  const Capture capture(elements, outputs);
  for (const Variable& outer : capture.captured()) {
    operands.push_back(outer);
    inner_inputs.push_back(Variable::make_input(outer.type(), outer.name(), outer.site().source));
    replacements[outer] = inner_inputs.back();
  }
  Variables inner_outputs = clone_graph(outputs, replacements);
  return apply_op(
      std::make_shared<MapOp>(sequences.size(), std::move(inner_inputs), std::move(inner_outputs)),
      operands, site);
}

}  // namespace loops

Variables map_all(const MapFunction& fn, const Variables& sequences, const Variables& non_sequences,
                  SourceSite site) {
  const Variables elements = loops::make_elements(sequences, non_sequences, site);
  const Variables outputs = fn(elements);
  bool defined = !outputs.empty();
  for (const Variable& output : outputs) defined &= output.defined();
  if (!defined) {
    throw TypeError(absl::StrCat("map: the function returned ",
                                 outputs.empty() ? "nothing" : "an undefined Variable",
                                 "\n  at: ", resolve_site(site).str()));
  }
  return loops::make_map(elements, outputs, sequences, non_sequences, site);
}

MapOp::MapOp(size_t sequence_count, Variables inner_inputs, Variables inner_outputs)
    : sequence_count_(sequence_count),
      inner_inputs_(std::move(inner_inputs)),
      inner_outputs_(std::move(inner_outputs)),
      reads_(inner_inputs_.size()) {
  absl::flat_hash_set<Variable> read(inner_outputs_.begin(), inner_outputs_.end());
  hash_ = absl::HashOf(sequence_count_, inner_inputs_.size(), inner_outputs_.size());
  for (const Apply* apply : topological_order(inner_outputs_)) {
    can_raise_ |= apply->op().traits().can_raise;
    hash_ = absl::HashOf(hash_, apply->op().hash(), apply->inputs().size());
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      const Variable& input = apply->input(i);
      // An inner program reads host integers from memory, whatever the op says.
      const bool integers = may_be_host_integers(input.type()) && !apply->op().traits().shape_only;
      if (integers || apply->op().needs_elements(i)) read.insert(input);
    }
  }
  for (size_t i = 0; i < inner_inputs_.size(); ++i) reads_[i] = read.contains(inner_inputs_[i]);
}

Attributes MapOp::attributes() const {
  return {{"sequences", static_cast<int64_t>(sequence_count_)}};
}

OpPtr MapOp::with_inner_outputs(Variables outputs) const {
  return std::make_shared<MapOp>(sequence_count_, inner_inputs_, std::move(outputs));
}

bool MapOp::equals(const Op& other) const {
  if (this == &other) return true;
  const auto* map = dynamic_cast<const MapOp*>(&other);
  if (map == nullptr || map->hash_ != hash_ || map->sequence_count_ != sequence_count_ ||
      map->inner_inputs_.size() != inner_inputs_.size()) {
    return false;
  }
  Replacements renamed;
  for (size_t i = 0; i < inner_inputs_.size(); ++i) {
    if (inner_inputs_[i].type() != map->inner_inputs_[i].type()) return false;
    renamed[inner_inputs_[i]] = map->inner_inputs_[i];
  }
  return structurally_equal(clone_graph(inner_outputs_, renamed), map->inner_outputs_);
}

std::vector<TensorType> MapOp::infer_types(const TypeContext& context) const {
  if (context.size() != inner_inputs_.size() || sequence_count_ == 0) {
    context.type_error(absl::StrCat("the function takes ", inner_inputs_.size(), " operands"));
  }
  Dim length;
  for (size_t i = 0; i < context.size(); ++i) {
    TensorType type = context.type(i);
    if (i < sequence_count_) {
      if (type.rank() == 0) context.shape_error(absl::StrCat("sequence ", i, " is a scalar"));
      if (!compatible(length, type.dims[0])) {
        context.shape_error(absl::StrCat("the sequences differ in length: ", length.str(), " and ",
                                         type.dims[0].str()));
      }
      length = meet(length, type.dims[0]);
      type.dims.erase(type.dims.begin());
    }
    if (!equals_or_narrows(type, inner_inputs_[i].type())) {
      context.type_error(absl::StrCat("operand ", i, " gives the function ", type.str(),
                                      ", but it was built for ", inner_inputs_[i].type().str()));
    }
  }
  std::vector<TensorType> types;
  for (const Variable& output : inner_outputs_) {
    TensorType type = output.type();
    type.dims.insert(type.dims.begin(), length);
    types.push_back(std::move(type));
  }
  return types;
}

namespace {

// Integer expressions of the inner graph in terms of the outer one's; none where they depend on
// what is known only inside the loop.
std::vector<std::optional<IntExpr>> to_outer(ShapeAnalysis& inner, const IntExprs& outer) {
  std::vector<std::optional<IntExpr>> known;
  for (const IntGraph::Node& node : inner.ints().nodes()) {
    const auto at = [&](int32_t id) { return id < 0 ? std::optional<IntExpr>(0) : known[id]; };
    const std::optional<IntExpr> a = at(node.a), b = at(node.b), c = at(node.c);
    if (node.op == IntOp::kConstant) {
      known.push_back(IntExpr(node.value));
    } else if (node.op == IntOp::kSymbol) {
      const IntSymbol& symbol = inner.symbols()[static_cast<size_t>(node.value)];
      known.push_back(symbol.kind == IntSymbol::Kind::kExternal
                          ? std::optional<IntExpr>(outer[symbol.index])
                          : std::nullopt);
    } else if (!a || !b || !c) {
      known.push_back(std::nullopt);
    } else {
      switch (node.op) {
        case IntOp::kAdd:
          known.push_back(*a + *b);
          break;
        case IntOp::kSub:
          known.push_back(*a - *b);
          break;
        case IntOp::kMul:
          known.push_back(*a * *b);
          break;
        case IntOp::kFloorDiv:
          known.push_back(floor_div(*a, *b));
          break;
        case IntOp::kFloorMod:
          known.push_back(floor_mod(*a, *b));
          break;
        case IntOp::kMin:
          known.push_back(min(*a, *b));
          break;
        case IntOp::kMax:
          known.push_back(max(*a, *b));
          break;
        case IntOp::kLess:
          known.push_back(less(*a, *b));
          break;
        case IntOp::kEqual:
          known.push_back(equal(*a, *b));
          break;
        default:
          known.push_back(select(*a, *b, *c));
          break;
      }
    }
  }
  return known;
}

}  // namespace

void MapOp::infer_shape(ShapeContext& context) const {
  ShapeAnalysis inner;
  IntExprs outer;  // what the inner analysis' external values stand for
  const auto import = [&](const IntExpr& expression) {
    if (expression.is_constant()) return expression;
    outer.push_back(expression);
    return inner.external(outer.size() - 1);
  };
  for (size_t i = 0; i < inner_inputs_.size(); ++i) {
    const bool is_sequence = i < sequence_count_;
    const IntExprs dims = context.dims(i);
    IntExprs inner_dims;
    for (size_t axis = is_sequence ? 1 : 0; axis < dims.size(); ++axis) {
      inner_dims.push_back(import(dims[axis]));
    }
    inner.set_dims(inner_inputs_[i], std::move(inner_dims));
    const TensorType& type = inner_inputs_[i].type();
    if (!is_sequence && may_be_host_integers(type) && context.has_value(i)) {
      const int64_t count = type.rank() == 0 ? 1 : type.dims[0].length();
      IntExprs values;
      for (int64_t e = 0; e < count; ++e) {
        values.push_back(import(context.value(i, static_cast<size_t>(e))));
      }
      inner.set_value(inner_inputs_[i], std::move(values));
    }
  }
  const IntExpr length = context.dim(0, 0);
  for (size_t i = 1; i < sequence_count_; ++i) {
    context.require_equal(context.dim(i, 0), length, "the sequences differ in length");
  }

  inner.analyze(inner_outputs_);
  const std::vector<std::optional<IntExpr>> known = to_outer(inner, outer);
  const auto translate = [&](const IntExpr& expression) {
    return expression.is_constant() ? std::optional<IntExpr>(expression)
                                    : known[static_cast<size_t>(expression.id())];
  };
  for (const ShapeCheck& check : inner.checks()) {
    const std::optional<IntExpr> left = translate(check.left), right = translate(check.right);
    // The others are made at every element. Without elements there is nothing to demand.
    if (!left || !right) continue;
    const Apply& inner_apply = *check.output.owner();
    const std::string* what =
        intern(absl::StrCat("in its function, ", std::string(inner_apply.op().name()), " at ",
                            inner_apply.site().str(), ": ", check.what));
    context.require_equal(select(equal(length, 0), *right, *left), *right, what->c_str(),
                          check.hint);
  }
  for (size_t i = 0; i < inner_outputs_.size(); ++i) {
    IntExprs dims = {length};
    for (const IntExpr& dim : inner.dims(inner_outputs_[i])) {
      const std::optional<IntExpr> translated = translate(dim);
      if (!translated) {
        throw ShapeError(absl::StrCat(
            "map: the dims of output ", i, " depend on values of elements, so that results differ ",
            "in shape\n  output ", i, ": ", inner_outputs_[i].str(), " ",
            inner_outputs_[i].type().str(), ", made at ", inner_outputs_[i].site().str(), "\n",
            describe_operands(context.apply().inputs()), "  at: ", context.apply().site().str()));
      }
      dims.push_back(*translated);
    }
    context.set_dims(i, std::move(dims));
  }
}

}  // namespace bitale
