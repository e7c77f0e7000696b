#include "ops/linalg/dot.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/promoted_operands_internal.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

const OpPtr& dot_op() {
  static const OpPtr op = std::make_shared<DotOp>();
  return op;
}

Variable dot_of(const Variable& a, const Variable& b) { return apply_one(dot_op(), {a, b}); }

// (m), (n) -> (m, n).
Variable outer_of(const Variable& a, const Variable& b) {
  return mul(dimshuffle(a, {0, 'x'}), dimshuffle(b, {'x', 0}));
}

Variable transposed(const Variable& x) { return x.rank() == 2 ? dimshuffle(x, {1, 0}) : x; }

}  // namespace

Variable dot(Operand a, Operand b) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  const Variables v = promoted_operands("dot", a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(dot_op(), v, site);
  if (v[0].rank() == 0 || v[1].rank() == 0) return mul(v[0], v[1]);
  if (v[0].rank() > 2 || v[1].rank() > 2) {
    return tensordot(v[0], v[1], {v[0].rank() - 1}, {std::max<int64_t>(v[1].rank() - 2, 0)});
  }
  return apply_one(dot_op(), v, site);
}

std::vector<TensorType> DotOp::infer_types(const TypeContext& context) const {
  const TensorType& a = context.type(0);
  const TensorType& b = context.type(1);
  if (a.rank() < 1 || a.rank() > 2 || b.rank() < 1 || b.rank() > 2) {
    context.shape_error(absl::StrCat("ranks must be 1 or 2, not ", a.rank(), " and ", b.rank()));
  }
  if (a.dtype != b.dtype) {
    context.type_error(absl::StrCat("dtypes differ: ", std::string(name_of(a.dtype)), " and ",
                                    std::string(name_of(b.dtype))),
                       "build it with dot(), which promotes");
  }
  const Dim& left = a.dims.back();
  const Dim& right = b.dims[0];
  if (!compatible(left, right)) {
    context.shape_error(absl::StrCat("inner dims differ: ", left.str(), " and ", right.str()),
                        "the last axis of the left operand is summed with the first of the right; "
                        "transpose() swaps axes");
  }
  TensorType out{a.dtype, {}};
  if (a.rank() == 2) out.dims.push_back(a.dims[0]);
  if (b.rank() == 2) out.dims.push_back(b.dims[1]);
  return {out};
}

void DotOp::infer_shape(ShapeContext& context) const {
  const IntExprs a = context.dims(0);
  const IntExprs b = context.dims(1);
  context.require_equal(a.back(), b[0], "inner dims differ");
  IntExprs out;
  if (a.size() == 2) out.push_back(a[0]);
  if (b.size() == 2) out.push_back(b[1]);
  context.set_dims(0, std::move(out));
}

Variables DotOp::pullback(const PullbackContext& context) const {
  const Variable& a = context.inputs[0];
  const Variable& b = context.inputs[1];
  const Variable& g = context.output_gradients[0];
  Variables gradients(2);
  if (!g.defined() || is_discrete(a.dtype())) return gradients;
  const bool a_matrix = a.rank() == 2;
  const bool b_matrix = b.rank() == 2;
  if (context.wanted[0]) {
    if (a_matrix) {
      gradients[0] = b_matrix ? dot_of(g, transposed(b)) : outer_of(g, b);
    } else {
      gradients[0] = b_matrix ? dot_of(b, g) : mul(g, b);
    }
  }
  if (context.wanted[1]) {
    if (b_matrix) {
      gradients[1] = a_matrix ? dot_of(transposed(a), g) : outer_of(a, g);
    } else {
      gradients[1] = a_matrix ? dot_of(transposed(a), g) : mul(g, a);
    }
  }
  return gradients;
}

Variables DotOp::pushforward(const PushforwardContext& context) const {
  Variable tangent;
  if (is_discrete(context.inputs[0].dtype())) return {tangent};
  if (context.tangents[0].defined()) tangent = dot_of(context.tangents[0], context.inputs[1]);
  if (context.tangents[1].defined()) {
    const Variable second = dot_of(context.inputs[0], context.tangents[1]);
    tangent = tangent.defined() ? add(tangent, second) : second;
  }
  return {tangent};
}

}  // namespace bitale
