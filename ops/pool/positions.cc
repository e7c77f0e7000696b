#include "ops/pool/positions.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/pool/pool_shape_internal.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {

Variable max_pool_positions(Operand x, std::array<int64_t, 2> ws, const PoolOptions& options) {
  const PoolWindow window = make_pool_window("max_pool_positions", ws, options, x.site());
  return apply_one(std::make_shared<MaxPoolPositionsOp>(window),
                   resolve_operands("max_pool_positions", {x}), x.site());
}

std::vector<TensorType> MaxPoolPositionsOp::infer_types(const TypeContext& context) const {
  TensorType type = MaxPoolOp(window_).infer_types(context)[0];
  type.dtype = DType::kInt32;
  return {type};
}

void MaxPoolPositionsOp::infer_shape(ShapeContext& context) const {
  MaxPoolOp(window_).infer_shape(context);
  const IntExprs x = context.dims(0);
  context.require(
      less(x[x.size() - 2] * x[x.size() - 1], int64_t{std::numeric_limits<int32_t>::max()}),
      "positions in planes of 2^31 elements or more do not fit int32");
}

Variables MaxPoolPositionsOp::pullback(const PullbackContext&) const { return {Variable()}; }

Variables MaxPoolPositionsOp::pushforward(const PushforwardContext&) const { return {Variable()}; }

Variable max_unpool(Operand values, Operand places, const ShapeItem& height,
                    const ShapeItem& width) {
  const SourceSite site = values.site();
  SiteScope scope(site, "");
  const Variable v = values.variable(), positions = places.variable();
  const auto refuse = [&](std::string_view what) {
    return absl::StrCat("max_unpool: ", std::string(what), "\n",
                        describe_operands({{v, positions}}), "  at: ", resolve_site(site).str());
  };
  if (!is_integer(positions.dtype())) throw TypeError(refuse("positions must be integers"));
  if (v.rank() < 2) throw ShapeError(refuse("needs at least 2 axes"));
  if (v.rank() != positions.rank()) {
    throw ShapeError(refuse("values and positions have different ranks"));
  }
  ShapeItem planes = 1;
  ShapeItems dims;
  for (int64_t axis = 0; axis + 2 < v.rank(); ++axis) {
    dims.push_back(length_of(v, axis));
    planes = multiply_lengths(planes, dims[static_cast<size_t>(axis)]);
  }
  dims.push_back(height);
  dims.push_back(width);
  const ShapeItem windows =
      multiply_lengths(length_of(v, v.rank() - 2), length_of(v, v.rank() - 1));
  const Variable plane = dimshuffle(arange(planes), {0, 'x'});
  const Variable sums = advanced_inc_subtensor(
      zeros({planes, multiply_lengths(height, width)}, v.dtype()), reshape(v, {planes, windows}),
      {plane, reshape(positions, {planes, windows})});
  return reshape(sums, dims);
}

}  // namespace bitale
