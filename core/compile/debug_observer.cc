#include "core/compile/debug_observer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/value_difference.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

constexpr unsigned char kPoison = 0xFF;

[[noreturn]] void fail(const Instruction& instruction, std::string_view what) {
  throw ExecutionError(absl::StrCat("DebugMode: kernel ", instruction.kernel_name, " of ",
                                    instruction.label, " ", std::string(what), "\n",
                                    instruction.describe_inputs(), "  at: ", instruction.site));
}

std::string name_of_output(const Instruction& instruction, size_t output) {
  return instruction.outputs.size() == 1 ? "the result" : absl::StrCat("result ", output);
}

Tensor elements_at(const void* address, DType dtype, const Dims& shape, const Dims& strides) {
  const Tensor dense = Tensor::empty(dtype, shape);
  copy_strided(shape, dtype, dense.raw_data(), dense.strides(), dtype, address, strides);
  return dense;
}

uint64_t hash_of_input(const Instruction& instruction, const KernelFrame& frame, size_t i) {
  const Dims& shape = instruction.input_shapes[i];
  if (frame.inputs[i] == nullptr || element_count(shape) == 0) return 0;
  const Tensor dense = elements_at(frame.inputs[i], instruction.input_dtypes[i], shape,
                                   instruction.input_strides[i]);
  uint64_t hash = 0xcbf29ce484222325u;
  const auto* bytes = static_cast<const unsigned char*>(dense.raw_data());
  for (size_t b = 0; b < dense.bytes(); ++b) hash = (hash ^ bytes[b]) * 0x100000001b3u;
  return hash;
}

size_t output_bytes(const Instruction& instruction, size_t output) {
  return static_cast<size_t>(element_count(instruction.output_shapes[output])) *
         size_of(instruction.output_dtypes[output]);
}

// What `kernel` writes for these inputs into outputs whose bytes were `fill`.
std::vector<Tensor> run_apart(const Instruction& instruction, const Kernel& kernel,
                              void* const* inputs, const int64_t* integers, unsigned char fill,
                              InstructionObserver* inside = nullptr) {
  std::vector<Tensor> outputs;
  std::vector<void*> addresses;
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    outputs.push_back(Tensor::empty(instruction.output_dtypes[o], instruction.output_shapes[o]));
    addresses.push_back(outputs[o].raw_data());
    if (outputs[o].size() > 0) std::memset(addresses[o], fill, outputs[o].bytes());
  }
  const std::shared_ptr<Storage> workspace = Storage::allocate(kCpu, kernel.workspace_bytes());
  kernel.run({inputs, addresses.data(), workspace->data(), integers, inside});
  return outputs;
}

// --- Unwritten elements ---

bool is_filled(const std::byte* element, size_t width, unsigned char fill) {
  return std::all_of(element, element + width,
                     [&](std::byte byte) { return byte == std::byte{fill}; });
}

std::optional<size_t> next_filled(const std::byte* block, size_t bytes, size_t width, size_t from,
                                  unsigned char fill) {
  for (size_t i = from; i * width < bytes; ++i) {
    if (is_filled(block + i * width, width, fill)) return i;
  }
  return std::nullopt;
}

// Poison may be a value: -1, or a NaN of the user's. What is not written keeps other bytes as well.
void check_written(const Instruction& instruction, const KernelFrame& frame) {
  std::vector<Tensor> again;
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    const size_t width = size_of(instruction.output_dtypes[o]);
    const size_t bytes = output_bytes(instruction, o);
    const auto* block = static_cast<const std::byte*>(frame.outputs[o]);
    std::optional<size_t> i = next_filled(block, bytes, width, 0, kPoison);
    if (!i) continue;
    if (again.empty()) {
      again = run_apart(instruction, *instruction.kernel, frame.inputs, frame.integers, 0);
    }
    const auto* other = static_cast<const std::byte*>(again[o].raw_data());
    for (; i; i = next_filled(block, bytes, width, *i + 1, kPoison)) {
      if (!is_filled(other + *i * width, width, 0)) continue;
      fail(instruction,
           absl::StrCat("left element ", *i, " of ", name_of_output(instruction, o), " unwritten"));
    }
  }
}

// --- Oracles ---

// The elements at `from` in a block with these strides, none of them negative, and poison between
// them.
Tensor rearranged(DType dtype, const Dims& shape, const void* from, const Dims& from_strides,
                  const Dims& strides) {
  int64_t extent = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) extent += (shape[axis] - 1) * strides[axis];
  const Tensor block = Tensor::empty(dtype, {extent});
  std::memset(block.raw_data(), kPoison, block.bytes());
  copy_strided(shape, dtype, block.raw_data(), strides, dtype, from, from_strides);
  return block;
}

Tensor magnitudes(const Tensor& values) {
  const Tensor wide = values.cast(DType::kFloat64);
  double* elements = wide.data<double>();
  for (int64_t i = 0; i < wide.size(); ++i) elements[i] = std::abs(elements[i]);
  return wide.cast(values.dtype());
}

// Finds the largest number that a program, here a formula, computes on its way.
class LargestNumber final : public InstructionObserver {
 public:
  void after(const Instruction& instruction, const KernelFrame& frame) override {
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      const DType dtype = instruction.output_dtypes[o];
      const Dims& shape = instruction.output_shapes[o];
      if (!is_floating(dtype) || element_count(shape) == 0) continue;
      value = std::max(value, largest_finite(elements_at(frame.outputs[o], dtype, shape,
                                                         contiguous_strides(shape))));
    }
  }
  InstructionObserver* inside() override { return this; }

  double value = 0;
};

