#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "autograd/gradient_check.h"
#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/traversal.h"
#include "tests/ledger/ledger.h"
#include "tests/support/tolerances.h"

namespace bitale::ledger {
namespace {

bool any_floating(const std::vector<Tensor>& tensors) {
  return std::ranges::any_of(tensors, [](const Tensor& t) { return is_floating(t.dtype()); });
}

bool takes_dtype(const Case& c) { return any_floating(c.inputs) || c.build_as; }

std::vector<Tensor> call(const Variables& inputs, const Variables& outputs,
                         const std::vector<Tensor>& values, Mode mode = {}) {
  const Function f =
      function(inputs, outputs, {.on_unused_input = OnUnusedInput::kIgnore, .mode = mode});
  const Results results = f.call(std::vector<Arg>(values.begin(), values.end()));
  return {results.begin(), results.end()};
}

std::vector<Tensor> evaluate(const Case& c, DType dtype, const std::vector<Tensor>& values,
                             Mode mode) {
  const Variables inputs = variables_for(values);
  return call(inputs, c.outputs(inputs, dtype), values, mode);
}

double largest(const Tensor& x) {
  double result = 1;
  for (double v : x.cast(DType::kFloat64).to_vector<double>()) {
    if (std::isfinite(v)) result = std::max(result, std::fabs(v));
  }
  return result;
}

// Values of one dtype against those of float64.
Finding compare(const std::vector<Tensor>& got, const std::vector<Tensor>& expected,
                std::string_view what) {
  for (size_t i = 0; i < got.size(); ++i) {
    const ::testing::AssertionResult same =
        close_to(got[i], expected[i].cast(got[i].dtype()), largest(expected[i]));
    if (!same) {
      return {Verdict::kDiffers,
              absl::StrCat("result ", i, " against ", std::string(what), ": ", same.message())};
    }
  }
  return {};
}

std::vector<Tensor> widened(std::vector<Tensor> values, const Case& c) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (is_floating(c.inputs[i].dtype())) values[i] = values[i].cast(DType::kFloat64);
  }
  return values;
}

Finding forward(const Case& c, DType dtype) {
  if (!takes_dtype(c)) return {Verdict::kNothingToDo};
  const std::vector<Tensor> values = inputs_as(c, dtype);
  const std::vector<Tensor> plain = evaluate(c, dtype, values, kFastCompile);
  const Finding modes = compare(evaluate(c, dtype, values, kFastRun), plain, "FAST_COMPILE");
  if (modes.verdict != Verdict::kHolds) return modes;
  std::vector<Tensor> strided;
  for (const Tensor& value : values) strided.push_back(strided_copy(value));
  const Finding strides =
      compare(evaluate(c, dtype, strided, kFastRun), plain, "contiguous inputs");
  if (strides.verdict != Verdict::kHolds) return strides;
  // Bool has an arithmetic of its own.
  if (!c.agrees || dtype == DType::kFloat64 || dtype == DType::kBool) return {};
  return compare(plain, evaluate(c, DType::kFloat64, widened(values, c), kFastCompile), "float64");
}

// <weights, outputs> differentiated once in both modes and a second time, all of one dtype.
std::vector<Tensor> derivatives(const Case& c, DType dtype, std::vector<Tensor> values) {
  Variables inputs = variables_for(values), wrt, outputs;
  for (const Variable& v : inputs) {
    if (is_floating(v.dtype())) wrt.push_back(v);
  }
  for (const Variable& v : c.outputs(inputs, dtype)) {
    if (is_floating(v.dtype())) outputs.push_back(v);
  }
  if (wrt.empty() || outputs.empty()) return {};
  const std::vector<Tensor> at = evaluate(c, dtype, values, kFastCompile);
  uint64_t seed = 7;
  const auto add_weight = [&](const Variable& v, const Dims& shape) {
    values.push_back(random_tensor(shape, -1, 1, ++seed).cast(v.dtype()));
    inputs.push_back(tensor(v.dtype(), v.type().dims, absl::StrCat("weight", seed)));
    return inputs.back();
  };
  Variables weights, tangents;
  size_t next = 0;
  for (const Tensor& value : at) {
    if (is_floating(value.dtype())) weights.push_back(add_weight(outputs[next++], value.shape()));
  }
  for (size_t i = 0, k = 0; k < wrt.size(); ++i) {
    if (is_floating(values[i].dtype())) tangents.push_back(add_weight(wrt[k++], values[i].shape()));
  }
  const GradOptions ignore{.disconnected_inputs = Disconnected::kIgnore};
  Variables results = lop(outputs, wrt, weights, ignore);
  const Variables second = lop(results, wrt, tangents, ignore);
  const Variables forward =
      rop(outputs, wrt, tangents, {.disconnected_outputs = Disconnected::kIgnore});
  results.insert(results.end(), second.begin(), second.end());
  results.insert(results.end(), forward.begin(), forward.end());
  return call(inputs, results, values);
}

// Derivatives in float32 against those in float64.
Finding derivatives_agree(const Case& c) {
  if (!c.agrees) return {};
  const std::vector<Tensor> values = inputs_as(c, DType::kFloat32);
  return compare(derivatives(c, DType::kFloat32, values),
                 derivatives(c, DType::kFloat64, widened(values, c)), "derivatives in float64");
}

