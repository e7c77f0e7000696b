#include "tests/rewrites/random_graph.h"

#include "core/base/error.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "tests/rewrites/elementwise_steps.h"
#include "tests/rewrites/graph_pool.h"
#include "tests/rewrites/shape_steps.h"
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
        keep(unary(*this, any_float()));
        break;
      case 2:
        keep(spelled_out(*this, any_float()));
        break;
      case 3:
      case 4:
        add_binary(*this);
        break;
      case 5:
        reduction(any_float());
        break;
      case 6:
        keep(arranged(*this, any()));
        break;
      case 7:
        keep(sliced(*this, pick(2) == 0 ? any() : unary(*this, any_float())));
        break;
      case 8:
        add_parts(*this);
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
          keep(sliced(*this, product));
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
          keep(pick(3) == 0 ? sliced(*this, p) : pick(2) == 0 ? p : log(p));
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
