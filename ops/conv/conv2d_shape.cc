#include "absl/strings/str_cat.h"
#include "core/base/intern.h"
#include "ops/conv/conv2d_shape_internal.h"

namespace bitale {

// The filter's length comes with its own dilation and the padding it implies.
IntExpr conv2d_output_length(ShapeContext& context, const Conv2dOptions& options, size_t axis,
                             const IntExpr& length, const IntExpr& filter) {
  const IntExpr extent = (filter - 1) * options.filter_dilation[axis] + 1;
  IntExpr padded = length;
  switch (options.border_mode.kind()) {
    case BorderMode::Kind::kValid:
      break;
    case BorderMode::Kind::kFull:
      padded = padded + (extent - 1) * 2;
      break;
    case BorderMode::Kind::kHalf:
      padded = padded + floor_div(extent, 2) * 2;
      break;
    case BorderMode::Kind::kExplicit: {
      const auto& pads = options.border_mode.pads();
      padded = padded + (pads[2 * axis] + pads[2 * axis + 1]);
      break;
    }
  }
  context.require(less(0, filter), "filters have height or width 0");
  context.require_equal(extent, min(extent, padded),
                        axis == 0
                            ? "the filter is larger than the padded input: height $left and $right"
                            : "the filter is larger than the padded input: width $left and $right",
                        "border_mode \"full\" or explicit padding extends the input");
  return floor_div(padded - extent, options.subsample[axis]) + 1;
}

void conv2d_require_groups(ShapeContext& context, const IntExpr& count, const char* what,
                           int64_t groups) {
  if (groups == 1) return;
  const std::string* text =
      intern(absl::StrCat("$left ", what, " do not fall into ", groups, " groups"));
  context.require_equal(count, floor_div(count, groups) * groups, text->c_str());
}

IntExprs conv2d_dims(ShapeContext& context, const Conv2dOptions& options) {
  const IntExprs x = context.dims(0);
  const IntExprs w = context.dims(1);
  context.require_equal(x[1], w[1] * options.num_groups, "channels differ",
                        "axis 1 of the input and axis 1 of the filters");
  conv2d_require_groups(context, w[0], "filters", options.num_groups);
  return {x[0], w[0], conv2d_output_length(context, options, 0, x[2], w[2]),
          conv2d_output_length(context, options, 1, x[3], w[3])};
}

}  // namespace bitale
