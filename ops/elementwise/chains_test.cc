// Groups whose simple steps run as chains in registers: the same bits as arithmetic element by
// element, for operands of every form that chains take as it is.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// Of the shape (images, maps, height, width), and operands that are repeated to it.
struct Shapes {
  int64_t images, maps, height, width;

  Dims whole() const { return {images, maps, height, width}; }
  std::vector<Dims> operands() const {
    return {whole(), {1, maps, 1, 1}, {images, 1, 1, 1}, {width}, {maps, height, width}, {}};
  }
  std::string str() const { return absl::StrJoin(whole(), ", "); }
};

Variable root(const Variable& x) { return sqrt(x); }
Variable size(const Variable& x) { return abs(x); }
template <typename T>
T root(T x) {
  return std::sqrt(x);
}
template <typename T>
T size(T x) {
  return std::abs(x);
}

// Formulas of x, a number for each map, a number for each image, a row, an image and a number: as
// graphs, and from the same text the values of one element.
template <typename V>
std::vector<std::vector<V>> formulas(const std::vector<V>& v) {
  const V &x = v[0], &of_maps = v[1], &of_images = v[2], &row = v[3], &image = v[4], &number = v[5];
  const V centred = x - of_maps;
  const V a = x * of_maps, b = x / of_images;
  V longer = x;  // than a chain may be
  for (int i = 0; i < 9; ++i) longer = (longer + of_maps) * number;
  return {{centred / of_maps * of_maps + of_maps},
          {number / (number - x) * number},
          {row - x * row},
          {(x + of_images) * of_maps - image / of_images},
          {root(size(centred)) * number, centred},
          {(a + b) * (a - b) / (-a - b)},
          {longer},
          {image * of_maps + of_images}};
}

// Where an element of the whole shape lies in an operand of its own shape.
int64_t place_in(const Dims& operand, const Dims& whole, const Dims& at) {
  int64_t place = 0;
  for (size_t axis = 0; axis < operand.size(); ++axis) {
    const size_t own = whole.size() - operand.size() + axis;
    place = place * operand[axis] + (operand[axis] == 1 ? 0 : at[own]);
  }
  return place;
}

template <typename T>
void expect_arithmetic(const Shapes& shapes, DType dtype) {
  const Dims whole = shapes.whole();
  std::vector<Variable> variables;
  std::vector<Tensor> tensors;
  for (const Dims& dims : shapes.operands()) {
    SymbolicDims symbolic;
    for (const int64_t length : dims) symbolic.push_back(length == 1 ? Dim(1) : Dim());
    variables.push_back(tensor(dtype, symbolic, absl::StrCat("v", variables.size())));
    tensors.push_back(random_tensor(dims, 0.5, 2, variables.size()).cast(dtype));
  }
  const std::vector<Variables> graphs = formulas(variables);
  for (size_t k = 0; k < graphs.size(); ++k) {
    SCOPED_TRACE(absl::StrCat("shape ", shapes.str(), ", formula ", k));
    std::vector<In> inputs(variables.begin(), variables.end());
    const Function f =
        function(Ins(inputs), graphs[k], {.on_unused_input = OnUnusedInput::kIgnore});
    for (const bool strided : {false, true}) {
      std::vector<Arg> args;
      for (const Tensor& value : tensors) args.push_back(strided ? strided_copy(value) : value);
      const Results results = f.call(args);
      int64_t differ = 0;
      for_each_index(whole, [&](const Dims& at) {
        std::vector<T> values;
        for (const Tensor& operand : tensors) {
          values.push_back(operand.data<T>()[place_in(operand.shape(), whole, at)]);
        }
        const std::vector<T> expected = formulas(values)[k];
        for (size_t i = 0; i < expected.size(); ++i) {
          if (element(results[i], at) != static_cast<double>(expected[i])) ++differ;
        }
      });
      EXPECT_EQ(differ, 0);
    }
  }
}

// Rows of 1, of a few elements, about those of chains and tiles, and longer than tiles.
TEST(Chains, ComputeWhatArithmeticDoes) {
  for (const Shapes& shapes : std::vector<Shapes>{{3, 4, 1, 1},
                                                  {2, 3, 5, 7},
                                                  {5, 3, 8, 8},
                                                  {3, 5, 9, 13},
                                                  {2, 7, 28, 28},
                                                  {2, 2, 3, 65},
                                                  {2, 2, 3, 64},
                                                  {2, 1, 2, 5000},
                                                  {1, 3, 70, 61}}) {
    expect_arithmetic<float>(shapes, DType::kFloat32);
    expect_arithmetic<double>(shapes, DType::kFloat64);
  }
}

