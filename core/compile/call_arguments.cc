#include "core/compile/call_arguments.h"

#include <algorithm>
#include <cmath>
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

// A number keeps its value, or it is refused; floats may round to a narrower float.
bool number_fits(const Tensor& value, DType dtype) {
  if (is_floating(dtype)) return true;
  if (is_floating(value.dtype())) {
    const double number = value.item<double>();
    // Beyond it, a conversion to an integer is undefined.
    if (!(std::abs(number) < 0x1p63)) return false;
  }
  const Tensor converted = value.cast(dtype);
  // Of equal widths, -1 comes back from 255.
  const auto is_negative = [](const Tensor& x) { return x.item<double>() < 0; };
  return is_negative(converted) == is_negative(value) &&
         same_bits(converted.cast(value.dtype()), value);
}

bool dtype_fits(const Arg& arg, DType dtype, bool allow_downcast) {
  const Tensor& value = arg.value();
  if (can_cast_losslessly(value.dtype(), dtype)) return true;
  const bool same_kind =
      is_floating(value.dtype()) == is_floating(dtype) || is_discrete(value.dtype());
  if (allow_downcast && same_kind) return true;
  return arg.is_number() && number_fits(value, dtype);
}

bool shape_fits(const Tensor& value, const TensorType& type) {
  if (value.rank() != type.rank()) return false;
  for (int64_t axis = 0; axis < type.rank(); ++axis) {
    const Dim& dim = type.dims[axis];
    if (dim.is_fixed() && dim.length() != value.shape()[axis]) return false;
  }
  return true;
}

// `position`: of an argument of a call; none for a default.
Tensor convert_argument(const Arg& arg, const In& in, std::optional<size_t> position,
                        const FunctionOptions& options) {
  const Variable& variable = in.variable;
  const TensorType& type = variable.type();
  Tensor value = arg.value();
  const auto describe = [&] {
    const std::string what = position
                                 ? absl::StrCat("argument ", *position, " (", variable.str(), ")")
                                 : absl::StrCat("the default of ", variable.str());
    return absl::StrCat(function_name(options), ": ", what);
  };
  if (!value.defined()) {
    throw TypeError(
        absl::StrCat(describe(), " has no value\n  input made at: ", variable.site().str()));
  }
  if (value.dtype() != type.dtype) {
    if (!dtype_fits(arg, type.dtype, options.allow_input_downcast)) {
      if (arg.is_number() && is_discrete(type.dtype)) {
        throw TypeError(absl::StrCat(describe(), " is the number ",
                                     is_discrete(value.dtype())
                                         ? absl::StrCat(value.item<int64_t>())
                                         : absl::StrCat(value.item<double>()),
                                     ", which ", std::string(name_of(type.dtype)),
                                     " cannot hold\n  input made at: ", variable.site().str()));
      }
      throw TypeError(absl::StrCat(
          describe(), " has dtype ", std::string(name_of(value.dtype())), ", the input is ",
          std::string(name_of(type.dtype)), "\n  input made at: ", variable.site().str(),
          is_discrete(type.dtype) && is_floating(value.dtype())
              ? "\n  hint: value.cast(dtype) drops fractions"
              : "\n  hint: value.cast(dtype), or .allow_input_downcast = true"));
    }
    value = value.cast(type.dtype);
  }
  if (!shape_fits(value, type)) {
    throw ShapeError(absl::StrCat(describe(), " has shape ", to_string(value.shape()),
                                  ", the input is ", type.str(),
                                  "\n  input made at: ", variable.site().str()));
  }
  return value.to(kCpu);
}

}  // namespace

void bind_arguments(std::span<const In> inputs, std::span<const Arg> args,
                    const FunctionOptions& options, SourceSite compiled_at, CallState& state) {
  const auto refuse = [&](const std::string& what) {
    throw TypeError(
        absl::StrCat(function_name(options), what, "\n  compiled at: ", compiled_at.str()));
  };
  state.inputs.resize(inputs.size());
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
    state.inputs[index] = convert_argument(arg, inputs[index], index, options);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (state.inputs[i].defined()) continue;
    if (!inputs[i].options.default_value) {
      refuse(absl::StrCat(
          ": argument ", i, " (", inputs[i].variable.str(),
          ") is missing and has no default\n  input made at: ", inputs[i].variable.site().str()));
    }
    state.inputs[i] =
        convert_argument(Arg(*inputs[i].options.default_value), inputs[i], std::nullopt, options);
  }
}

void check_defaults(std::span<const In> inputs, const FunctionOptions& options) {
  for (const In& in : inputs) {
    if (in.options.default_value) {
      convert_argument(Arg(*in.options.default_value), in, std::nullopt, options);
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
