// Shared state: concurrency, errors in the middle of a step, other layouts, copies.

#include <gtest/gtest.h>

#include <thread>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/container.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

// Stores a matrix transposed.
const Packing kTransposed = {
    "transposed_of_state_test",
    [](DType, const Dims& shape, const PackingParameters&) { return element_count(shape); },
    [](const Tensor& strided, const Tensor& packed, const PackingParameters&) {
      packed.assign(strided.transpose().copy().reshape({strided.size()}));
    },
    [](const Tensor& packed, const Tensor& strided, const PackingParameters&) {
      strided.transpose().assign(packed.reshape({strided.shape()[1], strided.shape()[0]}));
    }};

TEST(State, ASecondFunctionReadsWhatAnotherLayoutHolds) {
  Variable w = shared(Tensor::of<double>({{1, 2, 3}, {4, 5, 6}}), "w");
  Variable x = dvector("x");
  Function f = function({x}, dot(w, x));
  // Somebody keeps the weights packed and writes them in that form.
  SharedContainer& container = *w.container();
  const Tensor packed = container.begin_write(kCpu, {&kTransposed});
  EXPECT_EQ(packed.to_vector<double>(), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  packed.data<double>()[0] = 10;
  container.wrote(kCpu, {&kTransposed});
  EXPECT_EQ(f(Tensor::of<double>({1, 0, 0}))[0].to_vector<double>(), (std::vector<double>{10, 4}));
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{10, 2, 3, 4, 5, 6}));
  const uint64_t conversions = container.conversion_count();
  f(Tensor::of<double>({1, 0, 0}));
  EXPECT_EQ(container.conversion_count(), conversions) << "nothing changed, nothing is converted";
}

TEST(State, AnErrorInTheMiddleOfAStepChangesNothing) {
  Variable table = shared(Tensor::of<double>({1, 2, 3}), "table");
  Variable count = shared(Tensor(0.0), "count");
  Variable i = lvector("i");
  Function step = function({i}, sum(take(table, i, 0)),
                           {.updates = {{count, count + 1.0}, {table, table * 2.0}}});
  step(Tensor::of<int64_t>({0, 2}));
  EXPECT_THROW(step(Tensor::of<int64_t>({0, 7})), Error);
  EXPECT_EQ(get_value(count).item<double>(), 1.0);
  EXPECT_EQ(get_value(table).to_vector<double>(), (std::vector<double>{2, 4, 6}));
}

TEST(State, FunctionsThatShareWeightsSeeNoTornUpdate) {
  constexpr int64_t kLength = 4000;
  Variable w = shared(Tensor::zeros(DType::kFloat64, {kLength}), "w");
  Variable v = shared(Tensor::zeros(DType::kFloat64, {kLength}), "v");
  Function step = function({}, {}, {.updates = {{w, w + 1.0}, {v, v - 1.0}}});
  Function spread = function({}, {max(w + v), min(w + v)});
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) step();
  });
  std::thread second_writer([&] {
    for (int i = 0; i < 300; ++i) step();
  });
  for (int i = 0; i < 300; ++i) {
    const Results out = spread();
    ASSERT_EQ(out[0].item<double>(), 0.0);
    ASSERT_EQ(out[1].item<double>(), 0.0);
  }
  writer.join();
  second_writer.join();
  EXPECT_EQ(get_value(w).to_vector<double>()[0], 600.0);
}

TEST(State, TheLastPartialBatchCostsOneMoreProgram) {
  Variable data = shared(Tensor::arange(DType::kFloat64, 10), "data");
  Variable index = lscalar("index");
  Function f = function({index}, sum(data[slice(index * 4, (index + 1) * 4)]));
  EXPECT_EQ(f(0).item<double>(), 6.0);
  EXPECT_EQ(f(1).item<double>(), 22.0);
  EXPECT_EQ(f.compile_count(), 1u);
  EXPECT_EQ(f(2).item<double>(), 17.0);
  EXPECT_EQ(f.compile_count(), 2u);
}

TEST(State, ACopyWorksOnOtherSharedVariables) {
  Variable a = shared(Tensor(1.0), "a"), b = shared(Tensor(10.0), "b");
  Function add_one = function({}, a * 2.0, {.updates = {{a, a + 1.0}}});
  Function other = add_one.copy({{a, b}});
  EXPECT_EQ(other().item<double>(), 20.0);
  EXPECT_EQ(get_value(a).item<double>(), 1.0);
  EXPECT_EQ(get_value(b).item<double>(), 11.0);
}

TEST(State, GetAndSetValueCopyUnlessBorrowed) {
  const Tensor start = Tensor::of<double>({1, 2});
  Variable w = shared(start, "w");
  start.data<double>()[0] = 9;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{1, 2}));
  get_value(w, /*borrow=*/true).data<double>()[1] = 7;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{1, 7}));
  const Tensor taken = Tensor::of<double>({5, 6});
  set_value(w, taken, /*borrow=*/true);
  taken.data<double>()[0] = 50;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{50, 6}));
  EXPECT_THROW(set_value(w, Tensor::of<float>({1, 2})), TypeError);
  EXPECT_THROW(set_value(w, Tensor::of<double>({1, 2, 3})), ShapeError);
}

TEST(State, SetValueKeepsNothingOfTheCallersTensor) {
  Variable w = shared(Tensor::of<double>({1, 2}), "w");
  const Tensor value = Tensor::of<double>({5, 6});
  set_value(w, value);
  value.data<double>()[0] = 50;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{5, 6}));
}

TEST(State, UpdatesChangeBorrowedValuesAndNoOthers) {
  Variable w = shared(Tensor::of<double>({1, 2}), "w");
  Function step = function({}, {}, {.updates = {{w, w + 1.0}}});
  const Tensor before = get_value(w), live = get_value(w, /*borrow=*/true);
  step();
  EXPECT_EQ(before.to_vector<double>(), (std::vector<double>{1, 2}));
  EXPECT_EQ(live.to_vector<double>(), (std::vector<double>{2, 3}));
}

TEST(State, ABorrowedStartIsTheCallersMemory) {
  const Tensor start = Tensor::of<double>({1, 2});
  Variable w = shared(start, "w", {.borrow = true});
  start.data<double>()[0] = 9;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{9, 2}));
  function({}, {}, {.updates = {{w, w + 1.0}}})();
  EXPECT_EQ(start.to_vector<double>(), (std::vector<double>{10, 3}));
}

TEST(State, AStridedValueIsCopiedEvenWhereItIsBorrowed) {
  const Tensor start = Tensor::of<double>({{1, 2}, {3, 4}});
  Variable w = shared(start.transpose(), "w", {.borrow = true});
  start.data<double>()[0] = 9;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{1, 3, 2, 4}));
  set_value(w, start.transpose(), /*borrow=*/true);
  start.data<double>()[0] = 90;
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{9, 3, 2, 4}));
}

TEST(State, AFreedDimTakesValuesOfAnotherLength) {
  Variable w = shared(Tensor::of<double>({1, 2}), "w", {.dims = SymbolicDims{Dim("n")}});
  Function total = function({}, sum(w));
  EXPECT_EQ(total().item<double>(), 3.0);
  set_value(w, Tensor::of<double>({1, 2, 3}));
  EXPECT_EQ(total().item<double>(), 6.0);
}

}  // namespace
}  // namespace bitale
