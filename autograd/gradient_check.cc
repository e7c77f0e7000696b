#include "autograd/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "autograd/derivative_checks.h"
#include "autograd/pushforward.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"

namespace bitale {
namespace {

// Steps of the central differences, relative to the largest.
constexpr double kSteps[] = {1.0, 0.25, 1.0 / 16};

class Check {
 public:
  Check(const Variables& inputs, const Variables& outputs, const std::vector<Tensor>& values,
        const GradientCheckOptions& options, SourceSite site)
      : inputs_(inputs), values_(values), options_(options), site_(site), random_(options.seed) {
    for (const Variable& output : outputs) {
      if (is_floating(output.dtype())) outputs_.push_back(output);
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (is_floating(inputs[i].dtype())) wrt_.push_back(i);
    }
  }

  GradientCheck run() {
    if (outputs_.empty() || wrt_.empty()) return result_;
    const FunctionOptions plain{.on_unused_input = OnUnusedInput::kIgnore, .mode = kFastCompile};
    evaluate_ = function(inputs_, outputs_, plain, site_);
    for (const Tensor& value : call(evaluate_, values_)) {
      weights_.push_back(random_like(value.shape()));
    }
    build();
    for (int i = 0; i < options_.directions && result_.ok; ++i) check_directions();
    if (result_.ok && options_.second_order) check_second_order();
    return result_;
  }

 private:
  static Results call(const Function& f, const std::vector<Tensor>& values) {
    return f.call(std::vector<Arg>(values.begin(), values.end()));
  }

  Tensor random_like(const Dims& shape) {
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    Tensor tensor = Tensor::empty(DType::kFloat64, shape);
    double* out = tensor.data<double>();
    for (int64_t i = 0; i < tensor.size(); ++i) out[i] = uniform(random_);
    return tensor;
  }

  // One function for all symbolic derivatives: of (inputs, weights, tangents).
  void build() {
    for (const Variable& output : outputs_) {
      weight_inputs_.push_back(tensor(DType::kFloat64, output.type().dims, "weight", site_));
    }
    Variables wrt, tangents;
    for (size_t i : wrt_) {
      wrt.push_back(inputs_[i]);
      tangents.push_back(tensor(DType::kFloat64, inputs_[i].type().dims, "tangent", site_));
    }
    gradients_ =
        lop(outputs_, wrt, weight_inputs_, {.disconnected_inputs = Disconnected::kIgnore}, site_);
    Variables all = inputs_, results = gradients_;
    all.insert(all.end(), weight_inputs_.begin(), weight_inputs_.end());
    if (options_.forward) {
      const Variables moved =
          rop(outputs_, wrt, tangents, {.disconnected_outputs = Disconnected::kIgnore}, site_);
      results.insert(results.end(), moved.begin(), moved.end());
      all.insert(all.end(), tangents.begin(), tangents.end());
    }
    derive_ = function(all, results, {.on_unused_input = OnUnusedInput::kIgnore}, site_);
  }

  void check_directions() {
    std::vector<Tensor> arguments = values_;
    arguments.insert(arguments.end(), weights_.begin(), weights_.end());
    std::vector<Tensor> directions;
    for (size_t i : wrt_) directions.push_back(random_like(values_[i].shape()));
    if (options_.forward) {
      arguments.insert(arguments.end(), directions.begin(), directions.end());
    }
    const Results derived = call(derive_, arguments);
    double backward = 0, backward_scale = 0;
    for (size_t k = 0; k < wrt_.size(); ++k) {
      if (derived[k].shape() != values_[wrt_[k]].shape()) {
        fail(absl::StrCat("the gradient of ", name(wrt_[k]), " has shape ",
                          to_string(derived[k].shape()), " for a value of shape ",
                          to_string(values_[wrt_[k]].shape())));
        return;
      }
      double scale = 0;
      const double symbolic = dot(derived[k], directions[k], &scale);
      backward += symbolic;
      backward_scale += scale;
      compare_numeric(k, directions[k], symbolic, scale);
    }
    if (!options_.forward) return;
    double forward = 0, forward_scale = 0;
    for (size_t k = 0; k < outputs_.size(); ++k) {
      forward += dot(derived[wrt_.size() + k], weights_[k], &forward_scale);
    }
    const double scale = std::max({backward_scale, forward_scale, 1e-300});
    record(std::abs(forward - backward) / scale, [&] {
      return absl::StrCat("pushforward and pullback disagree: <weights, pushforward> is ", forward,
                          ", <pullback, tangents> is ", backward);
    });
  }

  // The derivative along `direction` of input wrt_[k], by Richardson's extrapolation of
  // differences.
  void compare_numeric(size_t k, const Tensor& direction, double symbolic, double scale) {
    double best = INFINITY, best_numeric = NAN;
    for (double step : kSteps) {
      const double h = options_.step * step;
      double size = 0;
      const double wide = difference(k, direction, h, &size);
      const double narrow = difference(k, direction, h / 2, &size);
      const double numeric = (4 * narrow - wide) / 3;
      const double unit = std::max({scale, std::abs(numeric), 1e-3 * size, 1e-300});
      const double error = std::abs(numeric - symbolic) / unit;
      if (!(error >= best)) {
        best = error;
        best_numeric = numeric;
      }
      if (best <= options_.tolerance * 1e-2) break;
    }
    record(best, [&] {
      return absl::StrCat("the gradient of ", name(wrt_[k]), " is wrong: along a random direction ",
                          "differences give ", best_numeric, ", the pullback gives ", symbolic);
    });
  }

