// A compiled graph for concrete shapes: a flat list of kernel calls over offsets.
//
// Immutable, and free of addresses, Variables and Ops: where memory lies is bound at each call. It can
// be run by several threads at once, each with a workspace of its own.

#ifndef BITALE_CORE_RUNTIME_PROGRAM_H_
#define BITALE_CORE_RUNTIME_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/runtime/kernel.h"
#include "core/tensor/tensor.h"

namespace bitale {

// One operation on 64-bit registers; the compiler flattens integer expressions into these.
struct IntegerStep {
  // result = op(registers[a], registers[b], registers[c]).
  int64_t (*op)(int64_t a, int64_t b, int64_t c);
  int32_t a = 0;
  int32_t b = 0;
  int32_t c = 0;
};

// Which memory a place lies in.
enum class Region : uint8_t { kInput, kShared, kConstant, kArena, kOutput, kNone };

// The address of an operand's first element, given the regions' bases.
struct Place {
  Region region = Region::kNone;
  uint32_t index = 0;        // which input, shared variable, constant or output
  int64_t offset = 0;        // bytes
  int32_t moving = -1;       // a register whose value, times `scale`, is added; -1 for none
  int32_t scale = 0;         // bytes per element
};

// What the user knows an operand by.
struct OperandName {
  std::string name;
  std::string site;
};

struct Instruction {
  KernelPtr kernel;
  std::vector<Place> inputs;
  std::vector<Place> outputs;
  std::vector<int32_t> integers;   // registers handed to the kernel
  int64_t workspace_offset = 0;    // in the arena

  // For dumps, profiles and guards.
  std::string label;               // "dot{...}"
  std::string kernel_name;
  std::string site;
  std::vector<OperandName> input_names;  // may be left out
  std::vector<DType> input_dtypes;
  std::vector<Dims> input_shapes;
  std::vector<Dims> input_strides;  // in elements
  std::vector<DType> output_dtypes;
  std::vector<Dims> output_shapes;

  // "dot".
  std::string op_name() const;
  // "operand 0: x float32 (20, 784), made at mlp.cc:12" for each input, as lines of an error.
  std::string describe_inputs() const;
};

// An integer that the program reads when it starts: from memory, or, with kNone, the caller's
// external value number `index`.
struct IntegerRead {
  Region region = Region::kNone;   // kInput or kShared
  uint32_t index = 0;
  int64_t element = 0;
  DType dtype = DType::kInt64;
};

struct ProgramOutput {
  DType dtype;
  Dims shape;
  size_t bytes() const { return static_cast<size_t>(element_count(shape)) * size_of(dtype); }
};

class Program {
 public:
  // Registers: first `reads`, then constants, then one per step.
  std::vector<IntegerRead> reads;
  std::vector<int64_t> integer_constants;
  std::vector<IntegerStep> steps;

  std::vector<Instruction> instructions;
  std::vector<Tensor> constants;
  std::vector<ProgramOutput> outputs;
  size_t input_count = 0;
  size_t shared_count = 0;
  size_t arena_bytes = 0;
  size_t buffer_bytes_without_reuse = 0;

  size_t register_count() const { return reads.size() + integer_constants.size() + steps.size(); }
  // What one call in flight needs: arena, registers, and room for addresses.
  size_t workspace_bytes() const;
  // One line per kernel call: registers, places, shapes, kernel. Stable: golden files hold it.
  std::string dump() const;
};

// Addresses of one call.
struct ProgramBindings {
  std::span<void* const> inputs;
  std::span<void* const> shared;
  std::span<void* const> outputs;
  std::span<const int64_t> externals;
  void* workspace = nullptr;  // workspace_bytes(), aligned to 64
};

// What may look at every kernel call of a run.
class InstructionObserver {
 public:
  virtual ~InstructionObserver() = default;
  virtual void before(const Instruction&, const KernelFrame&) {}
  virtual void after(const Instruction&, const KernelFrame&) {}
};

// Runs all instructions in order. Allocates nothing. What a kernel throws passes through.
void run_program(const Program& program, const ProgramBindings& bindings,
                 InstructionObserver* observer = nullptr);

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_PROGRAM_H_
