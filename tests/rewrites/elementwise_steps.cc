#include "tests/rewrites/elementwise_steps.h"

#include <algorithm>

#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Tracked unary(GraphPool& pool, const Tracked& x) {
  switch (pool.pick(10)) {
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

Tracked spelled_out(GraphPool& pool, const Tracked& wide) {
  const Tracked x = wide.size() > 4 ? tanh(wide) : wide;
  const Tracked one = number(1, x);
  const Tracked two = number(2, x);
  const Tracked half = number(0.5, x);
  switch (pool.pick(31)) {
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

void add_binary(GraphPool& pool) {
  const Tracked& a = pool.any_float();
  const Tracked& b = pool.any_float();
  if (!fit(a, b)) return;
  switch (pool.pick(9)) {
    case 0:
      pool.keep(add(a, b));
      break;
    case 1:
      pool.keep(sub(a, b));
      break;
    case 2:
      pool.keep(mul(a, b));
      break;
    case 3:
      pool.keep(div(a, add(sqr(b), number(0.5, b))));
      break;
    case 4:
      pool.keep(maximum(a, b));
      break;
    case 5:
      pool.keep(minimum(a, b));
      break;
    case 6:
      pool.keep(add(neg(a), mul(number(-1, b), b)));
      break;
    case 7:
      pool.keep(mul(neg(a), b));
      break;
    default:
      // Jumps where the condition does, so that must be exact.
      if (a.is_exact() && a.shape == b.shape && pool.pick(2) == 0) {
        Tracked y = minimum(neg(b), number(0, b));
        y.high = std::max(0.0, -b.low);
        y.v = where(gt(a.v, 0.25), neg(b).v, where(gt(a.v, 0.25), b.v, 0));
        pool.keep(y);
      } else if (a.is_exact() && a.shape == b.shape) {
        const Tracked other = neg(b);
        Tracked y = maximum(b, other);
        y.v = where(gt(a.v, 0.25), b.v, other.v);
        y.low = std::min(b.low, other.low);
        pool.keep(y);
      }
  }
}

}  // namespace bitale
