// How `function` compiles and runs a graph.

#ifndef BITALE_CORE_COMPILE_MODE_H_
#define BITALE_CORE_COMPILE_MODE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/device.h"

namespace bitale {

struct Mode {
  enum class Kind : uint8_t {
    // All rules, fused groups, the kernel of highest rank for each call (Theano's FAST_RUN).
    kFastRun,
    // No rule but merge: equal nodes become one, nothing else is rewritten and nothing is fused.
    // Composites that have no kernel still run as their formula (Theano's FAST_COMPILE).
    kFastCompile,
    // The rules and kernels of kFastRun, checked at every call (Theano's DebugMode). Slow: it
    // computes much that nobody asked for, and allocates. ExecutionError that names the culprit and
    // the user's line where
    //   - a value that a rule replaced before shapes are known, and the one that it put there,
    //     differ beyond the rule's exactness; rules in the body of a loop show in the loop's value;
    //   - a kernel's result differs from that of the op's reference kernel, where one of lower rank
    //     supports the call;
    //   - a composite's or a fused group's kernel differs from its formula, where the formula's
    //     value is finite;
    //   - a kernel that takes strided inputs gives another result when gaps are put between the
    //     elements of its inputs along every axis;
    //   - a kernel changes an input, or leaves part of an output unwritten. No buffer takes over
    //     another's memory, and outputs hold other bytes before.
    // Floats may differ as much as another order of operations may make them
    // (core/compile/value_difference.h), integers and bools not at all. Kernels are checked in
    // bodies of loops too. Not checked: kernels of calls that constants alone decide, which are
    // folded while compiling; kernels of other devices; kernels that write over an operand, and
    // groups that kFastRun fuses across a value that a rule replaced, which is kept here.
    kDebug,
    // NonFiniteError at the first op whose result holds NaN or infinity, in bodies of loops too.
    // All rules, but nothing is fused, so that the error names one op.
    kNanGuard
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
