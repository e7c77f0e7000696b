// The kernel of fused folds: pieces of the elements are computed into cache, one after the other,
// and folded there.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/workspace.h"
#include "ops/elementwise/fused_elementwise_cpu.h"
#include "ops/elementwise/strided_reader_cpu.h"
#include "ops/elementwise/tile_program_cpu.h"
#include "ops/reduction/fold_strip_cpu.h"
#include "ops/reduction/fold_table_cpu.h"
#include "ops/reduction/fused_folds_internal.h"
#include "ops/reduction/sweep_geometry_cpu.h"

namespace bitale::reduction {
namespace {

constexpr size_t kMostFolds = FusedFoldsOp::kMostFolds;
// What is computed at once, for all folds.
constexpr size_t kPieceBytes = 64 * 1024;
constexpr int64_t kMostPiece = 4096;
// Values of fewer bytes stay in the second cache between the kernels that would otherwise make and
// reduce them, which walk over them in longer strides.
constexpr size_t kLeastBytes = 4 * 1024 * 1024;

// The shape that all steps have: each length is that of some input that is not repeated.
Dims whole_shape(const KernelCall& call) {
  const auto& op = call.op_as<FusedFoldsOp>();
  const FusedStep& fold = op.folds()[0];
  const ReduceOp& reduction = op.reduction(0);
  const size_t folded = reduction.keepdims() ? 0 : reduction.axes().size();
  Dims shape(static_cast<size_t>(fold.type.rank()) + folded, 1);
  for (const OperandLayout& input : call.inputs) {
    for (size_t i = 0; i < input.shape.size(); ++i) {
      int64_t& length = shape[shape.size() - input.shape.size() + i];
      if (length == 1) length = input.shape[i];
    }
  }
  return shape;
}

DType dtype_of(const KernelCall& call, int value) {
  const auto& op = call.op_as<FusedFoldsOp>();
  const auto index = static_cast<size_t>(value);
  return index < op.input_count() ? call.inputs[index].dtype
                                  : op.steps()[index - op.input_count()].type.dtype;
}

template <typename T>
FoldTable table_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kProd:
      return fold_table<Prod<T>, T>();
    case ReduceKind::kMax:
      return fold_table<Max<T>, T>();
    case ReduceKind::kMin:
      return fold_table<Min<T>, T>();
    default:
      return fold_table<Sum<T>, T>();
  }
}

FoldTable table_of(ReduceKind kind, DType dtype) {
  return dtype == DType::kFloat32 ? table_of<float>(kind) : table_of<double>(kind);
}

int64_t piece_elements(const KernelCall& call) {
  size_t bytes = 0;
  for (const FusedStep& fold : call.op_as<FusedFoldsOp>().folds()) {
    bytes += size_of(dtype_of(call, fold.operands[0]));
  }
  return std::min(kMostPiece, static_cast<int64_t>(kPieceBytes / bytes) / 64 * 64);
}

class FoldsKernel final : public Kernel {
 public:
  explicit FoldsKernel(const KernelCall& call)
      : g_(*sweep_geometry(whole_shape(call), call.op_as<FusedFoldsOp>().reduction(0).axes(),
                           piece_elements(call))) {
    const auto& op = call.op_as<FusedFoldsOp>();
    const Dims shape = whole_shape(call);
    TileProgramBuilder program(call.inputs, shape);
    for (const FusedStep& step : op.steps()) {
      program.add_step(static_cast<const ElementwiseOp&>(*step.op), step.operands, step.type.dtype);
    }
    size_t bytes = 0;
    int outputs = 0;
    for (size_t i = 0; i < op.folds().size(); ++i) {
      const int value = op.folds()[i].operands[0];
      Fold fold{table_of(op.reduction(i).kind(), dtype_of(call, value))};
      const bool is_input = value < static_cast<int>(op.input_count());
      const auto same = std::ranges::find(folds_, value, &Fold::value);
      fold.value = value;
      if (is_input &&
          StridedReader(call.inputs[static_cast<size_t>(value)], shape).is_contiguous()) {
        fold.input = value;
      } else if (same != folds_.end()) {
        fold.output = same->output;
      } else {
        fold.output = outputs++;
        program.set_output(is_input ? program.add_copy(value) : value, fold.output);
        piece_at_.push_back(bytes);
        bytes += static_cast<size_t>(g_.piece) * fold.table.element_bytes;
      }
      folds_.push_back(fold);
    }
    if (outputs > 0) program_ = program.build(true);
    flops_ = static_cast<double>(element_count(shape)) *
             static_cast<double>(op.steps().size() + op.folds().size());
  }

