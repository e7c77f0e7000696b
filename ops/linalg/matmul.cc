// matmul and batched_dot: products of stacks of matrices.

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/promoted_operands_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

bool is_fixed_one(const Dim& dim) { return dim.is_fixed() && dim.length() == 1; }

// `x` with new axes of length 1 in front, up to `rank` axes.
Variable with_rank(const Variable& x, int64_t rank) {
  if (x.rank() == rank) return x;
  std::vector<int64_t> order(rank - x.rank(), kNewAxis);
  for (int64_t axis = 0; axis < x.rank(); ++axis) order.push_back(axis);
  return dimshuffle(x, order);
}

// The last two axes swapped.
Variable swapped(const Variable& x) { return swapaxes(x, -2, -1); }

// Two operands of equal rank of at least 3.
Variable matmul_of(const Variable& a, const Variable& b, SourceSite site = {}) {
  uint64_t masks[2] = {0, 0};
  const Variable* operands[2] = {&a, &b};
  for (int64_t axis = 0; axis + 2 < std::min(a.rank(), b.rank()); ++axis) {
    for (size_t i = 0; i < 2; ++i) {
      const bool one = is_fixed_one(operands[i]->type().dims[axis]);
      const bool other = is_fixed_one(operands[1 - i]->type().dims[axis]);
      if (one && !other) masks[i] |= uint64_t{1} << axis;
    }
  }
  return apply_one(std::make_shared<MatmulOp>(masks[0], masks[1]), {a, b}, site);
}

// `x` without the given axis, which has length 1.
Variable without_axis(const Variable& x, int64_t axis) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < x.rank(); ++i) {
    if (i != axis) order.push_back(i);
  }
  return dimshuffle(x, order);
}

std::vector<int64_t> as_list(uint64_t mask, int64_t rank) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if ((mask >> axis & 1) != 0) axes.push_back(axis);
  }
  return axes;
}

}  // namespace

Variable matmul(Operand a, Operand b) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  const Variables v = promoted_operands("matmul", a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(std::make_shared<DotOp>(), v, site);
  if (v[0].rank() == 0 || v[1].rank() == 0) {
    refuse_shapes("matmul", "a scalar has no axis to sum over", v, site,
                  "a scalar times an array is a * b");
  }
  if (v[1].rank() <= 2) return dot(v[0], v[1]);  // no stack on the right: one product
  const int64_t rank = std::max(v[0].rank(), v[1].rank());
  const Variable out = matmul_of(with_rank(v[0], rank), with_rank(v[1], rank), site);
  return v[0].rank() == 1 ? without_axis(out, rank - 2) : out;
}

Variable batched_dot(Operand a, Operand b) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  const Variables v = promoted_operands("batched_dot", a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(std::make_shared<DotOp>(), v, site);
  for (const Variable& operand : v) {
    if (operand.rank() < 2 || operand.rank() > 3) {
      refuse_shapes("batched_dot",
                    absl::StrCat("ranks must be 2 or 3, not ", v[0].rank(), " and ", v[1].rank()),
                    v, site, "the first axis counts the products; matmul() takes any ranks");
    }
  }
  const Dim& left = v[0].type().dims[0];
  const Dim& right = v[1].type().dims[0];
  if (!compatible(left, right)) {
    refuse_shapes("batched_dot",
                  absl::StrCat("batch dims differ: ", left.str(), " and ", right.str()), v, site);
  }
  const bool row = v[0].rank() == 2;
  const bool col = v[1].rank() == 2;
  Variable out =
      apply_one(std::make_shared<MatmulOp>(0, 0),
                {row ? expand_dims(v[0], 1) : v[0], col ? expand_dims(v[1], 2) : v[1]}, site);
  if (col) out = without_axis(out, 2);
  return row ? without_axis(out, 1) : out;
}

Attributes MatmulOp::attributes() const {
  return {{"a_broadcasts", as_list(a_broadcasts_, 64)},
          {"b_broadcasts", as_list(b_broadcasts_, 64)}};
}

