#include "tests/rewrites/shape_steps.h"

#include <algorithm>
#include <utility>

#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

// `v` has elements of both.
Tracked either(const Tracked& a, const Tracked& b, const Variable& v, const Dims& shape) {
  return {v, shape, std::min(a.low, b.low), std::max(a.high, b.high), std::max(a.error, b.error)};
}

// The first row replaced or increased, alone, read back, or added to a tensor of zeros.
void written(GraphPool& pool, const Tracked& x) {
  const Variable row = x.v[slice(0, 1)];
  const Variable zeros = zeros_like(x.v);
  switch (pool.pick(3)) {
    case 0:
      pool.keep(either(x, tanh(x), set_subtensor(x.v, {slice(0, 1)}, tanh(row)), x.shape));
      break;
    case 1:
      pool.keep(
          sliced(pool, either(x, add(x, x), inc_subtensor(x.v, {slice(0, 1)}, row), x.shape)));
      break;
    default:
      pool.keep(either(x, add(x, x), x.v + inc_subtensor(zeros, {slice(0, 1)}, row), x.shape));
      break;
  }
}

// A new axis of length 2 in front.
Dims two(Dims shape) {
  shape.insert(shape.begin(), 2);
  return shape;
}
ShapeItems twice_of(const Variable& v) {
  ShapeItems lengths = {2};
  for (const ShapeItem& length : lengths_of(v)) lengths.push_back(length);
  return lengths;
}

}  // namespace

Tracked sliced(GraphPool& pool, const Tracked& x) {
  Indices indices;
  Dims shape;
  for (const int64_t length : x.shape) {
    const auto start =
        length == 0 ? 0 : static_cast<int64_t>(pool.pick(static_cast<size_t>(length)));
    switch (length == 0 ? 0 : pool.pick(5)) {
      case 0:
        indices.push_back(slice());
        shape.push_back(length);
        break;
      case 1:
        indices.push_back(slice(none, none, -1));
        shape.push_back(length);
        break;
      case 2:
        indices.push_back(start);
        break;
      case 3:
        indices.push_back(slice(start, none));
        shape.push_back(length - start);
        break;
      default:
        indices.push_back(slice(none, start + 1));
        shape.push_back(start + 1);
        break;
    }
  }
  return moved(x, subtensor(x.v, indices), shape);
}

Tracked arranged(GraphPool& pool, const Tracked& x) {
  const Variable& v = x.v;
  const Dims& shape = x.shape;
  if (shape.empty()) return moved(x, dimshuffle(v, {'x'}), {1});
  int64_t count = 1;
  for (const int64_t length : shape) count *= length;
  Dims reversed(shape.rbegin(), shape.rend());
  Dims expanded = shape;
  expanded.insert(expanded.begin(), 1);
  switch (pool.pick(13)) {
    case 9:
      return x.is_float() ? moved(x, reshape(tanh(reshape(v, {-1})), lengths_of(v)), shape) : x;
    case 10:
      if (v.dtype() == DType::kBool) {
        return moved(x, transpose(logical_not(transpose(v))), shape);
      }
      return moved(neg(x), transpose(neg(transpose(v))), shape);
    case 11:
      return sliced(pool, moved(x, reshape(expand_dims(v, 0), lengths_of(v)), shape));
    case 12: {
      const Tracked repeated = moved(x, broadcast_to(expand_dims(v, 0), twice_of(v)), two(shape));
      return pool.pick(2) == 0 ? sliced(pool, repeated)
                               : moved(add(x, x), repeated.v + v, two(shape));
    }
    case 0:
      return moved(x, transpose(v), reversed);
    case 1:
      return moved(x, transpose(transpose(v)), shape);
    case 2:
      return moved(x, expand_dims(v, 0), expanded);
    case 3:
      return moved(x, reshape(v, {-1}), {count});
    case 4:
      return moved(x, reshape(reshape(v, {-1}), lengths_of(v)), shape);
    case 5:
      return moved(x, v[slice(0, bitale::shape(v, 0))], shape);
    case 6:
      return moved(x, v[slice(none, none, -1)], shape);
    case 7: {
      Dims less = shape;
      less[0] -= 1;
      return less[0] > 0 ? moved(x, v[slice(1, none)], less) : x;
    }
    default: {
      Dims twice = shape;
      twice[0] *= 2;
      return moved(x, concatenate({v, v}, 0), twice);
    }
  }
}

void add_parts(GraphPool& pool) {
  const Tracked& x = pool.any_float();
  if (x.shape.empty()) return;
  Dims lengths = x.shape;
  switch (pool.pick(8)) {
    case 0:
      pool.keep(sliced(pool, sliced(pool, x)));
      break;
    case 1: {
      lengths.insert(lengths.begin(), 2);
      const Tracked repeated = moved(x, broadcast_to(x.v, lengths), lengths);
      pool.keep(sum(repeated, static_cast<int64_t>(pool.pick(lengths.size())), pool.pick(2) == 0));
      break;
    }
    case 2:
      if (x.shape.size() == 2) {
        pool.keep(sum(moved(x, transpose(x.v), {x.shape[1], x.shape[0]}),
                      static_cast<int64_t>(pool.pick(2)), pool.pick(2) == 0));
      }
      break;
    case 3:
      lengths[0] *= 2;
      pool.keep(sliced(pool, either(x, tanh(x), concatenate({x.v, tanh(x.v)}), lengths)));
      break;
    case 4:
      lengths[0] *= 2;
      pool.keep(sum(moved(x, concatenate({x.v, x.v}), lengths), 0, false));
      break;
    case 5:
      pool.keep(
          sliced(pool, sum(x, static_cast<int64_t>(pool.pick(x.shape.size())), pool.pick(2) == 0)));
      break;
    case 6:
      written(pool, x);
      break;
    default: {
      const size_t axis = pool.pick(x.shape.size());
      if (x.shape[axis] == 0) return;
      pool.keep(neg(max(neg(x), static_cast<int64_t>(axis), pool.pick(2) == 0)));
      break;
    }
  }
}

}  // namespace bitale
