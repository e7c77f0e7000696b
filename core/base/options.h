// Process-wide options of the library: one typed list. Libraries define no flags; programs set
// these from theirs.

#ifndef BITALE_CORE_BASE_OPTIONS_H_
#define BITALE_CORE_BASE_OPTIONS_H_

#include "core/base/dtype.h"

namespace bitale {

struct Options {
  // The dtype of untyped constructors (`matrix("x")`), of float literals without a typed partner,
  // and of true division, mean and transcendental functions of integers. float32 or float64.
  DType float_x = DType::kFloat32;
  // Threads of the CPU pool, the caller included; 0 takes the hardware's count.
  int threads = 0;
};

// The options in force. Set them before building graphs: they are not synchronised.
Options& options();

// Short for options().float_x.
inline DType float_x() { return options().float_x; }

}  // namespace bitale

#endif  // BITALE_CORE_BASE_OPTIONS_H_