double largest_input(const Instruction& instruction, const KernelFrame& frame) {
  double largest = 0;
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    const DType dtype = instruction.input_dtypes[i];
    const Dims& shape = instruction.input_shapes[i];
    if (frame.inputs[i] == nullptr || !is_floating(dtype) || element_count(shape) == 0) continue;
    largest = std::max(largest, largest_finite(elements_at(frame.inputs[i], dtype, shape,
                                                           instruction.input_strides[i])));
  }
  return largest;
}

// The oracle's value for the instruction's inputs, or for the magnitudes of those that are floats.
// Throws what its kernel throws.
std::vector<Tensor> ask(const Oracle& oracle, const Instruction& instruction,
                        const KernelFrame& frame, bool without_signs, InstructionObserver* inside) {
  std::vector<Tensor> inputs;
  std::vector<void*> addresses(frame.inputs, frame.inputs + instruction.inputs.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    const Dims& shape = instruction.input_shapes[i];
    const Dims& strides = oracle.input_strides[i];
    if (addresses[i] == nullptr || element_count(shape) == 0) continue;
    const DType dtype = instruction.input_dtypes[i];
    const bool drops_signs = without_signs && is_floating(dtype);
    if (strides == instruction.input_strides[i] && !drops_signs) continue;
    const Tensor input =
        rearranged(dtype, shape, addresses[i], instruction.input_strides[i], strides);
    inputs.push_back(drops_signs ? magnitudes(input) : input);
    addresses[i] = inputs.back().raw_data();
  }
  return run_apart(instruction, *oracle.kernel, addresses.data(),
                   frame.integers + oracle.first_integer, kPoison, inside);
}

struct Answer {
  const Oracle& oracle;
  std::vector<Tensor> values;
  double largest_term = 0;  // of a formula: of all numbers in it, its inputs included
};

Answer answer_of(const Oracle& oracle, const Instruction& instruction, const KernelFrame& frame) {
  const auto fails = [&](std::string_view how) {
    fail(instruction, absl::StrCat("runs where ", oracle.name, " fails: ", std::string(how)));
  };
  LargestNumber largest;
  Answer answer{oracle, {}, 0};
  try {
    answer.values = ask(oracle, instruction, frame, /*without_signs=*/false, &largest);
  } catch (const KernelFailure& failure) {
    fails(failure.what());
  } catch (const ExecutionError& error) {  // of a kernel in a formula
    fails(error.what());
  }
  if (oracle.is_formula) {
    answer.largest_term = std::max(largest.value, largest_input(instruction, frame));
  }
  return answer;
}

// Kernels without a formula are products and sums: of magnitudes these are as large as the terms
// that they add up.
double largest_term_of_magnitudes(const Oracle& oracle, const Instruction& instruction,
                                  const KernelFrame& frame, size_t output) {
  try {
    return largest_finite(ask(oracle, instruction, frame, /*without_signs=*/true, nullptr)[output]);
  } catch (const KernelFailure&) {
    return 0;  // not defined there: it says nothing about terms
  }
}

// A small sum says little of the terms that cancelled in it, which is what its error comes from:
// a difference that is large beside the result is asked for these.
void compare_with(const Answer& answer, double formula_term, const Instruction& instruction,
                  const KernelFrame& frame) {
  const Oracle& oracle = answer.oracle;
  for (size_t o = 0; o < answer.values.size(); ++o) {
    const Tensor& expected = answer.values[o];
    if (expected.size() == 0) continue;
    const Tensor actual(Storage::borrow(kCpu, frame.outputs[o], output_bytes(instruction, o)),
                        expected.dtype(), expected.shape(), expected.strides(), 0);
    const double part = reassociation_tolerance(actual.dtype());
    const auto difference_for = [&](double largest_term) {
      return find_difference(expected, actual, part * largest_term, oracle.is_formula);
    };
    const double largest = largest_finite(expected);
    std::optional<Difference> difference = difference_for(largest);
    if (difference && oracle.may_cancel) {
      const double term = formula_term > 0
                              ? formula_term
                              : largest_term_of_magnitudes(oracle, instruction, frame, o);
      difference = difference_for(std::max(largest, term));
    }
    if (!difference) continue;
    fail(instruction,
         absl::StrCat("differs from ", oracle.name, " by up to ", difference->largest, ": element ",
                      difference->element, " of ", name_of_output(instruction, o), " is ",
                      difference->actual, ", not ", difference->expected));
  }
}

void compare_with_oracles(const Instruction& instruction, const KernelFrame& frame) {
  std::vector<Answer> answers;
  double formula_term = 0;
  for (const Oracle& oracle : instruction.oracles) {
    answers.push_back(answer_of(oracle, instruction, frame));
    formula_term = std::max(formula_term, answers.back().largest_term);
  }
  for (const Answer& answer : answers) compare_with(answer, formula_term, instruction, frame);
}

}  // namespace

void DebugObserver::before(const Instruction& instruction, const KernelFrame& frame) {
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    hashes_.push_back(hash_of_input(instruction, frame, i));
  }
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    const size_t bytes = output_bytes(instruction, o);
    if (bytes > 0) std::memset(frame.outputs[o], kPoison, bytes);
  }
}

void DebugObserver::after(const Instruction& instruction, const KernelFrame& frame) {
  check_inputs(instruction, frame);
  check_written(instruction, frame);
  compare_with_oracles(instruction, frame);
}

void DebugObserver::check_inputs(const Instruction& instruction, const KernelFrame& frame) {
  const size_t first = hashes_.size() - instruction.inputs.size();
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    if (hash_of_input(instruction, frame, i) != hashes_[first + i]) {
      fail(instruction, absl::StrCat("changed its operand ", i));
    }
  }
  hashes_.resize(first);
}

}  // namespace bitale
