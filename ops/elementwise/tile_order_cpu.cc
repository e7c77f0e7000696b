#include "ops/elementwise/tile_order_cpu.h"

#include <algorithm>

namespace bitale {
namespace {

constexpr int64_t kLineBytes = 64;
// Elements of a row that a group has, if there are more: they are read before the tiles are
// computed, and should still lie in a cache that is near.
constexpr int64_t kGroupColumns = 512;
// Pieces of rows are multiples of it, for the sake of vectors.
constexpr int64_t kStep = 16;

int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How many rows of such an operand have elements in one line.
int64_t line_rows(const StridedReader& reader) {
  const StridedReader::SideBySide axis = reader.side_by_side();
  if (axis.length == 0) return 1;
  return std::min(axis.length, kLineBytes / static_cast<int64_t>(reader.element_size()));
}

}  // namespace

TileOrder::TileOrder(std::span<const StridedReader* const> strided, int64_t count, int64_t most,
                     int64_t unit)
    : row_(std::max<int64_t>(count, 1)) {
  if (count == 0) return;
  // The longest row or period that is tiled whole; each divides all longer ones.
  for (const StridedReader* reader : strided) {
    const int64_t length = reader->row_length();
    if (length * line_rows(*reader) <= most) {
      unit = std::max(unit, length);
    } else {
      row_ = std::min(row_, length);
    }
    if (reader->period() <= most) unit = std::max(unit, reader->period());
  }
  rows_ = count / row_;
  int64_t row_groups = rows_;
  int64_t columns = most;
  for (const StridedReader* reader : strided) {
    if (rows_ == 1 || reader->row_length() != row_ || reader->side_by_side().length == 0) continue;
    beside_ = reader->side_by_side();
    rows_ = beside_.length;
    row_groups = divided_up(rows_, line_rows(*reader));
    group_rows_ = divided_up(rows_, row_groups);
    columns = std::min(columns, kGroupColumns);
    break;
  }
  const int64_t step = unit > 1 ? unit : kStep;
  piece_ = std::max(columns / step * step, step);
  if (row_ < count) {  // pieces of about the same length
    piece_ = divided_up(divided_up(row_, divided_up(row_, piece_)), step) * step;
  }
  piece_ = std::min(piece_, row_);
  const int64_t pieces = divided_up(row_, piece_);
  if (pieces == 1 && beside_.between == 1) {
    tile_rows_ = std::clamp<int64_t>(most / row_, 1, group_rows_);
  }
  groups_ = count / (row_ * rows_) * row_groups * pieces;
  pieces_ = Divisor(pieces);
  row_groups_ = Divisor(row_groups);
  between_ = Divisor(beside_.between);
}

TileOrder::Reading TileOrder::reading(const StridedReader& operand) const {
  const int64_t length = operand.row_length();
  const int64_t period = operand.period();
  const int64_t rows_apart = pieces_.value() == 1 ? row_ : piece_;  // tiles begin at multiples
  if (beside_.length > 0 && length == row_ && operand.side_by_side() == beside_) {
    return Reading::kGrouped;
  }
  if (operand.row_stride() == 1 && tile_rows_ == 1 &&
      (length % row_ == 0 || (rows_ == 1 && length % piece_ == 0))) {
    return Reading::kInPlace;
  }
  if (period > 0 && row_ % period == 0 && rows_apart % period == 0) return Reading::kRepeated;
  return Reading::kCopied;
}

TileOrder::Group TileOrder::group(int64_t index) const {
  if (rows_ == 1) {
    const int64_t first = index * piece_;
    return {first, 1, std::min(piece_, row_ - first), 0};
  }
  const auto [row_piece, piece] = pieces_.divide(index);
  const auto [group, between] = between_.divide(row_piece);
  const auto [outer, row_group] = row_groups_.divide(group);
  const int64_t column = piece * piece_;
  const int64_t row = row_group * group_rows_;
  return {((outer * rows_ + row) * beside_.between + between) * row_ + column,
          std::min(group_rows_, rows_ - row), std::min(piece_, row_ - column),
          beside_.between * row_};
}

}  // namespace bitale
