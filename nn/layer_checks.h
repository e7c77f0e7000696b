// What every layer checks of its arguments, with the layer's name in the message.

#ifndef BITALE_NN_LAYER_CHECKS_H_
#define BITALE_NN_LAYER_CHECKS_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/graph/shared.h"
#include "core/graph/variable.h"

namespace bitale {

// TypeError unless `input` is a floating variable of this rank.
void check_layer_input(std::string_view layer, const Variable& input, int64_t rank,
                       SourceSite site);

// ShapeError if axis `axis` of `input` is fixed to another length. `what` names it: "n_in".
void check_layer_dim(std::string_view layer, const Variable& input, int64_t axis, int64_t length,
                     std::string_view what, SourceSite site);

// ShapeError unless `value` is positive.
void check_positive(std::string_view layer, std::string_view what, int64_t value, SourceSite site);

// Throws unless `given` is a shared variable of this dtype and these dims.
void check_given_weights(std::string_view layer, const Variable& given, std::string_view name,
                         DType dtype, const Dims& dims, SourceSite site);

// The given shared variable, checked for dtype and dims, or a new one that holds `make()`.
template <typename Make>
Variable given_or_new(std::string_view layer, const std::optional<Variable>& given,
                      std::string_view name, DType dtype, const Dims& dims, SourceSite site,
                      Make&& make) {
  if (!given) return shared(make(), std::string(name), {.borrow = true}, site);
  check_given_weights(layer, *given, name, dtype, dims, site);
  return *given;
}

}  // namespace bitale

#endif  // BITALE_NN_LAYER_CHECKS_H_
