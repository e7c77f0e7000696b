#include "nn/lenet_conv_pool_layer.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "nn/layer_checks.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/operators.h"
#include "ops/pool/pool.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

constexpr std::string_view kName = "LeNetConvPoolLayer";

[[noreturn]] void refuse(std::string_view what, SourceSite site) {
  throw ShapeError(absl::StrCat(std::string(kName), ": ", std::string(what),
                                "\n  at: ", resolve_site(site).str()));
}

void check_options(const LeNetConvPoolLayerOptions& options, SourceSite site) {
  constexpr const char* kFilter[] = {"filter_shape[0]", "filter_shape[1]", "filter_shape[2]",
                                     "filter_shape[3]"};
  constexpr const char* kImage[] = {"image_shape[0]", "image_shape[1]", "image_shape[2]",
                                    "image_shape[3]"};
  for (int i = 0; i < 4; ++i) check_positive(kName, kFilter[i], options.filter_shape[i], site);
  for (int i = 1; i < 4; ++i) check_positive(kName, kImage[i], options.image_shape[i], site);
  if (options.image_shape[0] != -1) check_positive(kName, kImage[0], options.image_shape[0], site);
  for (int64_t size : options.pool_size) check_positive(kName, "pool_size", size, site);
  if (options.image_shape[1] != options.filter_shape[1]) {
    refuse(absl::StrCat("image_shape has ", options.image_shape[1],
                        " channels, filter_shape expects ", options.filter_shape[1]),
           site);
  }
  for (int axis = 2; axis < 4; ++axis) {
    const int64_t out = options.image_shape[axis] - options.filter_shape[axis] + 1;
    if (out < options.pool_size[axis - 2]) {
      refuse(absl::StrCat("an image of ", options.image_shape[2], "x", options.image_shape[3],
                          " is too small for filters of ", options.filter_shape[2], "x",
                          options.filter_shape[3], " and pooling by ", options.pool_size[0], "x",
                          options.pool_size[1]),
             site);
    }
  }
}

}  // namespace

LeNetConvPoolLayer::LeNetConvPoolLayer(RandomState& rng, const Variable& input,
                                       const LeNetConvPoolLayerOptions& options, SourceSite site) {
  SiteScope scope(site, kName);
  check_options(options, site);
  check_layer_input(kName, input, 4, site);
  const auto& filter = options.filter_shape;
  const auto& image = options.image_shape;
  for (int64_t axis = image[0] == -1 ? 1 : 0; axis < 4; ++axis) {
    check_layer_dim(kName, input, axis, image[axis], absl::StrCat("image_shape[", axis, "]"), site);
  }
  // Adds no op where the type says it already.
  const Variable images = specify_shape(
      {input, site}, {image[0] == -1 ? Dim() : Dim(image[0]), image[1], image[2], image[3]});
  const DType dtype = input.dtype();
  const Dims filter_dims(filter.begin(), filter.end());
  W_ = given_or_new(kName, options.W, "W", dtype, filter_dims, site, [&] {
    const double fan_in = static_cast<double>(filter[1] * filter[2] * filter[3]);
    // Rounded down, to 0 even, as the tutorial's integer division does.
    const double fan_out = static_cast<double>(filter[0] * filter[2] * filter[3] /
                                               (options.pool_size[0] * options.pool_size[1]));
    return uniform_weights(rng, options.init, fan_in, fan_out, filter_dims, dtype, site);
  });
  b_ = given_or_new(kName, options.b, "b", dtype, {filter[0]}, site,
                    [&] { return Tensor::zeros(dtype, {filter[0]}); });
  const Variable pooled = pool_2d(conv2d(images, W_), options.pool_size, {.ignore_border = true});
  const Variable sums = pooled + dimshuffle(b_, {'x', 0, 'x', 'x'});
  output_ = options.activation ? options.activation(sums) : sums;
  output_shape_ = {image[0], filter[0], (image[2] - filter[2] + 1) / options.pool_size[0],
                   (image[3] - filter[3] + 1) / options.pool_size[1]};
}

}  // namespace bitale
