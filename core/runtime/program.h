// A compiled graph for concrete shapes: a flat list of kernel calls over offsets.
//
// Immutable, and free of addresses, Variables and Ops: where memory lies is bound at each call. It
// can be run by several threads at once, each with a workspace of its own.

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
#include "core/tensor/layout.h"
#include "core/tensor/tensor.h"

namespace bitale {

class DeviceRun;

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
  uint32_t index = 0;   // which input, shared slot, constant, arena (0: host) or output
  int64_t offset = 0;   // bytes
  int32_t moving = -1;  // a register whose value, times `scale`, is added; -1 for none
  int32_t scale = 0;    // bytes per element
};

// What the user knows an operand by.
struct OperandName {
  std::string name;
  std::string site;
};

// A kernel that must give what an instruction's own gives for the same values.
struct Oracle {
  KernelPtr kernel;
  std::string name;                 // "its formula"
  std::vector<Dims> input_strides;  // of the operands that it is made for, in elements
  size_t first_integer = 0;         // where its own start among the instruction's integers
  // A program. Where its value is NaN or infinite, it says nothing about the instruction's.
  bool is_formula = false;
  // Its value may be small although it adds up large numbers.
  bool may_cancel = false;
};

struct Instruction {
  KernelPtr kernel;
  std::vector<Place> inputs;
  std::vector<Place> outputs;
  std::vector<int32_t> integers;  // registers handed to the kernel
  uint32_t arena = 0;             // where it runs: 0 the host, n device_arenas[n - 1]
  int64_t workspace_offset = 0;   // in that arena
  int64_t integers_offset = 0;    // on a device: the first among all integers of its instructions

  // For dumps, profiles and guards.
  std::string label;  // "dot{...}"
  std::string kernel_name;
  std::string site;
  std::vector<OperandName> input_names;  // may be left out
  std::vector<DType> input_dtypes;
  std::vector<Dims> input_shapes;
  std::vector<Dims> input_strides;  // in elements
  std::vector<DType> output_dtypes;
  std::vector<Dims> output_shapes;
  std::vector<Oracle> oracles;  // in DebugMode

  // "dot".
  std::string op_name() const;
  // What one run of the kernel does.
  KernelCost cost() const;
  // "operand 0: x float32 (20, 784), made at mlp.cc:12" for each input, as lines of an error.
  std::string describe_inputs() const;
};

// An integer that the program reads when it starts: from memory, or, with kNone, the caller's
// external value number `index`.
struct IntegerRead {
  Region region = Region::kNone;  // kInput or kShared
  uint32_t index = 0;
  int64_t element = 0;
  DType dtype = DType::kInt64;
};

struct ProgramOutput {
  DType dtype;
  Dims shape;
  Device device = kCpu;
  size_t bytes() const { return static_cast<size_t>(element_count(shape)) * size_of(dtype); }
};

// A shared variable as a program sees it: its value on one device, in one form.
struct SharedSlot {
  uint32_t variable = 0;
  Device device = kCpu;
  bool written = false;
  Layout layout = {};
};

// Memory, besides the host's, that a call needs on one device: buffers, then integers.
struct DeviceArena {
  Device device;
  size_t bytes = 0;
  size_t integer_count = 0;
};

// Instructions begin to end - 1 of one device, at the same addresses in every call of a context as
// long as shared variables stay where they are: they are captured and replayed as one.
struct LaunchSegment {
  int32_t begin = 0;
  int32_t end = 0;
};

// A block that instructions write, for reports: where the plan put it, and when it is in use.
struct PlannedBuffer {
  // In an arena, or in the memory of the output or shared variable that it becomes.
  Place place;
  int64_t bytes = 0;
  int32_t begin = 0;         // the instruction that writes it first
  int32_t end = 0;           // the one that uses it last, those in place of it included
  int32_t output = -1;       // which output of instruction `begin`; -1 for its workspace
  int32_t in_place_of = -1;  // the buffer whose memory it takes over, as an index
};

// The most operands and integers of one instruction: room for their addresses and values.
struct FrameLimits {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t integers = 0;
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
  std::vector<SharedSlot> shared;
  size_t arena_bytes = 0;  // on the host
  std::vector<DeviceArena> device_arenas;
  std::vector<LaunchSegment> segments;  // in order
  std::vector<PlannedBuffer> buffers;
  FrameLimits limits;

  size_t register_count() const { return reads.size() + integer_constants.size() + steps.size(); }
  // What one call in flight needs on the host: arena, registers, and room for addresses.
  size_t workspace_bytes() const;
  // One line per kernel call: registers, places, shapes, kernel. Stable: golden files hold it.
  std::string dump() const;
  // Where the instructions of arena `arena` run.
  Device device_of(uint32_t arena) const {
    return arena == 0 ? kCpu : device_arenas[arena - 1].device;
  }
};

// Addresses of one call.
struct ProgramBindings {
  std::span<void* const> inputs;
  std::span<void* const> shared;
  std::span<void* const> outputs;
  std::span<const int64_t> externals;
  void* workspace = nullptr;     // workspace_bytes(), aligned to 64
  DeviceRun* devices = nullptr;  // for a program with device_arenas
};

// What may look at every kernel call of a run.
class InstructionObserver {
 public:
  virtual ~InstructionObserver() = default;
  virtual void before(const Instruction&, const KernelFrame&) {}
  virtual void after(const Instruction&, const KernelFrame&) {}
  // What looks at the calls of a kernel's inner program, between before() and after() of the
  // kernel's own; null for none.
  virtual InstructionObserver* inside() { return nullptr; }
};

// Runs all instructions in order and returns when all devices are done. Allocates nothing on the
// host's side, but for what a second call captures. A KernelFailure becomes an ExecutionError; what
// else a kernel throws passes through. An observer sees instructions of the host only.
void run_program(const Program& program, const ProgramBindings& bindings,
                 InstructionObserver* observer = nullptr);

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_PROGRAM_H_
