// Flattens integer expressions into the register steps of a Program.

#ifndef BITALE_CORE_COMPILE_INTEGER_COMPILER_H_
#define BITALE_CORE_COMPILE_INTEGER_COMPILER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/graph/known_integer.h"
#include "core/runtime/program.h"

namespace bitale {

class IntegerCompiler {
 public:
  // How a symbol gets its value: a constant, or a read from memory.
  struct Source {
    std::optional<int64_t> constant;
    IntegerRead read;
  };

  // A handle for the value of `expr`; registers are numbered by finish().
  int32_t add(const IntExpr& expr);
  // The expression behind a handle.
  const IntExpr& expression(int32_t handle) const { return wanted_[handle]; }

  // Writes reads, constants and steps into `program` and returns the register of each handle.
  std::vector<int32_t> finish(IntGraph& graph, const std::function<Source(int64_t symbol)>& source,
                              Program& program) const;

 private:
  std::vector<IntExpr> wanted_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_INTEGER_COMPILER_H_
