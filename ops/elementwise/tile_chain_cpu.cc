#include "ops/elementwise/tile_chain_cpu.h"

#include <algorithm>

#include "ops/elementwise/pack_chain_cpu.h"

namespace bitale {
namespace {

using Form = RowOperands::Form;

void* element(void* first, int64_t index, DType dtype) {
  return static_cast<std::byte*>(first) + index * static_cast<int64_t>(size_of(dtype));
}

}  // namespace

void TileChains::run(const TileInstruction& chain, const KernelFrame& frame, const TileRange& tile,
                     void* const* values) const {
  if (!chain.has_rows) return run_rows(chain, frame, tile, {0, 1, tile.count}, values);
  const int64_t length = row_.value();
  const int64_t column = row_.divide(tile.first).remainder;
  int64_t done = 0;
  if (column > 0) {
    done = std::min(tile.count, length - column);
    run_rows(chain, frame, tile, {0, 1, done}, values);
  }
  const int64_t rows = (tile.count - done) / length;
  if (rows > 0) run_rows(chain, frame, tile, {done, rows, length}, values);
  done += rows * length;
  if (done < tile.count) run_rows(chain, frame, tile, {done, 1, tile.count - done}, values);
}

void TileChains::run_rows(const TileInstruction& chain, const KernelFrame& frame,
                          const TileRange& tile, const Rows& rows, void* const* values) const {
  alignas(64) double numbers[cpu::row_chain::kMostSteps][kMostTileRows];
  const DType dtype = group_.dtypes[chain.source];
  const Divisor::Result at = row_.divide(tile.first + rows.begin);
  cpu::row_chain::Step steps[cpu::row_chain::kMostSteps];
  for (size_t i = 0; i < chain.links.size(); ++i) {
    const auto& [kind, value] = chain.links[i];
    cpu::row_chain::Step& step = steps[i];
    step.kind = kind;
    if (value < 0) continue;
    switch (group_.form(value)) {
      case Form::kElements:
        step.place = element(values[value], rows.begin, dtype);
        step.row_stride = rows.length;
        break;
      case Form::kUniform:
        step.place = frame.inputs[value];
        step.is_number = true;
        break;
      case Form::kNumbers:
        step.place = numbers[i];
        step.is_number = true;
        step.row_stride = 1;
        group_.rows.read_numbers(value, frame.inputs[value], at.quotient, rows.count, step.place);
        break;
      case Form::kRow:
        step.place = element(frame.inputs[value], at.remainder, dtype);
        break;
    }
  }
  cpu::row_chain::Fetch fetches[cpu::row_chain::kMostFetches];
  const size_t fetch_count = fetches_.for_chain(rows.begin, tile.ahead, values, fetches);
  const cpu::row_chain::Chain run = {.source = element(values[chain.source], rows.begin, dtype),
                                     .source_stride = rows.length,
                                     .steps = {steps, chain.links.size()},
                                     .fold = std::nullopt,
                                     .rows = rows.count,
                                     .length = rows.length,
                                     .fetches = {fetches, fetch_count}};
  (chain.has_functions ? run_pack_chain : cpu::row_chain::run)(run, dtype == DType::kFloat64);
}

}  // namespace bitale
