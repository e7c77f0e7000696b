#include "core/compile/call_arguments.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"

namespace bitale {
namespace {

std::string function_name(const FunctionOptions& options) {
  return "function" + (options.name.empty() ? "" : " " + options.name);
}

const std::string& name_of_input(const In& in) {
  return in.options.name.empty() ? in.variable.name() : in.options.name;
}

// " (x, y)"; nothing without inputs.
std::string names_of_inputs(std::span<const In> inputs) {
  if (inputs.empty()) return "";
  std::vector<std::string> names;
  for (const In& in : inputs) {
    names.push_back(name_of_input(in).empty() ? in.variable.str() : name_of_input(in));
  }
  return absl::StrCat(" (", absl::StrJoin(names, ", "), ")");
}

bool shape_fits(const Dims& shape, const TensorType& type) {
  if (shape.size() != type.dims.size()) return false;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const Dim& dim = type.dims[axis];
    if (dim.is_fixed() && dim.length() != shape[axis]) return false;
  }
  return true;
}

// Gives one input its value, or says why it does not fit.
class Binder {
 public:
  // `position`: of an argument of a call; none for a default.
  Binder(const In& in, std::optional<size_t> position, const FunctionOptions& options)
      : variable_(in.variable), position_(position), options_(options) {}

  void bind(const Tensor& value, BoundInput& bound) const {
    if (!value.defined()) throw TypeError(absl::StrCat(describe(), " has no value", made_at()));
    const DType dtype = variable_.dtype();
    if (value.dtype() != dtype) {
      if (!casts(value.dtype())) refuse_dtype(value.dtype());
      bound.own(value.cast(dtype));
    } else if (!value.device().is_cpu()) {
      bound.own(value.to(kCpu));
    } else {
      bound.bind(value);
    }
    check_shape(bound.shape());
  }

  void bind(const Number& number, BoundInput& bound) const {
    const DType dtype = variable_.dtype();
    if (!number.write(dtype, bound.bind_number())) {
      if (!casts(number.dtype)) refuse_number(number);
      bound.own(number.tensor().cast(dtype));
    }
    check_shape({});
  }

 private:
  std::string describe() const {
    const std::string name = variable_.str();
    const std::string what = position_ ? absl::StrCat("argument ", *position_, " (", name, ")")
                                       : absl::StrCat("the default of ", name);
    return absl::StrCat(function_name(options_), ": ", what);
  }
  std::string made_at() const {
    return absl::StrCat("\n  input made at: ", variable_.site().str());
  }

  bool casts(DType from) const {
    const DType to = variable_.dtype();
    if (can_cast_losslessly(from, to)) return true;
    const bool same_kind = is_floating(from) == is_floating(to) || is_discrete(from);
    return options_.allow_input_downcast && same_kind;
  }

  [[noreturn]] void refuse_number(const Number& number) const {
    const Tensor value = number.tensor();
    throw TypeError(absl::StrCat(describe(), " is the number ",
                                 is_discrete(number.dtype) ? absl::StrCat(value.item<int64_t>())
                                                           : absl::StrCat(value.item<double>()),
                                 ", which ", std::string(name_of(variable_.dtype())),
                                 " cannot hold", made_at()));
  }

  [[noreturn]] void refuse_dtype(DType dtype) const {
    throw TypeError(absl::StrCat(describe(), " has dtype ", std::string(name_of(dtype)),
                                 ", the input is ", std::string(name_of(variable_.dtype())),
                                 made_at(),
                                 is_discrete(variable_.dtype()) && is_floating(dtype)
                                     ? "\n  hint: value.cast(dtype) drops fractions"
                                     : "\n  hint: value.cast(dtype), or .allow_input_downcast = "
                                       "true"));
  }

  void check_shape(const Dims& shape) const {
    if (shape_fits(shape, variable_.type())) return;
    throw ShapeError(absl::StrCat(describe(), " has shape ", to_string(shape), ", the input is ",
                                  variable_.type().str(), made_at()));
  }

