// A program under construction: instructions over buffers that have no place in the arena yet.
//
// Until plan(), a Place in an arena names a buffer by `index`, and `moving` and an instruction's
// integers are handles of the IntegerCompiler. Arenas have numbers: 0 is the host's, the others
// stand for the program's device_arenas.

#ifndef BITALE_CORE_COMPILE_PROGRAM_BUILDER_H_
#define BITALE_CORE_COMPILE_PROGRAM_BUILDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/site.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/program.h"

namespace bitale {

// Where a variable's elements are once its producer has run.
struct Location {
  Place place;
  OperandLayout layout;
  uint32_t arena = 0;  // whose memory that is
};

struct Buffer {
  int64_t bytes = 0;
  // Written first and used last by these instructions.
  int32_t begin = 0;
  int32_t end = 0;
  // Not in the arena, but an output's or a shared variable's own memory.
  std::optional<Place> claimed;
  // Lies in the memory of this buffer; -1 for none.
  int32_t host = -1;
  uint32_t arena = 0;
};

class ProgramBuilder {
 public:
  Program& program() { return *program_; }
  std::shared_ptr<const Program> finished() const { return program_; }
  std::vector<Buffer>& buffers() { return buffers_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }

  // The arena of a device, made if the program has none yet.
  uint32_t arena_of(Device device);
  Device device_of(uint32_t arena) const { return program_->device_of(arena); }

  // The number of the next instruction.
  int32_t now() const { return static_cast<int32_t>(program_->instructions.size()); }
  // A contiguous block of its own.
  Location new_output(DType dtype, const Dims& shape, uint32_t arena = 0);
  // Notes that the next instruction uses `place`.
  Place use(const Place& place);

  // An instruction that runs where `arena` is. CompileError for a kernel of another device.
  Instruction& push(KernelPtr kernel, std::string label, std::string kernel_name, const Site& site,
                    uint32_t arena = 0);
  // Scratch memory for the next instruction.
  void add_workspace(size_t bytes);
  void emit_copy(const Location& from, const Location& to, const char* label, const Site& site);
  // Writes run-time integers (handles) into a new block.
  Location emit_integers(DType dtype, const Dims& shape, std::vector<int32_t> handles,
                         std::string label, const Site& site, uint32_t arena);
  // A copy in another arena, by way of the host between two devices.
  Location emit_transfer(const Location& from, uint32_t arena, const Site& site);
  // `from` itself, or a copy of it without gaps. Devices see no moving places: these are copied
  // too, so that launches keep their addresses from call to call.
  Location contiguous(const Location& from, const Site& site);
  // Copies `from` into `target`, which is not in the arena.
  void emit_copy_to(const Place& target, const Location& from, const char* label, const Site& site);

  // Whether the value is all of a buffer that may still become somebody's own memory.
  bool owns_whole_buffer(const Location& location) const;
  // Gives the value memory of its own at `target`: its buffer becomes the target if it can.
  void deliver(const Location& from, const Place& target, const char* label, const Site& site);
  // The buffer whose memory `buffer` lies in.
  int32_t root_of(uint32_t buffer) const;

  // Gives every buffer its place.
  void plan(bool reuse_buffers);

 private:
  Location emit_hop(const Location& from, uint32_t arena, const Site& site);
  void settle(Place& place, const std::vector<int64_t>& offsets) const;
  void plan_arena(uint32_t arena, bool reuse_buffers, std::vector<int64_t>& offsets);
  // Takes down for reports where buffers and workspaces lie.
  void list_buffers(const std::vector<int64_t>& offsets);
  void measure_frames();
  void number_integers();
  void find_segments();

  std::shared_ptr<Program> program_ = std::make_shared<Program>();
  std::vector<Buffer> buffers_;
  std::vector<std::pair<int32_t, int64_t>> workspaces_;  // instruction, bytes
};

void add_input(Instruction& instruction, const Place& place, const OperandLayout& layout);
void add_output(Instruction& instruction, const Location& location);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PROGRAM_BUILDER_H_
