#include "core/graph/op.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/operand.h"
#include "core/graph/shape_context.h"

namespace bitale {
namespace {

std::string operand_error(const Op& op, std::string_view what, std::span<const Variable> inputs,
                          SourceSite site, std::string_view hint) {
  std::string text = absl::StrCat(std::string(op.name()), ": ", std::string(what), "\n",
                                  describe_operands(inputs), "  at: ", resolve_site(site).str());
  if (!hint.empty()) absl::StrAppend(&text, "\n  hint: ", std::string(hint));
  return text;
}

}  // namespace

std::string describe_operands(std::span<const Variable> operands) {
  constexpr size_t kMost = 12;
  std::string text;
  for (size_t i = 0; i < operands.size() && i < kMost; ++i) {
    const Variable& v = operands[i];
    const std::optional<double> number =
        v.is_constant() && v.rank() == 0 ? constant_scalar(v) : std::nullopt;
    absl::StrAppend(&text, "  operand ", i, ": ", v.str(), number ? absl::StrCat(" ", *number) : "",
                    " ", v.type().str(), ", made at ", v.site().str(), "\n");
  }
  if (operands.size() > kMost) {
    absl::StrAppend(&text, "  ... and ", operands.size() - kMost, " more operands\n");
  }
  return text;
}

void TypeContext::shape_error(std::string_view what, std::string_view hint) const {
  throw ShapeError(operand_error(op_, what, inputs_, site_, hint));
}

void TypeContext::type_error(std::string_view what, std::string_view hint) const {
  throw TypeError(operand_error(op_, what, inputs_, site_, hint));
}

Variables Op::pullback(const PullbackContext& context) const {
  throw GradientError(absl::StrCat(std::string(name()), " has no pullback\n",
                                   describe_operands(context.inputs),
                                   "  at: ", context.apply.site().str()));
}

Variables Op::pushforward(const PushforwardContext& context) const {
  throw GradientError(absl::StrCat(std::string(name()), " has no pushforward\n",
                                   describe_operands(context.inputs),
                                   "  at: ", context.apply.site().str()));
}

Variables Op::formula(std::span<const Variable>) const {
  throw CompileError(absl::StrCat(std::string(name()), " states no formula"));
}

std::optional<ViewOutput> Op::view(const ViewInput&, const Dims&, ShapeContext&) const {
  return std::nullopt;
}

OpPtr Op::with_inner_outputs(Variables) const {
  throw CompileError(absl::StrCat(std::string(name()), " has no inner graph"));
}

bool Op::equals(const Op& other) const {
  if (this == &other) return true;
  return name() == other.name() && attributes() == other.attributes() && inner_outputs().empty() &&
         other.inner_outputs().empty();
}

size_t Op::hash() const { return hash_of(attributes()) ^ std::hash<std::string_view>()(name()); }

std::string Op::str() const {
  const std::string text = to_string(attributes());
  return text.empty() ? std::string(name()) : absl::StrCat(std::string(name()), "{", text, "}");
}

IntExprs ShapeContext::dims(size_t input) {
  IntExprs result;
  const size_t rank = static_cast<size_t>(apply().input(input).rank());
  for (size_t axis = 0; axis < rank; ++axis) result.push_back(dim(input, axis));
  return result;
}

}  // namespace bitale