  const Variable& variable_;
  std::optional<size_t> position_;
  const FunctionOptions& options_;
};

}  // namespace

void bind_arguments(std::span<const In> inputs, std::span<const Arg> args,
                    const FunctionOptions& options, SourceSite compiled_at, CallState& state) {
  const auto refuse = [&](const std::string& what) {
    throw TypeError(
        absl::StrCat(function_name(options), what, "\n  compiled at: ", compiled_at.str()));
  };
  state.bound.resize(inputs.size());
  state.inputs = state.bound;
  size_t position = 0;
  for (const Arg& arg : args) {
    size_t index = position;
    if (arg.name().empty()) {
      ++position;
    } else {
      index = 0;
      while (index < inputs.size() && arg.name() != name_of_input(inputs[index])) ++index;
      for (size_t i = index + 1; i < inputs.size(); ++i) {
        if (arg.name() != name_of_input(inputs[i])) continue;
        refuse(absl::StrCat(": inputs ", index, " and ", i, " are both named ", arg.name(),
                            "; give them by position"));
      }
      if (index == inputs.size()) {
        refuse(absl::StrCat(": no input is named ", arg.name(),
                            "\n  inputs:", inputs.empty() ? " none" : names_of_inputs(inputs)));
      }
    }
    if (index >= inputs.size()) {
      refuse(absl::StrCat(" takes ", inputs.size(), inputs.size() == 1 ? " argument" : " arguments",
                          names_of_inputs(inputs), ", the call gives ", args.size()));
    }
    if (state.inputs[index].defined()) {
      refuse(absl::StrCat(": ", inputs[index].variable.str(), " is given twice in one call"));
    }
    const Binder binder(inputs[index], index, options);
    if (arg.is_number()) {
      binder.bind(arg.number(), state.bound[index]);
    } else {
      binder.bind(arg.tensor(), state.bound[index]);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (state.inputs[i].defined()) continue;
    if (!inputs[i].options.default_value) {
      refuse(absl::StrCat(
          ": argument ", i, " (", inputs[i].variable.str(),
          ") is missing and has no default\n  input made at: ", inputs[i].variable.site().str()));
    }
    Binder(inputs[i], std::nullopt, options).bind(*inputs[i].options.default_value, state.bound[i]);
  }
}

void check_defaults(std::span<const In> inputs, const FunctionOptions& options) {
  for (const In& in : inputs) {
    if (in.options.default_value) {
      BoundInput bound;
      Binder(in, std::nullopt, options).bind(*in.options.default_value, bound);
    }
  }
}

void check_named_dims(std::span<const In> inputs, std::span<const Variable> shared,
                      const CallState& state) {
  struct Seen {
    const std::string* name;
    int64_t length;
    const Variable* variable;
    size_t axis;
  };
  absl::InlinedVector<Seen, 4> seen;
  const auto check = [&](const Variable& variable, const Dims& shape) {
    for (size_t axis = 0; axis < variable.type().dims.size(); ++axis) {
      const Dim& dim = variable.type().dims[axis];
      if (!dim.is_named()) continue;
      const int64_t length = shape[axis];
      const auto it = std::find_if(seen.begin(), seen.end(),
                                   [&](const Seen& s) { return s.name == &dim.name(); });
      if (it == seen.end()) {
        seen.push_back({&dim.name(), length, &variable, axis});
      } else if (it->length != length) {
        throw ShapeError(absl::StrCat("dim ", dim.name(), " is ", it->length, " in ",
                                      it->variable->str(), " (axis ", it->axis, ") but ", length,
                                      " in ", variable.str(), " (axis ", axis, ")\n  ",
                                      it->variable->str(), " made at: ", it->variable->site().str(),
                                      "\n  ", variable.str(), " made at: ", variable.site().str()));
      }
    }
  };
  for (size_t i = 0; i < inputs.size(); ++i) check(inputs[i].variable, state.inputs[i].shape());
  for (size_t i = 0; i < shared.size(); ++i) check(shared[i], state.shared[i]->shape());
}

}  // namespace bitale
