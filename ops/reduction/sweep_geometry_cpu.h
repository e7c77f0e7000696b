// How a sweep over elements in row-major order folds them over leading axes: in which loops, and
// how the work is split over threads. Follows from shape, axes
// and the length of a piece alone.

#ifndef BITALE_OPS_REDUCTION_SWEEP_GEOMETRY_CPU_H_
#define BITALE_OPS_REDUCTION_SWEEP_GEOMETRY_CPU_H_

#include <cstdint>
#include <optional>
#include <span>

#include "core/tensor/layout.h"

namespace bitale::reduction {

// Elements lie in the order [outer][rows][columns][run]: rows and runs are reduced, so that there
// is one result for each of outer * columns.
struct SweepGeometry {
  int64_t outer = 1;
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t run = 1;
  // Elements of a piece, which is computed at once: at most.
  int64_t piece = 0;
  // Where runs have length 1 and columns are few, so many rows are folded as one wide one; a power
  // of two. `wide_rows` counts these, of which the last one may be shorter.
  int64_t wide = 1;
  int64_t wide_rows = 1;
  // A task is one slice of the rows of one outer position, one strip of the columns, and one slice
  // of the pieces of runs that have several.
  int64_t row_slices = 1;
  int64_t run_slices = 1;
  int64_t strip = 1;  // columns

  int64_t results() const { return outer * columns; }
  int64_t strips() const { return (columns + strip - 1) / strip; }
  int64_t pieces_of_run() const { return (run + piece - 1) / piece; }
  // Parts that are folded into one result.
  int64_t slices() const { return row_slices * run_slices; }
  int64_t tasks() const { return outer * slices() * strips(); }
};

// Nothing where the reduced axes, apart from those of length 1, are not these two groups at most.
// No axis has length 0.
std::optional<SweepGeometry> sweep_geometry(const Dims& shape, std::span<const int64_t> axes,
                                            int64_t piece);

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_SWEEP_GEOMETRY_CPU_H_
