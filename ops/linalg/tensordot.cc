// tensordot and outer: one product between reshapes.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/promoted_operands_internal.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/shape/shape_item.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

constexpr const char* kName = "tensordot";

// Makes the axes non-negative; refuses those out of range or named twice.
void normalize_axes(std::vector<int64_t>& axes, size_t operand, const Variables& v,
                    SourceSite site) {
  const int64_t rank = v[operand].rank();
  for (int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) {
      refuse_shapes(kName,
                    absl::StrCat("axis ", axis, " of operand ", operand,
                                 " is out of range: it "
                                 "has ",
                                 rank, " axes"),
                    v, site);
    }
    if (axis < 0) axis += rank;
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (std::count(axes.begin(), axes.end(), axes[i]) > 1) {
      refuse_shapes(kName,
                    absl::StrCat("axis ", axes[i], " of operand ", operand, " is summed twice"), v,
                    site);
    }
  }
}

std::vector<int64_t> other_axes(const Variable& x, const std::vector<int64_t>& axes) {
  std::vector<int64_t> others;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) others.push_back(axis);
  }
  return others;
}

ShapeItem joined_length(const Variable& x, const std::vector<int64_t>& axes) {
  ShapeItem length = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    length = i == 0 ? length_of(x, axes[i]) : multiply_lengths(length, length_of(x, axes[i]));
  }
  return length;
}

std::vector<int64_t> joined(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

// `x` with the axes `first` joined into one, or dropped if there are none, then the axes `second`
// joined into one.
Variable as_factor(const Variable& x, const std::vector<int64_t>& first,
                   const std::vector<int64_t>& second) {
  const std::vector<int64_t> order = joined(first, second);
  Variable shuffled = x;
  if (!std::is_sorted(order.begin(), order.end())) shuffled = dimshuffle(x, order);
  const bool as_it_is = first.size() <= 1 && second.size() == 1 &&
                        static_cast<size_t>(x.rank()) == first.size() + second.size();
  if (as_it_is) return shuffled;
  ShapeItems dims;
  if (!first.empty()) dims.push_back(joined_length(x, first));
  dims.push_back(joined_length(x, second));
  return reshape(shuffled, dims);
}

// Holds each pair of summed axes to one length: joined, 3 · 4 would pass for 4 · 3.
void require_equal_lengths(Variables& v, const std::vector<int64_t>& a_axes,
                           const std::vector<int64_t>& b_axes) {
  SymbolicDims fixed[2] = {v[0].type().dims, v[1].type().dims};
  for (size_t i = 0; i < a_axes.size(); ++i) {
    Dim& left = fixed[0][a_axes[i]];
    Dim& right = fixed[1][b_axes[i]];
    if (left.is_fixed()) right = left;
    if (right.is_fixed()) left = right;
  }
  for (size_t k = 0; k < 2; ++k) {
    if (fixed[k] != v[k].type().dims) v[k] = specify_shape(v[k], fixed[k]);
  }
  const ShapeItems own = lengths_of(v[1]);
  std::vector<ShapeItem> lengths(own.begin(), own.end());
  bool all_fixed = true;
  for (size_t i = 0; i < a_axes.size(); ++i) {
    if (fixed[0][a_axes[i]].is_fixed()) continue;
    lengths[b_axes[i]] = length_of(v[0], a_axes[i]);
    all_fixed = false;
  }
  // An axis of unknown length broadcasts to its own length only.
  if (!all_fixed) v[1] = broadcast_to(v[1], lengths);
}

}  // namespace

Variable tensordot(Operand a, Operand b, std::vector<int64_t> a_axes, std::vector<int64_t> b_axes) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  Variables v = promoted_operands(kName, a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(std::make_shared<DotOp>(), v, site);
  if (a_axes.size() != b_axes.size()) {
    refuse_shapes(
        kName,
        absl::StrCat("lists of axes differ in length: ", a_axes.size(), " and ", b_axes.size()), v,
        site);
  }
  normalize_axes(a_axes, 0, v, site);
  normalize_axes(b_axes, 1, v, site);
  for (size_t i = 0; i < a_axes.size(); ++i) {
    const Dim& left = v[0].type().dims[a_axes[i]];
    const Dim& right = v[1].type().dims[b_axes[i]];
    if (!compatible(left, right)) {
      refuse_shapes(
          kName,
          absl::StrCat("summed dims differ: ", left.str(), " (axis ", a_axes[i],
                       " of operand 0) and ", right.str(), " (axis ", b_axes[i], " of operand 1)"),
          v, site);
    }
  }
  // A single pair is checked by the product.
  if (a_axes.size() > 1) require_equal_lengths(v, a_axes, b_axes);
  const std::vector<int64_t> a_free = other_axes(v[0], a_axes);
  const std::vector<int64_t> b_free = other_axes(v[1], b_axes);
  const Variable left = as_factor(v[0], a_free, a_axes);
  // The summed axes of the right factor come first. Where they do not stand there already, they are
  // joined in last place, as on the left, and the matrix is transposed: that is a view.
  Variable right;
  const std::vector<int64_t> in_place = joined(b_axes, b_free);
  if (!b_axes.empty() && !b_free.empty() && std::is_sorted(in_place.begin(), in_place.end())) {
    right = as_factor(v[1], b_axes, b_free);
  } else {
    right = as_factor(v[1], b_free, b_axes);
    if (right.rank() == 2) right = dimshuffle(right, {1, 0});
  }
  const Variable product = dot(left, right);
  if (a_free.size() <= 1 && b_free.size() <= 1) return product;
  ShapeItems dims;
  for (int64_t axis : a_free) dims.push_back(length_of(v[0], axis));
  for (int64_t axis : b_free) dims.push_back(length_of(v[1], axis));
  return reshape(product, dims);
}

Variable tensordot(Operand a, Operand b, int64_t axes) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  const Variables v = promoted_operands(kName, a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(std::make_shared<DotOp>(), v, site);
  if (axes < 0 || axes > v[0].rank() || axes > v[1].rank()) {
    refuse_shapes(kName,
                  absl::StrCat("cannot sum over ", axes, " axes of operands with ", v[0].rank(),
                               " and ", v[1].rank(), " axes"),
                  v, site);
  }
  std::vector<int64_t> a_axes(axes);
  std::vector<int64_t> b_axes(axes);
  for (int64_t i = 0; i < axes; ++i) {
    a_axes[i] = v[0].rank() - axes + i;
    b_axes[i] = i;
  }
  return tensordot(v[0], v[1], std::move(a_axes), std::move(b_axes));
}

Variable outer(Operand a, Operand b) {
  const SourceSite site = a.site();
  SiteScope scope(site, "");
  const Variables v = promoted_operands("outer", a, b);
  if (!v[0].defined() || !v[1].defined()) return apply_one(std::make_shared<DotOp>(), v, site);
  const Variable left = v[0].rank() == 1 ? v[0] : flatten(v[0]);
  const Variable right = v[1].rank() == 1 ? v[1] : flatten(v[1]);
  return mul(dimshuffle(left, {0, 'x'}), dimshuffle(right, {'x', 0}));
}

}  // namespace bitale
