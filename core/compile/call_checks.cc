#include "core/compile/call_checks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

CallChecks::CallChecks(ShapeAnalysis& analysis, const Givens& wider_givens, std::string function,
                       SourceSite compiled_at)
    : analysis_(&analysis), function_(std::move(function)), compiled_at_(compiled_at) {
  for (const auto& [variable, value] : wider_givens) {
    analysis_->analyze({&value, 1});
    const IntExprs& dims = analysis_->dims(value);
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const Dim& dim = variable.type().dims[axis];
      if (dim.is_fixed()) givens_.push_back({variable, value, axis, dims[axis]});
    }
  }
}

std::vector<IntExpr> CallChecks::conditions_on_values() const {
  std::vector<IntExpr> conditions;
  for (const ShapeCheck& check : analysis_->checks()) {
    conditions.push_back(equal(check.left, check.right));
  }
  for (const GivenCheck& check : givens_) {
    conditions.push_back(equal(check.length, check.variable.type().dims[check.axis].length()));
  }
  const IntGraph& ints = analysis_->ints();
  std::vector<bool> on_values(ints.nodes().size(), false);
  for (size_t id = 0; id < on_values.size(); ++id) {
    const IntGraph::Node& node = ints.nodes()[id];
    if (node.op == IntOp::kSymbol) {
      const IntSymbol::Kind kind = analysis_->symbols()[static_cast<size_t>(node.value)].kind;
      on_values[id] = kind != IntSymbol::Kind::kDim && kind != IntSymbol::Kind::kNamed;
    }
    for (const int32_t operand : {node.a, node.b, node.c}) {
      if (operand >= 0 && on_values[static_cast<size_t>(operand)]) on_values[id] = true;
    }
  }
  std::erase_if(conditions, [&](const IntExpr& condition) {
    return condition.is_constant() || !on_values[static_cast<size_t>(condition.id())];
  });
  return conditions;
}

std::vector<int64_t> CallChecks::evaluate(std::span<const IntExpr> expressions,
                                          std::span<const int64_t> symbols) const {
  const IntProgram program(analysis_->ints(), expressions);
  std::vector<int64_t> registers(program.register_count());
  std::vector<int64_t> values(expressions.size());
  program.evaluate(symbols, registers, values);
  return values;
}

void CallChecks::check(std::span<const int64_t> symbols) const {
  check_givens(symbols);
  std::vector<IntExpr> sides;
  for (const ShapeCheck& check : analysis_->checks()) {
    sides.push_back(check.left);
    sides.push_back(check.right);
  }
  const std::vector<int64_t> values = evaluate(sides, symbols);
  for (size_t i = 0; i < analysis_->checks().size(); ++i) {
    const int64_t left = values[2 * i], right = values[2 * i + 1];
    if (left == right) continue;
    const ShapeCheck& check = analysis_->checks()[i];
    const Apply& apply = *check.output.owner();
    throw ShapeError(absl::StrCat(std::string(apply.op().name()), ": ",
                                  what_failed(check.what, check.is_condition, left, right), "\n",
                                  describe_operands_at(apply, symbols),
                                  "  at: ", apply.site().str(),
                                  *check.hint ? absl::StrCat("\n  hint: ", check.hint) : ""));
  }
}

std::string CallChecks::describe_operands_at(const Apply& apply,
                                             std::span<const int64_t> symbols) const {
  constexpr size_t kMostOperands = 6;
  std::string text;
  for (size_t k = 0; k < std::min(apply.inputs().size(), kMostOperands); ++k) {
    const Variable& operand = apply.input(k);
    const IntExprs& dims = analysis_->dims(operand);
    const std::vector<int64_t> lengths = evaluate(dims, symbols);
    const std::optional<double> number = constant_scalar(operand);
    absl::StrAppend(&text, "  operand ", k, ": ", operand.str(),
                    number && operand.rank() == 0 ? absl::StrCat(" ", *number) : "", " ",
                    std::string(name_of(operand.dtype())), " ",
                    to_string(Dims(lengths.begin(), lengths.end())), ", made at ",
                    operand.site().str(), "\n");
  }
  return text;
}

void CallChecks::check_givens(std::span<const int64_t> symbols) const {
  std::vector<IntExpr> lengths;
  for (const GivenCheck& check : givens_) lengths.push_back(check.length);
  const std::vector<int64_t> values = evaluate(lengths, symbols);
  for (size_t i = 0; i < values.size(); ++i) {
    const GivenCheck& check = givens_[i];
    if (values[i] == check.variable.type().dims[check.axis].length()) continue;
    throw ShapeError(
        absl::StrCat(function_, ": what is given for ", check.variable.str(), " ",
                     check.variable.type().str(), " has length ", values[i], " along axis ",
                     check.axis, "\n  variable: ", check.variable.str(), ", made at ",
                     check.variable.site().str(), "\n  given: ", check.value.str(), ", made at ",
                     check.value.site().str(), "\n  compiled at: ", compiled_at_.str()));
  }
}

void CallChecks::check_sizes(const Variables& variables, std::span<const int64_t> lengths) const {
  for (const Variable& variable : variables) {
    const auto rank = static_cast<size_t>(variable.rank());
    const Dims shape(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(rank));
    lengths = lengths.subspan(rank);
    if (is_representable(shape)) continue;
    throw OutOfMemoryError(absl::StrCat(
        function_, ": ", variable.str(), " ", std::string(name_of(variable.dtype())), " ",
        to_string(shape), " is too large for any memory\n  made at: ", variable.site().str(),
        "\n  compiled at: ", compiled_at_.str()));
  }
}

}  // namespace bitale
