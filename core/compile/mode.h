// How `function` compiles and runs a graph.

#ifndef BITALE_CORE_COMPILE_MODE_H_
#define BITALE_CORE_COMPILE_MODE_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/device.h"

namespace bitale {

struct Mode {
  enum class Kind : uint8_t {
    kFastRun,      // all rules (Theano's FAST_RUN)
    kFastCompile,  // merge only (Theano's FAST_COMPILE)
    kDebug,        // checks every rule and kernel against the original graph (Theano's DebugMode)
    kNanGuard      // NonFiniteError at the first op whose result holds NaN or infinity
  };

  Kind kind = Kind::kFastRun;
  // Names of rules that must not run. A name that no rule has is a CompileError of function().
  std::vector<std::string> excluded = {};
  // Run rules that are exact for finite values only.
  bool assume_finite = false;
  // Where the graph runs. Shared variables move there at the first call and stay; arguments go
  // there and results come back at every call. An op without a kernel there is a CompileError:
  // transfer() places single ops elsewhere. kDebug and kNanGuard run on the CPU only.
  Device device = kCpu;

  Mode on(Device where) const {
    Mode mode = *this;
    mode.device = where;
    return mode;
  }
  Mode excluding(std::string_view rule) const {
    Mode mode = *this;
    mode.excluded.emplace_back(rule);
    return mode;
  }
};

inline const Mode kFastRun{Mode::Kind::kFastRun};
inline const Mode kFastCompile{Mode::Kind::kFastCompile};
inline const Mode kDebugMode{Mode::Kind::kDebug};
inline const Mode kNanGuardMode{Mode::Kind::kNanGuard};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_MODE_H_
