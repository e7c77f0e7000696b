// What memory the calls of a function take, block by block.

#ifndef BITALE_CORE_COMPILE_MEMORY_REPORT_H_
#define BITALE_CORE_COMPILE_MEMORY_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/tensor/device.h"

namespace bitale {

// One block that a program's instructions write.
struct MemoryBuffer {
  enum class Kind : uint8_t {
    kArena,      // an intermediate result
    kWorkspace,  // scratch memory of one kernel, in the arena
    kOutput,     // the user's, outside the arena
    kShared      // a shared variable's own memory, written in place
  };

  Kind kind = Kind::kArena;
  size_t bytes = 0;
  size_t offset = 0;  // in the arena of `device`
  Device device = kCpu;
  // In use from the instruction that writes it first to the one that uses it last, as numbered by
  // program_dump(). A block that others take over is in use as long as they are.
  int32_t begin = 0;
  int32_t end = 0;
  // Which block's memory it takes over, as an index into MemoryReport::buffers; -1 for none.
  int32_t in_place_of = -1;
  // What it holds: the op that makes it, dtype, shape, and the user's line.
  std::string op;
  DType dtype = DType::kUint8;
  Dims shape;
  std::string site;
};

// A shared variable arranged as kernels of the program read it, beside its plain value.
struct PackedShared {
  std::string variable;  // its name
  DType dtype = DType::kUint8;
  Dims shape;
  std::string form;  // the arrangement's name, as in program_dump()
  size_t bytes = 0;
};

// Memory of the latest program.
struct MemoryReport {
  // What one call in flight takes at most: workspace_bytes + device_arena_bytes + output_bytes.
  // Arguments, shared variables and constants are there anyway and not counted.
  size_t peak_bytes = 0;
  // On the host: the arena, and addresses and integers of the running instruction.
  size_t workspace_bytes = 0;
  size_t arena_bytes = 0;
  size_t device_arena_bytes = 0;
  size_t output_bytes = 0;

  // Liveness: the most bytes of all arenas that are in use at one and the same instruction. No plan
  // for these instructions in this order takes less.
  size_t lower_bound_bytes = 0;
  int32_t peak_instruction = 0;  // the first with that many on the host
  // What the blocks would take one beside the other, each in memory of its own.
  size_t bytes_without_reuse = 0;
  std::vector<MemoryBuffer> buffers;  // in the order in which they are written

  // Arrangements that the program reads. Their variables' containers hold them, one of each for all
  // functions, and no call takes memory for them: they are not counted above.
  std::vector<PackedShared> packed;  // in the order in which they are read
  size_t packed_bytes = 0;

  // Arenas to lower bound; 1 where nothing is needed.
  double ratio() const;
  // Blocks whose memory overlaps that of `buffer`, those in place of one another included.
  std::vector<size_t> sharing(size_t buffer) const;
  // Totals, then a line per packed form, then one per block, largest first, at most `most_lines` of
  // these.
  std::string str(size_t most_lines = 60) const;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_MEMORY_REPORT_H_