std::vector<TensorType> MatmulOp::infer_types(const TypeContext& context) const {
  const TensorType& a = context.type(0);
  const TensorType& b = context.type(1);
  const int64_t rank = a.rank();
  if (rank < 3 || b.rank() != rank) {
    context.shape_error(
        absl::StrCat("ranks must be equal and at least 3, not ", rank, " and ", b.rank()),
        "build it with matmul(), which adds axes");
  }
  if (a.dtype != b.dtype) {
    context.type_error(absl::StrCat("dtypes differ: ", std::string(name_of(a.dtype)), " and ",
                                    std::string(name_of(b.dtype))),
                       "build it with matmul(), which promotes");
  }
  const Dim& left = a.dims[rank - 1];
  const Dim& right = b.dims[rank - 2];
  if (!compatible(left, right)) {
    context.shape_error(absl::StrCat("inner dims differ: ", left.str(), " and ", right.str()));
  }
  TensorType out{a.dtype, {}};
  for (int64_t axis = 0; axis + 2 < rank; ++axis) {
    if (broadcasts(0, axis)) {
      out.dims.push_back(b.dims[axis]);
    } else if (broadcasts(1, axis)) {
      out.dims.push_back(a.dims[axis]);
    } else if (compatible(a.dims[axis], b.dims[axis])) {
      out.dims.push_back(meet(a.dims[axis], b.dims[axis]));
    } else {
      context.shape_error(absl::StrCat("dims of axis ", axis, " differ: ", a.dims[axis].str(),
                                       " and ", b.dims[axis].str()),
                          "leading axes broadcast only where one is fixed at 1");
    }
  }
  out.dims.push_back(a.dims[rank - 2]);
  out.dims.push_back(b.dims[rank - 1]);
  return {out};
}

void MatmulOp::infer_shape(ShapeContext& context) const {
  const IntExprs a = context.dims(0);
  const IntExprs b = context.dims(1);
  const size_t rank = a.size();
  context.require_equal(a[rank - 1], b[rank - 2], "inner dims differ");
  IntExprs out;
  for (size_t axis = 0; axis + 2 < rank; ++axis) {
    if (broadcasts(0, axis)) {
      out.push_back(b[axis]);
      continue;
    }
    if (!broadcasts(1, axis)) {
      context.require_equal(a[axis], b[axis], "leading dims differ",
                            "broadcastable(x, axis) lets an axis of length 1 repeat");
    }
    out.push_back(a[axis]);
  }
  out.push_back(a[rank - 2]);
  out.push_back(b[rank - 1]);
  context.set_dims(0, std::move(out));
}

Variables MatmulOp::pullback(const PullbackContext& context) const {
  const Variable& a = context.inputs[0];
  const Variable& b = context.inputs[1];
  const Variable& g = context.output_gradients[0];
  Variables gradients(2);
  if (!g.defined() || is_discrete(a.dtype())) return gradients;
  if (context.wanted[0]) gradients[0] = matmul_of(g, swapped(b));
  if (context.wanted[1]) gradients[1] = matmul_of(swapped(a), g);
  const uint64_t masks[2] = {a_broadcasts_, b_broadcasts_};
  for (size_t i = 0; i < 2; ++i) {
    if (gradients[i].defined() && masks[i] != 0) {
      gradients[i] = sum(gradients[i], as_list(masks[i], a.rank()), /*keepdims=*/true);
    }
  }
  return gradients;
}

Variables MatmulOp::pushforward(const PushforwardContext& context) const {
  Variable tangent;
  if (is_discrete(context.inputs[0].dtype())) return {tangent};
  const OpPtr self = shared_from_this();
  if (context.tangents[0].defined()) {
    tangent = apply_one(self, {context.tangents[0], context.inputs[1]});
  }
  if (context.tangents[1].defined()) {
    const Variable second = apply_one(self, {context.inputs[0], context.tangents[1]});
    tangent = tangent.defined() ? add(tangent, second) : second;
  }
  return {tangent};
}

}  // namespace bitale