// Where chains run on packs, ends of rows are no whole pack.
TEST(Chains, HaveTheBitsOfTheFunctionsInThem) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Variable x = tensor(dtype, {Dim(), Dim()}, "x");
    const Variable number = tensor(dtype, {Dim(), 1}, "number");
    const Variable row = tensor(dtype, {Dim()}, "row");
    for (Variable (*function)(Operand) : {exp, expm1, log, log1p, sigmoid, softplus, tanh}) {
      const Variable inner = function(x * number - row);
      const Variables ys = {function(x), sqrt(abs(inner)) / row, -sqr(inner) + number,
                            number / (number - inner), inner};
      for (const Dims& shape : {Dims{1, 1}, Dims{3, 63}, Dims{2, 64}, Dims{5, 65}, Dims{3, 100},
                                Dims{2, 129}, Dims{7, 1000}, Dims{2, 5000}}) {
        SCOPED_TRACE(absl::StrCat(ys[0].str(), " of ", absl::StrJoin(shape, ", ")));
        const Tensor values = random_tensor(shape, -20, 20);
        if (shape[0] > 1) {
          set_element(values, {0, 1}, kNaN);
          set_element(values, {1, 0}, kInf);
          set_element(values, {1, shape[1] - 1}, -kInf);
          set_element(values, {0, shape[1] - 1}, 0);
        }
        const std::vector<Arg> args = {values.cast(dtype),
                                       random_tensor({shape[0], 1}, 0.5, 1.5, 2).cast(dtype),
                                       random_tensor({shape[1]}, 0.5, 1.5, 3).cast(dtype)};
        const Results together = bitale::function({x, number, row}, ys).call(args);
        const Results apart = bitale::function({x, number, row}, ys,
                                               {.mode = kFastRun.excluding("elementwise_fusion")})
                                  .call(args);
        for (size_t i = 0; i < ys.size(); ++i) EXPECT_TRUE(equal_to(together[i], apart[i])) << i;
      }
    }
  }
}

TEST(Chains, GiveTheSameBitsForAnyNumberOfThreads) {
  const Variable x = tensor4("x");
  const Variable m = tensor(float_x(), {1, Dim(), 1, 1}, "m");
  const Function f = function({x, m}, {(x - m) * m / (abs(x) + m), x * m});
  const Tensor xv = random_tensor({37, 11, 23, 29}).cast(float_x());
  const Tensor mv = random_tensor({1, 11, 1, 1}, 0.5, 1.5, 2).cast(float_x());
  options().threads = 1;
  const Results alone = f(xv, mv);
  for (const int threads : {2, 3}) {
    options().threads = threads;
    const Results together = f(xv, mv);
    EXPECT_TRUE(equal_to(together[0], alone[0]));
    EXPECT_TRUE(equal_to(together[1], alone[1]));
  }
  options().threads = 0;
}

// The new values take the places of the old ones, which a chain reads before it writes there.
TEST(Chains, UpdateSharedVariablesInPlace) {
  const Tensor start = random_tensor({300, 70}, 0.5, 1.5).cast(float_x());
  const Tensor gradient = random_tensor({300, 70}, -1, 1, 2).cast(float_x());
  const Tensor speed = random_tensor({300, 70}, -1, 1, 3).cast(float_x());
  const Variable w = shared(start, "w"), v = shared(speed, "v");
  const Variable g = matrix("g");
  const Variable velocity = v * 0.9 - g * 0.01;
  const Function f = function({g}, Variables{}, {.updates = {{v, velocity}, {w, w + velocity}}});
  f(gradient);
  const Variable a = matrix("a"), b = matrix("b");
  const Results expected =
      function({a, b, g}, {b * 0.9 - g * 0.01, a + (b * 0.9 - g * 0.01)})(start, speed, gradient);
  EXPECT_TRUE(equal_to(get_value(v), expected[0]));
  EXPECT_TRUE(equal_to(get_value(w), expected[1]));
}

// Parts of a product's result, which begin and end anywhere in its rows.
TEST(Chains, FollowProductsPartByPart) {
  const Variable x = matrix("x"), w = matrix("w"), row = vector("row"), column = col("column");
  const Variable y = (dot(x, w) + row) * column - row;
  const Tensor xv = random_tensor({150, 20}).cast(float_x());
  const Tensor wv = random_tensor({20, 130}, -1, 1, 2).cast(float_x());
  const Tensor rv = random_tensor({130}, -1, 1, 3).cast(float_x());
  const Tensor cv = random_tensor({150, 1}, -1, 1, 4).cast(float_x());
  const std::vector<std::pair<Variable, Tensor>> at = {{x, xv}, {w, wv}, {row, rv}, {column, cv}};
  const Function f = function({x, w, row, column}, {y});
  EXPECT_TRUE(
      equal_to(f(xv, wv, rv, cv).only(), eval(y, at, kFastRun.excluding("epilogue_fusion"))));
  EXPECT_NE(f.program_dump().find("[fused_epilogue_parts]"), std::string::npos) << f.program_dump();
}

}  // namespace
}  // namespace bitale