Finding differentiate(const Case& c, bool second_order, bool pushforward) {
  if (!any_floating(c.inputs)) return {Verdict::kNothingToDo};
  if (c.twin) {
    const Case twin{.inputs = c.inputs, .build = c.twin};
    std::vector<Tensor> own = derivatives(c, DType::kFloat64, c.inputs);
    for (Tensor& x : own) x = x.cast(DType::kFloat32);
    return compare(own, derivatives(twin, DType::kFloat64, c.inputs), "derivatives of its twin");
  }
  const Variables inputs = variables_for(c.inputs);
  const Variables outputs = c.outputs(inputs, DType::kFloat64);
  if (std::ranges::none_of(outputs, [](const Variable& v) { return is_floating(v.dtype()); })) {
    return {Verdict::kNothingToDo};
  }
  const GradientCheck check = gradient_check(
      inputs, outputs, c.inputs,
      {.tolerance = kGradientTolerance, .second_order = second_order, .forward = pushforward});
  if (check.ok) return {};
  return {Verdict::kDiffers, check.report};
}

Finding first_failure(const Case& c, std::initializer_list<DType> dtypes) {
  for (DType dtype : dtypes) {
    Finding found = forward(c, dtype);
    if (found.verdict == Verdict::kHolds) continue;
    found.report = absl::StrCat("in ", std::string(bitale::name_of(dtype)), ": ", found.report);
    return found;
  }
  return {};
}

Finding walk_case(const Case& c, Column column) {
  switch (column) {
    case Column::kFloat32: {
      const Finding found = forward(c, DType::kFloat32);
      return found.verdict == Verdict::kHolds ? derivatives_agree(c) : found;
    }
    case Column::kFloat64:
      return forward(c, DType::kFloat64);
    case Column::kHalf:
      return first_failure(c, {DType::kFloat16, DType::kBFloat16});
    case Column::kInteger:
      return first_failure(c, {DType::kInt64, DType::kInt32, DType::kInt8, DType::kUint8});
    case Column::kBool:
      return forward(c, DType::kBool);
    case Column::kPullback:
      return differentiate(c, false, false);
    case Column::kSecondGradient:
      return differentiate(c, true, false);
    case Column::kPushforward:
      return differentiate(c, false, true);
  }
  return {};
}

// As walk_case(), with errors as verdicts.
Finding judged(const Case& c, Column column) {
  const auto found = [&](Verdict verdict, std::string_view what) {
    return Finding{verdict, absl::StrCat("case \"", c.name, "\": ", std::string(what))};
  };
  try {
    const Finding result = walk_case(c, column);
    return found(result.verdict, result.report);
  } catch (const TypeError& error) {
    return found(Verdict::kRefused, error.what());
  } catch (const CompileError& error) {
    return found(Verdict::kRefused, error.what());
  } catch (const std::exception& error) {
    return found(Verdict::kDiffers, absl::StrCat("threw\n", error.what()));
  }
}

}  // namespace

std::string_view name_of(Column column) {
  constexpr std::string_view kNames[] = {"float32",         "float64",    "half",
                                         "integer",         "bool",       "pullback",
                                         "second gradient", "pushforward"};
  return kNames[static_cast<size_t>(column)];
}

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"holds", "nothing to do", "refused", "differs"};
  return kNames[static_cast<size_t>(verdict)];
}

std::map<Column, Hole> no_derivatives(Hole hole, std::map<Column, Hole> holes) {
  for (Column column : {Column::kPullback, Column::kSecondGradient, Column::kPushforward}) {
    holes.emplace(column, hole);
  }
  return holes;
}

std::vector<Tensor> inputs_as(const Case& c, DType dtype) {
  std::vector<Tensor> inputs;
  for (const Tensor& input : c.inputs) {
    if (!is_floating(input.dtype())) {
      inputs.push_back(input);
    } else if (is_floating(dtype)) {
      inputs.push_back(input.cast(dtype));
    } else if (dtype == DType::kBool) {
      inputs.push_back(map_elements(input, [](double v) { return v > 0; }).cast(dtype));
    } else {
      const bool has_sign = is_signed_integer(dtype);
      inputs.push_back(map_elements(input, [&](double v) {
                         const double whole = std::floor(std::fabs(v) * 3) + 1;
                         return v < 0 && has_sign ? -whole : whole;
                       }).cast(dtype));
    }
  }
  return inputs;
}

Variables variables_for(const std::vector<Tensor>& inputs) {
  Variables variables;
  for (const Tensor& input : inputs) {
    SymbolicDims dims;
    for (int64_t length : input.shape()) dims.push_back(length == 1 ? Dim(1) : Dim());
    variables.push_back(tensor(input.dtype(), dims, absl::StrCat("x", variables.size())));
  }
  return variables;
}

Finding walk(const Row& row, Column column) {
  Finding result{Verdict::kNothingToDo};
  for (const Case& c : row.cases) {
    Finding found = judged(c, column);
    if (found.verdict == Verdict::kNothingToDo) continue;
    if (found.verdict != Verdict::kHolds) return found;
    result = std::move(found);
  }
  return result;
}

BuiltCase build_case(const Row& row, const Case& c) {
  for (DType dtype : {DType::kFloat64, DType::kInt64}) {
    try {
      BuiltCase built{.dtype = dtype, .values = inputs_as(c, dtype)};
      built.inputs = variables_for(built.values);
      built.outputs = c.outputs(built.inputs, dtype);
      return built;
    } catch (const TypeError&) {
      if (dtype == DType::kInt64) throw;
    }
  }
  throw GraphError(absl::StrCat("no dtype for ", row.name));
}

std::vector<const Apply*> all_applications(const Variables& outputs) {
  std::vector<const Apply*> result;
  for (const Apply* apply : topological_order(outputs)) {
    result.push_back(apply);
    const std::span<const Variable> inner = apply->op().inner_outputs();
    if (inner.empty()) continue;
    const std::vector<const Apply*> below = all_applications(Variables(inner.begin(), inner.end()));
    result.insert(result.end(), below.begin(), below.end());
  }
  return result;
}

}  // namespace bitale::ledger
