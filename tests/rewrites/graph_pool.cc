#include "tests/rewrites/graph_pool.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/graph/inputs.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kLargest = 20;

}  // namespace

GraphPool::GraphPool(uint64_t seed)
    : generator_(seed), seed_(seed), dtype_(pick(3) == 0 ? DType::kFloat32 : DType::kFloat64) {}

size_t GraphPool::pick(size_t count) {
  return std::uniform_int_distribution<size_t>(0, count - 1)(generator_);
}

const Tracked& GraphPool::any_float() {
  for (;;) {
    const Tracked& early = any();
    const size_t back = pick(std::min<size_t>(4, expressions_.size()));
    const Tracked& x = pick(2) == 0 ? early : expressions_[expressions_.size() - 1 - back];
    if (x.is_float()) return x;
  }
}

void GraphPool::add_leaf(const Dims& shape, DType dtype) {
  SymbolicDims dims;
  const size_t kind = pick(3);
  for (const int64_t length : shape) {
    dims.push_back(length == 1 || kind == 0 ? Dim(length)
                   : kind == 1              ? Dim(absl::StrCat("d", length))
                                            : Dim());
  }
  const uint64_t seed = seed_of_next_input();
  const Variable v = tensor(dtype, dims, absl::StrCat("x", graph_.inputs.size()));
  graph_.inputs.push_back(v);
  if (is_floating(dtype)) {
    graph_.values.push_back(random_tensor(shape, -2, 2, seed).cast(dtype));
    expressions_.push_back({v, shape, -2, 2, 0});
  } else {
    const int64_t low = dtype == DType::kBool ? 0 : -5, high = dtype == DType::kBool ? 1 : 5;
    graph_.values.push_back(random_integers(shape, low, high + 1, dtype, seed));
    expressions_.push_back({v, shape, static_cast<double>(low), static_cast<double>(high), 0});
  }
}

Variable GraphPool::add_indices(const Dims& shape, int64_t length) {
  const uint64_t seed = seed_of_next_input();
  const Variable v =
      tensor(DType::kInt64, SymbolicDims(shape.size()), absl::StrCat("i", graph_.inputs.size()));
  graph_.inputs.push_back(v);
  graph_.values.push_back(random_integers(shape, -length, length, DType::kInt64, seed));
  return v;
}

void GraphPool::keep(Tracked x) {
  if (x.size() > kLargest) {
    if (!x.is_float()) return;
    x = tanh(x);
  }
  if (x.error > (x.v.dtype() == DType::kFloat32 ? 1e-3 : 1e-9)) return;
  expressions_.push_back(std::move(x));
}

RandomGraph GraphPool::finish() {
  const size_t count = std::min<size_t>(3, expressions_.size());
  graph_.outputs.assign(expressions_.end() - static_cast<std::ptrdiff_t>(count),
                        expressions_.end());
  return std::move(graph_);
}

bool fit(const Tracked& a, const Tracked& b) {
  const size_t rank = std::min(a.shape.size(), b.shape.size());
  for (size_t i = 1; i <= rank; ++i) {
    if (!fit(a, a.shape.size() - i, b, b.shape.size() - i)) return false;
  }
  return true;
}

bool fit(const Tracked& a, size_t axis_of_a, const Tracked& b, size_t axis_of_b) {
  return a.shape[axis_of_a] == b.shape[axis_of_b] || a.v.type().dims[axis_of_a] == Dim(1) ||
         b.v.type().dims[axis_of_b] == Dim(1);
}

}  // namespace bitale
