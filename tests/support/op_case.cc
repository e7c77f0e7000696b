#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "autograd/gradient_check.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "tests/support/op_test.h"
#include "tests/support/tolerances.h"

namespace bitale {
namespace {

class CaseRun {
 public:
  CaseRun(const OpCase& op_case, SourceSite site) : case_(op_case), site_(site) {}

  void run() {
    check_values(DType::kFloat64);
    bool floating = false;
    for (const Tensor& input : case_.inputs) floating |= is_floating(input.dtype());
    if (case_.float32 && floating) check_values(DType::kFloat32);
    if (case_.gradient && floating) check_derivatives();
  }

 private:
  std::vector<Tensor> inputs_as(DType dtype) const {
    std::vector<Tensor> inputs;
    for (const Tensor& input : case_.inputs) {
      inputs.push_back(is_floating(input.dtype()) ? input.cast(dtype) : input);
    }
    return inputs;
  }

  Variables variables_for(const std::vector<Tensor>& inputs) const {
    Variables variables;
    for (size_t i = 0; i < inputs.size(); ++i) {
      SymbolicDims dims;
      for (int64_t length : inputs[i].shape()) dims.push_back(length == 1 ? Dim(1) : Dim());
      if (i < case_.dims.size()) dims = case_.dims[i];
      variables.push_back(tensor(inputs[i].dtype(), dims, absl::StrCat("x", i), site_));
    }
    return variables;
  }

  static std::vector<Tensor> call(const Function& f, const std::vector<Tensor>& inputs) {
    const Results results = f.call(std::vector<Arg>(inputs.begin(), inputs.end()));
    return {results.begin(), results.end()};
  }

  Function compile(const Variables& inputs, const Variables& outputs, Mode mode) const {
    return function(inputs, outputs, {.on_unused_input = OnUnusedInput::kIgnore, .mode = mode},
                    site_);
  }

  void check_values(DType dtype) const {
    SCOPED_TRACE(absl::StrCat("values in ", std::string(name_of(dtype))));
    const std::vector<Tensor> inputs = inputs_as(dtype);
    const Variables variables = variables_for(inputs);
    const Variables outputs = case_.build(variables);
    const Function run_fast = compile(variables, outputs, kFastRun);
    const std::vector<Tensor> results = call(run_fast, inputs);
    for (size_t i = 0; i < results.size(); ++i) check_type(outputs[i], results[i]);
    if (case_.oracle) {
      std::vector<Tensor> exact;
      for (const Tensor& input : inputs) {
        exact.push_back(is_floating(input.dtype()) ? input.cast(DType::kFloat64) : input);
      }
      compare(results, case_.oracle(exact), "oracle");
    }
    if (case_.strided) {
      std::vector<Tensor> strided;
      for (const Tensor& input : inputs) strided.push_back(strided_copy(input));
      compare(call(run_fast, strided), results, "contiguous inputs, with strided ones");
    }
    if (case_.modes) {
      compare(call(compile(variables, outputs, kFastCompile), inputs), results,
              "FAST_RUN, in FAST_COMPILE");
    }
  }

  void check_type(const Variable& output, const Tensor& result) const {
    const TensorType& type = output.type();
    bool fits = type.dtype == result.dtype() && type.rank() == result.rank();
    for (size_t axis = 0; fits && axis < type.dims.size(); ++axis) {
      const Dim& dim = type.dims[axis];
      fits = !dim.is_fixed() || dim.length() == result.shape()[axis];
    }
    EXPECT_TRUE(fits) << "inferred type " << type.str() << ", but the value is "
                      << name_of(result.dtype()) << " " << to_string(result.shape());
  }

  void compare(const std::vector<Tensor>& got, const std::vector<Tensor>& expected,
               const char* what) const {
    ASSERT_EQ(got.size(), expected.size()) << "number of results against " << what;
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(close_to(got[i], expected[i].cast(got[i].dtype()), case_.scale))
          << "result " << i << " against " << what;
    }
  }

  void check_derivatives() const {
    const std::vector<Tensor> inputs = inputs_as(DType::kFloat64);
    const Variables variables = variables_for(inputs);
    const GradientCheck check = gradient_check(variables, case_.build(variables), inputs,
                                               {.tolerance = kGradientTolerance,
                                                .seed = case_.seed,
                                                .second_order = case_.second_order,
                                                .forward = case_.pushforward},
                                               site_);
    EXPECT_TRUE(check.ok) << check.report;
  }

  const OpCase& case_;
  SourceSite site_;
};

}  // namespace

void run_op_case(const OpCase& op_case, SourceSite site) {
  SCOPED_TRACE(absl::StrCat("case \"", op_case.name, "\" at ", site.str()));
  try {
    CaseRun(op_case, site).run();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "the case threw " << typeid(error).name() << ":\n" << error.what();
  }
}

}  // namespace bitale
