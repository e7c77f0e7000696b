#include "tests/rewrites/structured_steps.h"

#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"

namespace bitale {
namespace {

// Ranks above this are not gathered from: each gather may add an axis.
constexpr size_t kLargestGatheredRank = 3;

bool has_elements(const Tracked& x) { return element_count(x.shape) > 0; }

void stacked(GraphPool& pool) {
  const auto a =
      pool.any_that([](const Tracked& x) { return x.is_float() && x.shape.size() == 3; });
  if (!a) return;
  const auto b = pool.any_that([&](const Tracked& x) {
    const size_t rank = x.shape.size();
    return x.is_float() && (rank == 2 || (rank == 3 && fit(*a, 0, x, 0))) &&
           x.shape[rank - 2] == a->shape[2];
  });
  if (b) pool.keep(matmul(*a, *b));
}

// Entries along an axis at integers of rank 1 or 2, some of them twice.
void taken(GraphPool& pool) {
  const Tracked x = pool.any_float();
  if (x.shape.empty() || x.shape.size() > kLargestGatheredRank) return;
  const auto axis = static_cast<int64_t>(pool.pick(x.shape.size()));
  const int64_t length = x.shape[static_cast<size_t>(axis)];
  if (length == 0) return;
  const Dims places = pool.pick(2) == 0 ? Dims{5} : Dims{2, 2};
  Dims shape(x.shape.begin(), x.shape.begin() + axis);
  shape.insert(shape.end(), places.begin(), places.end());
  shape.insert(shape.end(), x.shape.begin() + axis + 1, x.shape.end());
  pool.keep(moved(x, take(x.v, pool.add_indices(places, length), axis), shape));
}

// Half the product of two sequences, part by part.
void mapped(GraphPool& pool) {
  const Tracked x = pool.any_float();
  if (x.shape.empty()) return;
  const Tracked y = sigmoid(x);
  const Variable parts =
      map([](const Variables& part) { return part[0] * part[1] * 0.5; }, {x.v, y.v});
  pool.keep(moved(mul(mul(x, y), number(0.5, x)), parts, x.shape));
}

Tracked pooled(GraphPool& pool, const Tracked& x) {
  constexpr PoolMode kModes[] = {PoolMode::kMax, PoolMode::kMax, PoolMode::kSum,
                                 PoolMode::kAverageIncPad, PoolMode::kAverageExcPad};
  const PoolMode mode = kModes[pool.pick(std::size(kModes))];
  return pool_2d(x, mode, /*ignore_border=*/pool.pick(2) == 0);
}

void filtered(GraphPool& pool) {
  const auto is_stack_of_images = [](const Tracked& x) {
    return x.is_float() && x.shape.size() == 4 && has_elements(x);
  };
  const auto images = pool.any_that(is_stack_of_images);
  if (!images) return;
  const auto filters = pool.any_that([&](const Tracked& x) {
    return is_stack_of_images(x) && x.shape[1] == images->shape[1] &&
           x.shape[2] <= images->shape[2] && x.shape[3] <= images->shape[3];
  });
  if (!filters) return;
  const Tracked maps = conv2d(*images, *filters, /*full=*/pool.pick(2) == 0);
  pool.keep(pool.pick(2) == 0 ? maps : pooled(pool, maps));
}

}  // namespace

void add_choice(GraphPool& pool) {
  const Tracked x = pool.any_float();
  if (x.is_exact() && pool.pick(3) == 0) {
    pool.keep(gt(x, 0.25));
    return;
  }
  const auto is_truth = [](const Tracked& v) { return v.v.dtype() == DType::kBool; };
  const auto a = pool.any_that(is_truth), b = pool.any_that(is_truth);
  if (!a || !b) return;
  switch (pool.pick(8)) {
    case 0:
      pool.keep(logical_not(logical_not(*a)));
      break;
    case 1:
      if (fit(*a, *b)) pool.keep(logical_and(*a, logical_not(*b)));
      break;
    case 2:
      if (fit(*a, *b)) pool.keep(logical_or(*a, *b));
      break;
    case 3:
      if (fit(*a, *b)) pool.keep(logical_xor(*a, *b));
      break;
    case 4: {
      if (a->shape.empty()) break;
      const auto axis = static_cast<int64_t>(pool.pick(a->shape.size()));
      const bool keepdims = pool.pick(2) == 0;
      pool.keep(pool.pick(2) == 0 ? any(*a, axis, keepdims) : all(*a, axis, keepdims));
      break;
    }
    case 5:
      pool.keep(moved(*a, cast(a->v, pool.dtype()), a->shape));
      break;
    default: {
      const Tracked& y = pool.any_float();
      if (fit(*a, x) && fit(*a, y) && fit(x, y)) pool.keep(where(*a, x, y));
      break;
    }
  }
}

void add_structure(GraphPool& pool) {
  switch (pool.pick(5)) {
    case 0:
      stacked(pool);
      break;
    case 1:
      taken(pool);
      break;
    case 2:
      mapped(pool);
      break;
    case 3:
      filtered(pool);
      break;
    default: {
      const auto images = pool.any_that(
          [](const Tracked& x) { return x.is_float() && x.shape.size() >= 2 && has_elements(x); });
      if (images) pool.keep(pooled(pool, *images));
      break;
    }
  }
}

}  // namespace bitale