  double difference(size_t k, const Tensor& direction, double h, double* size) {
    const std::vector<Tensor> above = outputs_at(k, direction, h);
    const std::vector<Tensor> below = outputs_at(k, direction, -h);
    double sum = 0;
    *size = 0;
    for (size_t o = 0; o < above.size(); ++o) {
      const double* a = above[o].data<double>();
      const double* b = below[o].data<double>();
      const double* w = weights_[o].data<double>();
      for (int64_t i = 0; i < weights_[o].size(); ++i) {
        sum += w[i] * (a[i] - b[i]);
        *size += std::abs(w[i]) * std::abs(a[i]);
      }
    }
    return sum / (2 * h);
  }

  std::vector<Tensor> outputs_at(size_t k, const Tensor& direction, double h) {
    std::vector<Tensor> arguments = values_;
    Tensor& moved = arguments[wrt_[k]];
    moved = moved.copy();
    double* x = moved.data<double>();
    const double* d = direction.data<double>();
    for (int64_t i = 0; i < moved.size(); ++i) x[i] += h * d[i];
    const Results results = call(evaluate_, arguments);
    std::vector<Tensor> outputs;
    for (const Tensor& output : results) outputs.push_back(output.contiguous());
    return outputs;
  }

  static double dot(const Tensor& a, const Tensor& b, double* scale) {
    const Tensor x = a.contiguous();
    double sum = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      const double term = x.data<double>()[i] * b.data<double>()[i];
      sum += term;
      *scale += std::abs(term);
    }
    return sum;
  }

  void check_second_order() {
    Variables inputs = inputs_;
    std::vector<Tensor> values = values_;
    inputs.insert(inputs.end(), weight_inputs_.begin(), weight_inputs_.end());
    values.insert(values.end(), weights_.begin(), weights_.end());
    GradientCheckOptions options = options_;
    options.second_order = false;
    options.seed += 1;
    const GradientCheck second = Check(inputs, gradients_, values, options, site_).run();
    result_.worst = std::max(result_.worst, second.worst);
    if (!second.ok) {
      result_.ok = false;
      absl::StrAppend(&result_.report, "second order, inputs followed by weights: ", second.report);
    }
  }

  template <typename Describe>
  void record(double error, Describe describe_error) {
    result_.worst = std::max(result_.worst, error);
    if (error <= options_.tolerance) return;  // false for NaN
    fail(
        absl::StrCat(describe_error(), " (error ", error, ", tolerance ", options_.tolerance, ")"));
  }

  void fail(const std::string& what) {
    if (result_.ok) {
      absl::StrAppend(&result_.report, "gradient_check: ", what,
                      "\n  output 0: ", describe(outputs_[0]),
                      "\n  at: ", resolve_site(site_).str(), "\n");
    }
    result_.ok = false;
  }

  std::string name(size_t input) const {
    return absl::StrCat("input ", input, ", ", inputs_[input].str(), " ",
                        std::string(name_of(inputs_[input].dtype())),
                        to_string(values_[input].shape()));
  }

  const Variables inputs_;
  Variables outputs_;
  std::vector<Tensor> values_;
  const GradientCheckOptions options_;
  const SourceSite site_;
  std::mt19937_64 random_;
  std::vector<size_t> wrt_;  // indices of floating inputs
  std::vector<Tensor> weights_;
  Variables weight_inputs_;
  Variables gradients_;
  Function evaluate_;
  Function derive_;
  GradientCheck result_;
};

}  // namespace

GradientCheck gradient_check(const Variables& inputs, const Variables& outputs,
                             const std::vector<Tensor>& values, const GradientCheckOptions& options,
                             SourceSite site) {
  if (inputs.size() != values.size()) {
    throw GradientError(absl::StrCat("gradient_check: ", values.size(), " values for ",
                                     inputs.size(), " inputs\n  at: ", resolve_site(site).str()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const DType dtype = inputs[i].dtype();
    if (values[i].dtype() == dtype && (!is_floating(dtype) || dtype == DType::kFloat64)) continue;
    throw GradientError(absl::StrCat(
        "gradient_check: input ", i, " must be float64 (or discrete), with a value of its dtype; ",
        "the value is ", std::string(name_of(values[i].dtype())), "\n  input ", i, ": ",
        describe(inputs[i]), "\n  at: ", resolve_site(site).str()));
  }
  return Check(inputs, outputs, values, options, site).run();
}

GradientCheck gradient_check(const Variables& inputs, const Variable& output,
                             const std::vector<Tensor>& values, const GradientCheckOptions& options,
                             SourceSite site) {
  return gradient_check(inputs, Variables{output}, values, options, site);
}

GradientCheck gradient_check(const std::function<Variables(const Variables&)>& fn,
                             const std::vector<Tensor>& values, const GradientCheckOptions& options,
                             SourceSite site) {
  Variables inputs;
  std::vector<Tensor> points;
  for (const Tensor& value : values) {
    points.push_back(is_floating(value.dtype()) ? value.cast(DType::kFloat64) : value);
    SymbolicDims dims;
    for (int64_t length : value.shape()) dims.push_back(length == 1 ? Dim(1) : Dim());
    inputs.push_back(tensor(points.back().dtype(), dims, absl::StrCat("x", inputs.size()), site));
  }
  return gradient_check(inputs, fn(inputs), points, options, site);
}

}  // namespace bitale
