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

uint64_t hash_of_input(const Instruction& instruction, const KernelFrame& frame, size_t i) {
  const Dims& shape = instruction.input_shapes[i];
  if (frame.inputs[i] == nullptr || element_count(shape) == 0) return 0;
  const DType dtype = instruction.input_dtypes[i];
  const Tensor dense = Tensor::empty(dtype, shape);
  copy_strided(shape, dtype, dense.raw_data(), dense.strides(), dtype, frame.inputs[i],
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
                              void* const* inputs, const int64_t* integers, unsigned char fill) {
  std::vector<Tensor> outputs;
  std::vector<void*> addresses;
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    outputs.push_back(Tensor::empty(instruction.output_dtypes[o], instruction.output_shapes[o]));
    addresses.push_back(outputs[o].raw_data());
    if (outputs[o].size() > 0) std::memset(addresses[o], fill, outputs[o].bytes());
  }
  const std::shared_ptr<Storage> workspace = Storage::allocate(kCpu, kernel.workspace_bytes());
  kernel.run({inputs, addresses.data(), workspace->data(), integers});
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

// The oracle's value for the instruction's inputs, or for the magnitudes of those that are floats.
std::vector<Tensor> ask(const Oracle& oracle, const Instruction& instruction,
                        const KernelFrame& frame, bool without_signs = false) {
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
  try {
    return run_apart(instruction, *oracle.kernel, addresses.data(),
                     frame.integers + oracle.first_integer, kPoison);
  } catch (const KernelFailure& failure) {
    fail(instruction, absl::StrCat("runs where ", oracle.name, " fails: ", failure.what()));
  }
}

// A small sum says little of the terms that cancelled in it, which is what its error comes from. Of
// magnitudes, sums and products are as large as these terms.
double error_of_terms(const Oracle& oracle, const Instruction& instruction,
                      const KernelFrame& frame, size_t output) {
  const Tensor terms = ask(oracle, instruction, frame, true)[output];
  return reassociation_tolerance(terms.dtype()) * largest_finite(terms);
}

void compare_with(const Oracle& oracle, const Instruction& instruction, const KernelFrame& frame) {
  const std::vector<Tensor> expected = ask(oracle, instruction, frame);
  for (size_t o = 0; o < expected.size(); ++o) {
    if (expected[o].size() == 0) continue;
    const Tensor actual(Storage::borrow(kCpu, frame.outputs[o], output_bytes(instruction, o)),
                        expected[o].dtype(), expected[o].shape(), expected[o].strides(), 0);
    const auto difference_beyond = [&](double distance) {
      return find_difference(expected[o], actual, distance, oracle.for_finite_values);
    };
    const double distance = reassociation_tolerance(actual.dtype()) * largest_finite(expected[o]);
    std::optional<Difference> difference = difference_beyond(distance);
    if (difference && oracle.may_cancel) {
      difference =
          difference_beyond(std::max(distance, error_of_terms(oracle, instruction, frame, o)));
    }
    if (!difference) continue;
    fail(instruction,
         absl::StrCat("differs from ", oracle.name, " by up to ", difference->largest, ": element ",
                      difference->element, " of ", name_of_output(instruction, o), " is ",
                      difference->actual, ", not ", difference->expected));
  }
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
  for (const Oracle& oracle : instruction.oracles) compare_with(oracle, instruction, frame);
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
