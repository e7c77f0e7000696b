#include "tests/rewrites/random_graph.h"

#include "core/base/error.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "tests/rewrites/graph_pool.h"
#include "tests/rewrites/structured_steps.h"

namespace bitale {
namespace {

class Builder : public GraphPool {
 public:
  using GraphPool::GraphPool;

  RandomGraph build() {
    for (const Dims& shape : {Dims{}, Dims{3}, Dims{2, 3}, Dims{3, 4}, Dims{4, 3}, Dims{1, 4}}) {
      add_leaf(shape, dtype());
    }
    if (pick(3) == 0) add_leaf({2, 3, 4}, dtype());
    if (pick(3) == 0) add_leaf({0, 3}, dtype());
    if (pick(4) == 0) {
      add_leaf({2, 2, 4, 5}, dtype());
      add_leaf({3, 2, 2, 3}, dtype());
    }
    if (pick(2) == 0) add_leaf({3, 4}, DType::kInt64);
    if (pick(2) == 0) add_leaf({3, 4}, DType::kBool);
    const size_t steps = 8 + pick(12);
    for (size_t step = 0; step < steps; ++step) {
      try {
        take_step();
      } catch (const ShapeError&) {
        // Operands that do not fit: another step.
      }
    }
    return finish();
  }

 private:
  void take_step() {
    switch (pick(12)) {
      case 0:
      case 1:
        keep(unary(any_float()));
        break;
      case 2:
        keep(spelled_out(any_float()));
        break;
      case 3:
      case 4:
        binary();
        break;
      case 5:
        reduction(any_float());
        break;
      case 6:
        keep(arranged(any()));
        break;
      case 7:
        keep(sliced(pick(2) == 0 ? any() : unary(any_float())));
        break;
      case 8:
        parts();
        break;
      case 9:
        add_choice(*this);
        break;
      case 10:
        add_structure(*this);
        break;
      default:
        special();
        break;
    }
  }

