// Where the integers of a shape program come from at a call.

#ifndef BITALE_CORE_COMPILE_SYMBOL_READER_H_
#define BITALE_CORE_COMPILE_SYMBOL_READER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/compile/call_state.h"
#include "core/compile/function.h"
#include "core/graph/shape_analysis.h"

namespace bitale {

class SymbolReader {
 public:
  SymbolReader() = default;
  // Finds each symbol's source among the inputs, the shared variables, and the values that must be
  // computed before the dims are known. CompileError for a symbol that has none.
  SymbolReader(std::span<const IntSymbol> symbols, std::span<const In> inputs,
               std::span<const Variable> shared);

  // The variables that must be computed first, in the order in which read() takes their values.
  const Variables& computed() const { return computed_; }

  // Fills `state.symbols` and `state.externals` from the call's tensors and the computed values.
  void read(std::span<const Tensor> computed, CallState& state) const;

 private:
  struct Source {
    enum class Kind : uint8_t { kInput, kShared, kComputed, kNone };
    Kind kind = Kind::kNone;
    bool is_dim = false;  // the length of an axis, else an element
    uint32_t tensor = 0;
    uint32_t index = 0;  // of the axis or element
    DType dtype = DType::kInt64;
  };
  std::vector<Source> sources_;
  Variables computed_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_SYMBOL_READER_H_
