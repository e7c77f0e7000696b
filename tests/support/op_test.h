// The harness that op tests are rows of.
//
//   TEST(Dot, MatchesTheTripleLoop) {
//     run_op_case({.name = "matrix times matrix",
//                  .inputs = {random_tensor({3, 4}), random_tensor({4, 5})},
//                  .build = [](const Variables& v) { return dot(v[0], v[1]); },
//                  .oracle = [](const std::vector<Tensor>& x) { return naive_dot(x[0], x[1]); }});
//   }
//
// One call checks, each with a message that names the case:
//   - values in float64 and float32 against the oracle, which computes in float64;
//   - the same values for transposed and reversed inputs (strides) as for contiguous ones, and in
//   mode
//     FAST_COMPILE as in FAST_RUN;
//   - the inferred static type against the actual dtype and shape;
//   - in float64: the gradient along random directions, pushforward against pullback, second order.
//
// Floating inputs are given in float64 (or a narrower floating dtype) and cast; discrete ones keep
// their dtype. Errors are checked by expect_error().

#ifndef BITALE_TESTS_SUPPORT_OP_TEST_H_
#define BITALE_TESTS_SUPPORT_OP_TEST_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/base/dim.h"
#include "core/base/error.h"
#include "core/base/site.h"
#include "core/graph/variable.h"
#include "core/tensor/tensor.h"
#include "gtest/gtest.h"

namespace bitale {

// A callable from a list to a list; one that returns a single element serves as well.
template <typename From, typename To>
class ListFunction {
 public:
  ListFunction() = default;
  template <typename Fn>
  requires(!std::same_as<std::remove_cvref_t<Fn>, ListFunction> &&
           std::invocable<Fn&, const std::vector<From>&>)
      ListFunction(Fn fn) {  // NOLINT: lambdas read as the function
    if constexpr (std::convertible_to<std::invoke_result_t<Fn&, const std::vector<From>&>, To>) {
      call_ = [fn = std::move(fn)](const std::vector<From>& x) {
        return std::vector<To>{To(fn(x))};
      };
    } else {
      call_ = std::move(fn);
    }
  }
  explicit operator bool() const { return static_cast<bool>(call_); }
  std::vector<To> operator()(const std::vector<From>& x) const { return call_(x); }

 private:
  std::function<std::vector<To>(const std::vector<From>&)> call_;
};

struct OpCase {
  std::string name = "";
  std::vector<Tensor> inputs = {};
  // The op under test, from one Variable per input.
  ListFunction<Variable, Variable> build = {};
  // What it should compute, in plain C++ from float64 inputs (discrete ones as they are). Compared
  // in float64; left out, values are compared between dtypes and modes only.
  ListFunction<Tensor, Tensor> oracle = {};

  // The inputs' static dims; all unknown, but lengths of 1, which are fixed, if empty.
  std::vector<SymbolicDims> dims = {};
  // Check float32 too. Off for results that are far off in float32 for good reasons.
  bool float32 = true;
  // Also run with strided inputs.
  bool strided = true;
  // Derivatives, at `inputs`: off for discrete functions and points where there is no derivative.
  bool gradient = true;
  bool second_order = true;
  bool pushforward = true;
  // Compare FAST_COMPILE with FAST_RUN.
  bool modes = true;
  // Size of the values that cancel in the result: errors are relative to at least this.
  double scale = 1.0;
  uint64_t seed = 1234;
};

// Adds failures to the running test.
void run_op_case(const OpCase& op_case, SourceSite site = SourceSite::current());

// --- Values
// ---------------------------------------------------------------------------------------

// float64, uniform in [low, high), the same for the same arguments.
Tensor random_tensor(const Dims& shape, double low = -1.0, double high = 1.0, uint64_t seed = 1);
// Discrete dtype, uniform in [low, high).
Tensor random_integers(const Dims& shape, int64_t low, int64_t high, DType dtype = DType::kInt64,
                       uint64_t seed = 1);
// float64 values at least `gap` apart from each other (none tie), in random order, around 0.
Tensor distinct_tensor(const Dims& shape, double gap = 0.1, uint64_t seed = 1);

// A view with the same shape and elements, whose axes lie in memory in reverse order, each stored
// backwards, with gaps. For rank 0: `tensor`.
Tensor strided_copy(const Tensor& tensor);

// Applies `f` to each element, in float64.
Tensor map_elements(const Tensor& x, const std::function<double(double)>& f);

// Calls visit(index) for each index of `shape` in row-major order.
void for_each_index(const Dims& shape, const std::function<void(const Dims& index)>& visit);

// The element at `index`, as double; and write access for float64 tensors.
double element(const Tensor& x, const Dims& index);
void set_element(const Tensor& x, const Dims& index, double value);

// Success if both have one dtype and shape, and elements within the dtype's tolerance (NaN equals
// NaN, infinities equal themselves).
::testing::AssertionResult close_to(const Tensor& got, const Tensor& expected, double scale = 1.0);
// Success for the same bits.
::testing::AssertionResult equal_to(const Tensor& got, const Tensor& expected);

// --- Errors
// ---------------------------------------------------------------------------------------

// Success if `message` contains all `parts`, the first of them in its first line, names a line of
// the file of `site` that lies near it, and has at most kMaxErrorLines lines.
::testing::AssertionResult error_text_ok(const std::string& message,
                                         const std::vector<std::string>& parts, SourceSite site);

// Runs `fn`, which must throw exactly an E, whose message error_text_ok() finds in order.
template <typename E, typename Fn>
void expect_error(Fn&& fn, const std::vector<std::string>& parts,
                  SourceSite site = SourceSite::current()) {
  try {
    fn();
  } catch (const E& error) {
    EXPECT_TRUE(typeid(error) == typeid(E)) << "a subclass was thrown: " << typeid(error).name();
    EXPECT_TRUE(error_text_ok(error.what(), parts, site)) << site.str();
    return;
  } catch (const std::exception& error) {
    ADD_FAILURE() << site.str() << ": another error was thrown, " << typeid(error).name() << ":\n"
                  << error.what();
    return;
  }
  ADD_FAILURE() << site.str() << ": no error was thrown, expected one with: "
                << (parts.empty() ? std::string() : parts[0]);
}

}  // namespace bitale

#endif  // BITALE_TESTS_SUPPORT_OP_TEST_H_