  // A part of every axis: all of it, a slice, the reverse, or one position.
  Tracked sliced(const Tracked& x) {
    Indices indices;
    Dims shape;
    for (const int64_t length : x.shape) {
      const auto start = length == 0 ? 0 : static_cast<int64_t>(pick(static_cast<size_t>(length)));
      switch (length == 0 ? 0 : pick(5)) {
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

  // Parts beside what rules move them through.
  void parts() {
    const Tracked& x = any_float();
    if (x.shape.empty()) return;
    Dims lengths = x.shape;
    switch (pick(8)) {
      case 0:
        keep(sliced(sliced(x)));
        break;
      case 1: {
        lengths.insert(lengths.begin(), 2);
        const Tracked repeated = moved(x, broadcast_to(x.v, lengths), lengths);
        keep(sum(repeated, static_cast<int64_t>(pick(lengths.size())), pick(2) == 0));
        break;
      }
      case 2:
        if (x.shape.size() == 2) {
          keep(sum(moved(x, transpose(x.v), {x.shape[1], x.shape[0]}),
                   static_cast<int64_t>(pick(2)), pick(2) == 0));
        }
        break;
      case 3:
        lengths[0] *= 2;
        keep(sliced(either(x, tanh(x), concatenate({x.v, tanh(x.v)}), lengths)));
        break;
      case 4:
        lengths[0] *= 2;
        keep(sum(moved(x, concatenate({x.v, x.v}), lengths), 0, false));
        break;
      case 5:
        keep(sliced(sum(x, static_cast<int64_t>(pick(x.shape.size())), pick(2) == 0)));
        break;
      case 6:
        written(x);
        break;
      default: {
        const size_t axis = pick(x.shape.size());
        if (x.shape[axis] == 0) return;
        keep(neg(max(neg(x), static_cast<int64_t>(axis), pick(2) == 0)));
        break;
      }
    }
  }

  // The first row replaced or increased, alone, read back, or added to a tensor of zeros.
  void written(const Tracked& x) {
    const Variable row = x.v[slice(0, 1)];
    const Variable zeros = zeros_like(x.v);
    switch (pick(3)) {
      case 0:
        keep(either(x, tanh(x), set_subtensor(x.v, {slice(0, 1)}, tanh(row)), x.shape));
        break;
      case 1:
        keep(sliced(either(x, add(x, x), inc_subtensor(x.v, {slice(0, 1)}, row), x.shape)));
        break;
      default:
        keep(either(x, add(x, x), x.v + inc_subtensor(zeros, {slice(0, 1)}, row), x.shape));
        break;
    }
  }

  // `v` has elements of both.
  static Tracked either(const Tracked& a, const Tracked& b, const Variable& v, const Dims& shape) {
    return {v, shape, std::min(a.low, b.low), std::max(a.high, b.high), std::max(a.error, b.error)};
  }

  Tracked unary(const Tracked& x) {
    switch (pick(10)) {
      case 0:
        return neg(x);
      case 1:
        return abs(x);
      case 2:
        return sqr(x);
      case 3:
        return tanh(x);
      case 4:
        return sigmoid(x);
      case 5:
        return softplus(x);
      case 6:
        return sin(x);
      case 7:
        return exp(x.size() > 4 ? tanh(x) : x);
      case 8:
        return log(add(abs(x), number(0.5, x)));
      default:
        return sqrt(add(sqr(x), number(0.5, x)));
    }
  }

  // What rules know better.
  Tracked spelled_out(const Tracked& wide) {
    const Tracked x = wide.size() > 4 ? tanh(wide) : wide;
    const Tracked one = number(1, x);
    const Tracked two = number(2, x);
    const Tracked half = number(0.5, x);
    switch (pick(31)) {
      case 0:
        return mul(x, one);
      case 22:
        return log(add(exp(x), exp(mul(half, x))));
      case 23: {
        const Tracked positive = add(abs(x), half);
        return mul(positive, log(positive));
      }
      case 24:
        return mul(exp(x), exp(mul(half, x)));
      case 25:
        return div(exp(x), exp(neg(x)));
      case 26:
        return abs(relu(x));
      case 27:
        return log(sqrt(add(abs(x), half)));
      case 28:
        return pow(x, 4);
      case 29:
        return pow(add(abs(x), half), -2);
      case 30:
        return softplus(log(exp(x)));
      case 1:
        return add(number(0, x), x);
      case 2:
        return div(sub(x, number(0, x)), one);
      case 3:
        return neg(neg(x));
      case 4:
        return log(add(one, exp(x)));
      case 5:
        return div(one, add(one, exp(neg(x))));
      case 6:
        return div(exp(x), add(exp(x), one));
      case 7:
        return log(sigmoid(x));
      case 8:
        return log(sub(one, sigmoid(x)));
      case 9:
        return sub(one, sigmoid(x));
      case 10:
        return log(add(one, abs(x)));
      case 11:
        return sub(exp(x), one);
      case 12:
        return pow(x, 2);
      case 13:
        return pow(x, 3);
      case 14:
        return pow(add(abs(x), half), 0.5);
      case 15:
        return pow(add(abs(x), half), -1);
      case 16:
        return mul(mul(two, x), half);
      case 17:
        return div(mul(x, number(3, x)), number(4, x));
      case 18:
        return sub(neg(x), number(1.5, x));
      case 19:
        return mul(x, moved(one, ones_like(x.v), x.shape));
      case 20:
        return add(x, moved(half, full_like(x.v, half.v), x.shape));
      default:
        return sqrt(sqr(add(abs(x), half)));
    }
  }

  void binary() {
    const Tracked& a = any_float();
    const Tracked& b = any_float();
    if (!fit(a, b)) return;
    switch (pick(9)) {
      case 0:
        keep(add(a, b));
        break;
      case 1:
        keep(sub(a, b));
        break;
      case 2:
        keep(mul(a, b));
        break;
      case 3:
        keep(div(a, add(sqr(b), number(0.5, b))));
        break;
      case 4:
        keep(maximum(a, b));
        break;
      case 5:
        keep(minimum(a, b));
        break;
      case 6:
        keep(add(neg(a), mul(number(-1, b), b)));
        break;
      case 7:
        keep(mul(neg(a), b));
        break;
      default:
        // Jumps where the condition does, so that must be exact.
        if (a.is_exact() && a.shape == b.shape && pick(2) == 0) {
          Tracked y = minimum(neg(b), number(0, b));
          y.high = std::max(0.0, -b.low);
          y.v = where(gt(a.v, 0.25), neg(b).v, where(gt(a.v, 0.25), b.v, 0));
          keep(y);
        } else if (a.is_exact() && a.shape == b.shape) {
          const Tracked other = neg(b);
          Tracked y = maximum(b, other);
          y.v = where(gt(a.v, 0.25), b.v, other.v);
          y.low = std::min(b.low, other.low);
          keep(y);
        }
    }
  }

  void reduction(const Tracked& x) {
    if (x.shape.empty()) return;
    const auto axis = static_cast<int64_t>(pick(x.shape.size()));
    const bool keepdims = pick(2) == 0;
    // Over nothing there is a sum, but neither a maximum nor the logarithm of a sum.
    switch (x.shape[static_cast<size_t>(axis)] == 0 ? 0 : pick(6)) {
      case 0:
        keep(sum(x, axis, keepdims));
        break;
      case 1:
        keep(max(x, axis, keepdims));
        break;
      case 2:
        keep(sum(neg(x), axis, keepdims));
        break;
      case 3:
        keep(sum(mul(x, number(0.25, x)), axis, keepdims));
        break;
      case 4: {
        const Tracked inner = sum(x, axis, false);
        if (!inner.shape.empty()) keep(sum(inner, 0, false));
        break;
      }
      default: {
        const Tracked small = x.size() > 4 ? tanh(x) : x;
        keep(log(sum(exp(small), axis, keepdims)));
      }
    }
  }

  // A new axis of length 2 in front.
  static Dims two(Dims shape) {
    shape.insert(shape.begin(), 2);
    return shape;
  }
  static ShapeItems twice_of(const Variable& v) {
    ShapeItems lengths = {2};
    for (const ShapeItem& length : lengths_of(v)) lengths.push_back(length);
    return lengths;
  }

  Tracked arranged(const Tracked& x) {
    const Variable& v = x.v;
    const Dims& shape = x.shape;
    if (shape.empty()) return moved(x, dimshuffle(v, {'x'}), {1});
    int64_t count = 1;
    for (const int64_t length : shape) count *= length;
    Dims reversed(shape.rbegin(), shape.rend());
    Dims expanded = shape;
    expanded.insert(expanded.begin(), 1);
    switch (pick(13)) {
      case 9:
        return x.is_float() ? moved(x, reshape(tanh(reshape(v, {-1})), lengths_of(v)), shape) : x;
      case 10:
        if (v.dtype() == DType::kBool) {
          return moved(x, transpose(logical_not(transpose(v))), shape);
        }
        return moved(neg(x), transpose(neg(transpose(v))), shape);
      case 11:
        return sliced(moved(x, reshape(expand_dims(v, 0), lengths_of(v)), shape));
      case 12: {
        const Tracked repeated = moved(x, broadcast_to(expand_dims(v, 0), twice_of(v)), two(shape));
        return pick(2) == 0 ? sliced(repeated) : moved(add(x, x), repeated.v + v, two(shape));
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

  void special() {
    const Tracked& a = any_float();
    switch (pick(5)) {
      case 0:
      case 1: {
        const Tracked& b = any_float();
        if (a.shape.size() != 2 || b.shape.empty() || b.shape.size() > 2) return;
        if (a.shape[1] != b.shape[0]) return;
        const Tracked product = dot(a, b);
        if (b.shape.size() == 2 && pick(3) == 0) {
          // An addend that lies in memory the other way round.
          const Variable turned = transpose(dot(transpose(b.v), transpose(a.v)));
          keep(tanh(add(moved(product, turned, product.shape), product)));
          return;
        }
        if (pick(4) == 0) {
          keep(sliced(product));
          return;
        }
        if (b.shape.size() == 2 && pick(4) == 0) {
          const Variable turned = transpose(dot(a.v, b.v));
          keep(moved(product, turned, {product.shape[1], product.shape[0]}));
          return;
        }
        if (pick(4) == 0) {
          keep(dot(mul(number(0.5, a), a), neg(b)));
          return;
        }
        // Where something has its shape, the product is added to that.
        for (const Tracked& c : expressions()) {
          if (!c.is_float() || c.shape != product.shape || !fit(c, product)) continue;
          const Tracked scaled = pick(2) == 0 ? product : mul(number(0.5, c), product);
          keep(pick(2) == 0 ? add(c, scaled) : sub(c, scaled));
          return;
        }
        keep(product);
        break;
      }
      case 2:
        if (!a.shape.empty()) {
          const Tracked small = a.size() > 4 ? tanh(a) : a;
          const Tracked p = softmax(small, static_cast<int64_t>(pick(a.shape.size())));
          keep(pick(3) == 0 ? sliced(p) : pick(2) == 0 ? p : log(p));
        }
        break;
      case 3:
        labelled(a);
        break;
      default:
        integers();
        break;
    }
  }

  // The usual spelling of a cross-entropy.
  void labelled(const Tracked& x) {
    if (x.shape.size() != 2 || x.shape[1] < 2) return;
    const Tracked small = x.size() > 4 ? tanh(x) : x;
    const Tracked p = log(softmax(small, 1));
    const Variable y = add_indices({x.shape[0]}, x.shape[1]);
    const Variable picked = p.v[{arange(bitale::shape(y, 0)), y}];
    keep(neg(moved(p, picked, {x.shape[0]})));
  }

  void integers() {
    for (size_t i = 0; i < expressions().size(); ++i) {
      const Tracked x = expressions()[i];
      if (x.v.dtype() != DType::kInt64) continue;
      switch (pick(5)) {
        case 0:
          keep(neg(neg(x)));
          break;
        case 1:
          keep(add(x, x));
          break;
        case 2:
          keep(abs(sub(x, neg(x))));
          break;
        case 3:
          keep(moved(x, cast(cast(x.v, DType::kInt32), DType::kInt64), x.shape));
          break;
        default:
          keep(moved(x, cast(x.v, dtype()), x.shape));
          break;
      }
      return;
    }
  }
};

}  // namespace

RandomGraph make_random_graph(uint64_t seed) { return Builder(seed).build(); }

}  // namespace bitale
