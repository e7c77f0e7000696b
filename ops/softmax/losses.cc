// The losses that are compositions.

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/options.h"
#include "ops/creation/arange.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/index.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/shape_item.h"
#include "ops/softmax/crossentropy.h"

namespace bitale {
namespace {

// Both as floats: among integers 1 - y would wrap, and bool has no difference.
Variables floating_operands(std::string_view op_name, const Operand& prediction, const Operand& y) {
  Variables v = resolve_operands(op_name, {prediction, y});
  if (is_discrete(v[0].dtype())) v[0] = cast(v[0], float_x());
  if (is_discrete(v[1].dtype())) v[1] = cast(v[1], v[0].dtype());
  return v;
}

// `term`, or 0 with derivative 0 where a prediction is exactly this label: 0 * -inf otherwise. The
// logarithm itself is not guarded, so that rules still see log(sigmoid(z)).
Variable unless_exact(const Variable& p, const Variable& y, int label, const Variable& term) {
  return where(logical_and(eq(p, label), eq(y, label)), 0, term);
}

}  // namespace

Variable categorical_crossentropy(Operand p, Operand y) {
  SiteScope scope(p.site(), "");
  const Variable probabilities = p.variable();
  const Variable target = y.variable();
  auto message = [&](std::string_view what, std::string_view hint) {
    const Variable operands[] = {probabilities, target};
    return absl::StrCat("categorical_crossentropy: ", std::string(what), "\n",
                        describe_operands(operands), "  at: ", resolve_site(p.site()).str(),
                        "\n  hint: ", std::string(hint));
  };
  if (probabilities.rank() != 2) {
    throw ShapeError(
        message(absl::StrCat("probabilities have rank ", probabilities.rank(), ", not 2"),
                "probabilities are a matrix of one row per example and one column per class"));
  }
  if (target.rank() == 1) {
    if (!is_integer(target.dtype())) {
      throw TypeError(message("labels of rank 1 are not integers",
                              "cast class numbers with cast(y, DType::kInt64)"));
    }
    const Variable rows = arange(length_of(probabilities, 0));
    return neg(log(probabilities)[{rows, target}]);
  }
  if (target.rank() != 2) {
    throw ShapeError(message(absl::StrCat("the target has rank ", target.rank(), ", not 1 or 2"),
                             "give class numbers of rank 1 or a distribution of rank 2"));
  }
  // Classes without weight must not contribute 0 * -inf, nor 0 / 0 to the gradient.
  const Variable weighed = where(eq(target, 0), 1, probabilities);
  return neg(sum(mul(target, log(weighed)), 1));
}

Variable binary_crossentropy(Operand p, Operand y) {
  SiteScope scope(p.site(), "");
  const Variables v = floating_operands("binary_crossentropy", p, y);
  const Variable of_one = unless_exact(v[0], v[1], 0, mul(v[1], log(v[0])));
  const Variable of_zero = unless_exact(v[0], v[1], 1, mul(sub(1, v[1]), log1p(neg(v[0]))));
  return neg(add(of_one, of_zero));
}

Variable binary_crossentropy_with_logits(Operand z, Operand y) {
  SiteScope scope(z.site(), "");
  const Variables v = floating_operands("binary_crossentropy_with_logits", z, y);
  return add(mul(v[1], softplus(neg(v[0]))), mul(sub(1, v[1]), softplus(v[0])));
}

Variable squared_error(Operand a, Operand b) {
  SiteScope scope(a.site(), "");
  return sqr(sub(a, b));
}

}  // namespace bitale