  size_t workspace_bytes() const override {
    cpu::WorkspaceLayout layout;
    for (size_t i = 0; i < folds_.size(); ++i) take_partial(layout, i);
    return layout.bytes();
  }

  KernelCost cost(KernelCost operands) const override {
    operands.flops = flops_;
    return operands;
  }

  void run(const KernelFrame& frame) const override {
    std::array<std::byte*, kMostFolds> results;
    cpu::WorkspaceLayout layout(frame.workspace);
    for (size_t i = 0; i < folds_.size(); ++i) results[i] = take_partial(layout, i);
    parallel_for(g_.tasks(), [&](int64_t task) { TaskRunner(*this, frame).run(task, results); });
    if (g_.slices() == 1) return;
    parallel_ranges(g_.results(), kStrip, [&](int64_t begin, int64_t end) {
      for (size_t i = 0; i < folds_.size(); ++i) {
        const FoldTable& table = folds_[i].table;
        std::byte* const total = results[i] + accumulators(table, begin);
        for (int64_t slice = 1; slice < g_.slices(); ++slice) {
          table.combine(total, total + accumulators(table, slice * g_.results()), end - begin);
        }
        table.store(total, end - begin, frame.outputs[i], 1, begin);
      }
    });
  }

 private:
  struct Fold {
    FoldTable table;
    int value = 0;
    int input = -1;   // that is folded where it lies
    int output = -1;  // of the program, otherwise
  };

  static int64_t accumulators(const FoldTable& table, int64_t count) {
    return count * static_cast<int64_t>(table.accumulator_bytes);
  }
  // What the slices of a fold leave until all are done, one after the other.
  std::byte* take_partial(cpu::WorkspaceLayout& layout, size_t fold) const {
    const int64_t count = g_.slices() == 1 ? 0 : g_.slices() * g_.results();
    return layout.take<std::byte>(accumulators(folds_[fold].table, count));
  }

  // One thread's way through one task.
  class TaskRunner {
   public:
    TaskRunner(const FoldsKernel& kernel, const KernelFrame& frame)
        : kernel_(kernel), g_(kernel.g_), frame_(frame) {
      for (const Fold& fold : kernel.folds_) {
        strips_.emplace_back(fold.table);
        run_strips_.emplace_back(fold.table);
      }
      for (const size_t at : kernel.piece_at_) outputs_.push_back(pieces_ + at);
    }

    void run(int64_t task, const std::array<std::byte*, kMostFolds>& partial) {
      const int64_t column = task % g_.strips() * g_.strip;
      const int64_t slice = task / g_.strips() % g_.slices();
      const int64_t outer = task / g_.strips() / g_.slices();
      const int64_t columns = std::min(g_.strip, g_.columns - column);
      const Split rows(g_.wide_rows, g_.row_slices);
      const Split pieces(g_.pieces_of_run(), g_.run_slices);
      const int64_t row_slice = slice / g_.run_slices;
      const int64_t run_slice = slice % g_.run_slices;
      run_begin_ = pieces.begin(run_slice) * g_.piece;
      run_end_ = std::min(pieces.end(run_slice) * g_.piece, g_.run);
      fold_rows(outer, rows.begin(row_slice), rows.end(row_slice), column, columns);
      const int64_t first = outer * g_.columns + column;
      for (size_t i = 0; i < strips_.size(); ++i) {
        const FoldTable& table = kernel_.folds_[i].table;
        std::byte* const total = strips_[i].finish();
        for (int64_t half = g_.wide / 2; half > 0; half /= 2) {
          table.combine(total, total + accumulators(table, half * columns), half * columns);
        }
        if (g_.slices() == 1) {
          table.store(total, columns, frame_.outputs[i], 1, first);
        } else {
          std::memcpy(partial[i] + accumulators(table, slice * g_.results() + first), total,
                      static_cast<size_t>(accumulators(table, columns)));
        }
      }
    }

