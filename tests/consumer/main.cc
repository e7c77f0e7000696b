#include <cstdio>

#include "bitale.h"

using namespace bitale;

int main() {
  // Symbols: inputs, and a shared variable that training will change.
  Variable x = matrix("x"), y = vector("y");
  Variable w = shared(Tensor::zeros(DType::kFloat32, {3}), "w");

  // An expression, its gradient, and a function that updates w at every call.
  Variable cost = mean(sqr(dot(x, w) - y));
  Function train = function({x, y}, cost, {.updates = {{w, w - 0.1 * grad(cost, w)}}});
  Function predict = function({x}, dot(x, w));

  // Data: 100 random points, and targets from weights that training has to find.
  RandomState rng(1);
  const Tensor points = rng.randn({100, 3}).cast(DType::kFloat32);
  const Tensor targets = eval(dot(x, Tensor::of<float>({1, -2, 3})), {{x, points}});

  for (int step = 0; step < 50; ++step) {
    const float c = train(points, targets).item<float>();
    if (step % 10 == 0) std::printf("step %2d  cost %.6f\n", step, c);
  }
  std::printf("w = %s\n", get_value(w).str().c_str());
  std::printf("prediction for ones: %.3f\n",
              predict(Tensor::ones(DType::kFloat32, {1, 3})).item<float>());
}
