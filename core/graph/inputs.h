// Typed symbolic inputs, with Theano's names: `matrix("x")` is floatX; prefixes b w i l f d mean
// int8, int16, int32, int64, float32, float64.

#ifndef BITALE_CORE_GRAPH_INPUTS_H_
#define BITALE_CORE_GRAPH_INPUTS_H_

#include <string>

#include "core/base/options.h"
#include "core/graph/variable.h"

namespace bitale {

// An input of any dtype and dims: tensor(DType::kFloat32, {"batch", 784}, "x").
Variable tensor(DType dtype, SymbolicDims dims, std::string name = "",
                SourceSite site = SourceSite::current());

// The constructors below differ in rank: all dims are unknown, but for row (1, ?) and col (?, 1).
Variable scalar(std::string name = "", SourceSite site = SourceSite::current());
Variable vector(std::string name = "", SourceSite site = SourceSite::current());
Variable row(std::string name = "", SourceSite site = SourceSite::current());
Variable col(std::string name = "", SourceSite site = SourceSite::current());
Variable matrix(std::string name = "", SourceSite site = SourceSite::current());
Variable tensor3(std::string name = "", SourceSite site = SourceSite::current());
Variable tensor4(std::string name = "", SourceSite site = SourceSite::current());
Variable tensor5(std::string name = "", SourceSite site = SourceSite::current());

// The same with a fixed dtype.
#define BITALE_DECLARE_TYPED_INPUTS(prefix)                                                 \
  Variable prefix##scalar(std::string name = "", SourceSite site = SourceSite::current());  \
  Variable prefix##vector(std::string name = "", SourceSite site = SourceSite::current());  \
  Variable prefix##row(std::string name = "", SourceSite site = SourceSite::current());     \
  Variable prefix##col(std::string name = "", SourceSite site = SourceSite::current());     \
  Variable prefix##matrix(std::string name = "", SourceSite site = SourceSite::current());  \
  Variable prefix##tensor3(std::string name = "", SourceSite site = SourceSite::current()); \
  Variable prefix##tensor4(std::string name = "", SourceSite site = SourceSite::current()); \
  Variable prefix##tensor5(std::string name = "", SourceSite site = SourceSite::current())
BITALE_DECLARE_TYPED_INPUTS(b);
BITALE_DECLARE_TYPED_INPUTS(w);
BITALE_DECLARE_TYPED_INPUTS(i);
BITALE_DECLARE_TYPED_INPUTS(l);
BITALE_DECLARE_TYPED_INPUTS(f);
BITALE_DECLARE_TYPED_INPUTS(d);
#undef BITALE_DECLARE_TYPED_INPUTS

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_INPUTS_H_
