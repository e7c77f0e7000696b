// The steps of a fused group for operands of concrete layouts: instructions over values, pass by
// pass, and where each value lies.
//
// A block is some short rows, or one row. Each pass goes over a long row in pieces of kRowPiece
// elements, so that what its instructions hand on stays in the first cache. Where a sum or the like
// is all that comes of long rows, a block is one piece of a row.

#ifndef BITALE_OPS_REDUCTION_ROW_PROGRAM_CPU_H_
#define BITALE_OPS_REDUCTION_ROW_PROGRAM_CPU_H_

#include <optional>
#include <vector>

#include "ops/cpu/row_chain.h"
#include "ops/elementwise/strided_reader_cpu.h"
#include "ops/elementwise/tiles_cpu.h"
#include "ops/reduction/row_folds_cpu.h"
#include "ops/reduction/row_geometry_cpu.h"
#include "ops/reduction/row_schedule_cpu.h"

namespace bitale {

struct RowValue {
  enum Place : uint8_t {
    kInput,     // in the input's memory, one block after the other
    kSame,      // in the input's memory, the same for all rows
    kOutput,    // in the output's memory
    kRepeated,  // copied to scratch once for many blocks
    kScratch,   // made in scratch for each block
  };
  DType dtype = DType::kFloat32;
  bool whole = true;  // rows of elements, not numbers
  Place place = kScratch;
  int input = -1;
  int reader = -1;            // of strided inputs
  bool is_uniform = false;    // one element
  bool spans_block = false;   // in scratch: all pieces of a block, not one of them
  bool is_per_piece = false;  // one number per piece
  size_t offset = 0;          // in scratch

  int64_t size = 0;    // of an element, in bytes
  int64_t stride = 0;  // elements from one row to the next one in a block; 0: the same for all
  // Bytes from where it starts, per row and per element within the row, per block, and per piece of
  // a block.
  int64_t row_step = 0;
  int64_t column_step = 0;
  int64_t block_step = 0;
  int64_t piece_step = 0;
};

struct RowChainStep {
  cpu::row_chain::StepKind kind;
  int value = -1;  // the operand, or what is stored
};

struct RowInstruction {
  enum Kind : uint8_t {
    kChain,    // operands[0] is the source; result is what a fold makes
    kTile,     // function of elements, or of numbers
    kFold,     // rows into numbers
    kCombine,  // what pieces were folded into
    kRepeat,   // numbers along their rows
    kGather,   // an input's strided elements
  };
  // A part of what the next block, or of a long row the next piece, will need of a value in memory.
  // Where several instructions ask for parts of it, memory is busy while all of them compute.
  struct Ahead {
    int value;
    bool to_write;
    int part = 0, parts = 1;
  };

  Kind kind = kTile;
  TileFunction tile = nullptr;
  std::optional<RowFold> fold = std::nullopt;
  int operands[3] = {-1, -1, -1};
  int result = -1;
  std::vector<RowChainStep> steps = {};
  std::vector<Ahead> ahead = {};
};

struct RowPass {
  std::vector<RowInstruction> first;  // for a block: what is computed of numbers, and repeated
  std::vector<RowInstruction> each;   // for each of its pieces
};

struct RowProgram {
  RowProgram(const KernelCall& call, const RowGeometry& geometry, const RowSchedule& schedule);

  int64_t rows;
  int64_t length;          // of a row
  int64_t block_rows = 1;  // rows of a block
  int64_t pieces = 1;      // of a block, or of a row if blocks are pieces
  int64_t piece_elements;  // kRowPiece, but for a block that is one piece
  bool blocks_are_pieces = false;
  bool row_by_row = false;  // chains take rows one by one, not all elements of a block alike
  std::vector<RowPass> passes;
  std::vector<RowValue> values;
  std::vector<StridedReader> readers;
  size_t scratch_bytes = 0;
};

// Why the group cannot run, or had better run apart; null if it should run row by row.
const char* row_program_refusal(const KernelCall& call);

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_ROW_PROGRAM_CPU_H_