   private:
    // Wide rows [begin, end) at one outer position, so many columns from `column` on.
    void fold_rows(int64_t outer, int64_t begin, int64_t end, int64_t column, int64_t columns) {
      const int64_t row_elements = g_.wide * g_.columns * g_.run;
      const int64_t at = outer * g_.rows * g_.columns * g_.run + column * g_.run;
      const int64_t full_rows = g_.rows / g_.wide;
      // Rows that are computed as one piece: those of all columns, which follow each other.
      const int64_t at_once =
          columns == g_.columns ? std::clamp<int64_t>(g_.piece / row_elements, 1, kStrip / columns)
                                : 1;
      for (AccumulatorStrip& strip : strips_) strip.start(columns * g_.wide, end - begin);
      for (int64_t row = begin; row < end;) {
        const int64_t first = at + row * row_elements;
        int64_t rows = std::min({at_once, end - row, strips_[0].room()});
        if (row == full_rows) {
          take_columns(first, 1, g_.rows % g_.wide * columns);
          rows = 1;
        } else {
          rows = std::min(rows, full_rows - row);
          if (g_.run == 1) {
            take_columns(first, rows, g_.wide * columns);
          } else if (rows == 1) {
            fold_runs(first, columns);
          } else {
            fold_runs_of_rows(first, rows, columns);
          }
        }
        for (AccumulatorStrip& strip : strips_) strip.advance(rows);
        row += rows;
      }
    }

    // Rows of single elements, of so many columns each, that follow each other.
    void take_columns(int64_t first, int64_t rows, int64_t columns) {
      const int64_t most = rows == 1 ? g_.piece : rows * columns;
      for (int64_t done = 0; done < columns; done += most) {
        const int64_t count = std::min(most, rows * columns - done);
        compute(first + done, count);
        for_each_fold(first + done, [&](size_t i, const FoldTable& table, const std::byte* piece) {
          table.take_rows(strips_[i].accumulators() + accumulators(table, done), piece, columns,
                          rows, 1, count / rows);
        });
      }
    }

    // One row: a run for each column.
    void fold_runs(int64_t first, int64_t columns) {
      if (g_.run > g_.piece) {
        for (int64_t column = 0; column < columns; ++column) {
          fold_long_run(first + column * g_.run, column);
        }
        return;
      }
      const int64_t most = std::min(g_.piece / g_.run, kStrip);
      for (int64_t column = 0; column < columns; column += most) {
        const int64_t runs = std::min(most, columns - column);
        const int64_t at = first + column * g_.run;
        compute(at, runs * g_.run);
        for_each_fold(at, [&](size_t i, const FoldTable& table, const std::byte* piece) {
          table.fold_rows({piece, g_.run, runs, g_.run}, folded_.bytes);
          table.combine(strips_[i].accumulators() + accumulators(table, column), folded_.bytes,
                        runs);
        });
      }
    }

    // The task's part of a run of several pieces, which has accumulators of its own.
    void fold_long_run(int64_t first, int64_t column) {
      for (AccumulatorStrip& strip : run_strips_) strip.start(1, g_.pieces_of_run());
      for (int64_t done = run_begin_; done < run_end_; done += g_.piece) {
        const int64_t length = std::min(g_.piece, run_end_ - done);
        compute(first + done, length);
        for_each_fold(first + done, [&](size_t i, const FoldTable& table, const std::byte* piece) {
          table.fold_rows({piece, length, 1, length}, folded_.bytes);
          table.combine(run_strips_[i].accumulators(), folded_.bytes, 1);
          run_strips_[i].advance(1);
        });
      }
      for (size_t i = 0; i < strips_.size(); ++i) {
        const FoldTable& table = kernel_.folds_[i].table;
        table.combine(strips_[i].accumulators() + accumulators(table, column),
                      run_strips_[i].finish(), 1);
      }
    }

