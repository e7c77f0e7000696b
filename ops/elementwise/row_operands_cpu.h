// Operands that are repeated along rows of the output, or from row to row: chains in registers take
// them as they are, where other kernels would have to copy them along all elements first.

#ifndef BITALE_OPS_ELEMENTWISE_ROW_OPERANDS_CPU_H_
#define BITALE_OPS_ELEMENTWISE_ROW_OPERANDS_CPU_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "ops/elementwise/strided_reader_cpu.h"

namespace bitale {

class RowOperands {
 public:
  enum class Form : uint8_t {
    kElements,  // as many elements as the output has
    kUniform,   // one number
    kNumbers,   // one number for each row
    kRow,       // one row, without gaps, for all
  };

  // Of operands that are repeated to `shape`. Rows are those of the operand with the shortest ones;
  // what does not fit these, and rows that are too short for chains, count as elements.
  RowOperands(std::span<const OperandLayout> inputs, const Dims& shape);

  Form form(int input) const { return operands_[static_cast<size_t>(input)].form; }
  // 0 where no operand has rows.
  int64_t row_length() const { return row_length_; }

  // The numbers of rows [row, row + count) of an operand of that form.
  void read_numbers(int input, const void* from, int64_t row, int64_t count, void* to) const {
    operands_[static_cast<size_t>(input)].numbers->read(from, row, count, to);
  }

 private:
  struct Operand {
    Form form = Form::kElements;
    std::optional<StridedReader> numbers;  // row by row
  };

  std::vector<Operand> operands_;
  int64_t row_length_ = 0;
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_ROW_OPERANDS_CPU_H_
