// Chains of simple functions along rows: a few vectors of a row pass through all steps in
// registers, are stored where something else needs them, and are folded at the end. What a step is
// is looked up once for these vectors, so that a chain costs little more than one loop written for
// it.

#ifndef BITALE_OPS_CPU_ROW_CHAIN_H_
#define BITALE_OPS_CPU_ROW_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ops/cpu/vector_fold.h"

namespace bitale::cpu::row_chain {

// v is what came so far, and o the step's operand.
enum class StepKind : uint8_t {
  kAdd,      // v + o
  kSub,      // v - o
  kSubFrom,  // o - v
  kMul,      // v * o
  kDiv,      // v / o
  kDivInto,  // o / v
  kNeg,      // -v
  kAbs,      // |v|
  kSqr,      // v * v
  kSqrt,     // the root of v
  kStore,    // v, which is written to the step's place
  // Of chains on packs only (ops/elementwise/pack_chain_cpu.h).
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSigmoid,
  kSoftplus,
  kTanh,
};
inline bool is_function(StepKind kind) { return kind > StepKind::kStore; }

// Steps that a chain may have at most.
inline constexpr size_t kMostSteps = 16;
// What a chain may ask for ahead.
inline constexpr size_t kMostFetches = 8;

// A step, and where the first row's operand is, or is written to.
struct Step {
  StepKind kind = StepKind::kStore;
  bool is_number = false;  // the operand is one number per row
  void* place = nullptr;
  int64_t row_stride = 0;  // elements from one row's operand to the next one's; 0: the same for all
};

// Memory that will be needed soon: of as many elements as the chain walks over, or of a part of
// them.
struct Fetch {
  const std::byte* from;
  bool to_write;
  int64_t part = kWhole;  // in 65536ths of the elements

  static constexpr int64_t kWhole = 65536;
  // Of so many bytes of the whole.
  int64_t bytes(int64_t of_whole) const { return of_whole * part / kWhole; }
};

struct Chain {
  const void* source;
  int64_t source_stride;  // as in Step
  std::span<const Step> steps;
  std::optional<VectorOp> fold;
  void* folded = nullptr;  // one number per row
  int64_t rows;
  int64_t length;  // of a row; positive
  std::span<const Fetch> fetches;
};

// All elements are of one type. Operands may be what an earlier step stored. Folds in the order of
// fold_vector().
void run(const Chain& chain, bool is_double);

}  // namespace bitale::cpu::row_chain

#endif  // BITALE_OPS_CPU_ROW_CHAIN_H_