    // Rows of runs that are one piece.
    void fold_runs_of_rows(int64_t first, int64_t rows, int64_t columns) {
      compute(first, rows * columns * g_.run);
      for_each_fold(first, [&](size_t i, const FoldTable& table, const std::byte* piece) {
        table.fold_rows({piece, g_.run, rows * columns, g_.run}, folded_.bytes);
        for (int64_t row = 0; row < rows; ++row) {
          table.combine(strips_[i].accumulators(),
                        folded_.bytes + accumulators(table, row * columns), columns);
        }
      });
    }

    void compute(int64_t first, int64_t count) {
      if (kernel_.program_ == nullptr) return;
      KernelFrame frame = frame_;
      frame.outputs = outputs_.data();
      kernel_.program_->run_range(frame, first, first + count, first);
    }

    // body(number, table, the piece of elements from `first` on) of each fold.
    template <typename Body>
    void for_each_fold(int64_t first, const Body& body) {
      for (size_t i = 0; i < strips_.size(); ++i) {
        const Fold& fold = kernel_.folds_[i];
        const auto* const piece =
            fold.input < 0
                ? static_cast<const std::byte*>(outputs_[static_cast<size_t>(fold.output)])
                : static_cast<const std::byte*>(frame_.inputs[fold.input]) +
                      first * static_cast<int64_t>(fold.table.element_bytes);
        body(i, fold.table, piece);
      }
    }

    const FoldsKernel& kernel_;
    const SweepGeometry& g_;
    const KernelFrame& frame_;
    absl::InlinedVector<AccumulatorStrip, kMostFolds> strips_;
    absl::InlinedVector<AccumulatorStrip, kMostFolds> run_strips_;  // of one run
    int64_t run_begin_ = 0;                                         // the task's part of each run
    int64_t run_end_ = 0;
    absl::InlinedVector<void*, kMostFolds> outputs_;  // of the program
    AccumulatorBuffer folded_;
    alignas(64) std::byte pieces_[kPieceBytes];
  };

  SweepGeometry g_;
  absl::InlinedVector<Fold, kMostFolds> folds_;
  std::unique_ptr<const GroupKernel> program_;  // null where all folds are of inputs
  std::vector<size_t> piece_at_;                // by output of the program
  double flops_ = 0;
};

const char* supports(const KernelCall& call) {
  const auto& op = call.op_as<FusedFoldsOp>();
  if (op.folds().size() > kMostFolds) return "more reductions than one sweep has room for";
  for (const FusedStep& fold : op.folds()) {
    const DType dtype = dtype_of(call, fold.operands[0]);
    if (dtype != DType::kFloat32 && dtype != DType::kFloat64) return "only floats are folded so";
  }
  const Dims shape = whole_shape(call);
  const auto elements = static_cast<size_t>(element_count(shape));
  if (elements * size_of(dtype_of(call, op.folds()[0].operands[0])) < kLeastBytes) {
    return "what is reduced stays in the second cache at any rate";
  }
  if (!sweep_geometry(shape, op.reduction(0).axes(), piece_elements(call))) {
    return "reduced and kept axes alternate too often";
  }
  std::vector<DType> dtypes;
  for (const OperandLayout& input : call.inputs) dtypes.push_back(input.dtype);
  return steps_refusal(op.steps(), std::move(dtypes));
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  return std::make_unique<FoldsKernel>(maker.call());
}

const KernelRegistrar fused_folds({.op = "fused_folds",
                                   .name = "fused_folds_pieces",
                                   .strided_inputs = true,
                                   .supports = supports,
                                   .make = make});

}  // namespace
}  // namespace bitale::reduction
