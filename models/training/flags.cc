#include "models/training/flags.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "absl/flags/marshalling.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace bitale {
namespace {

// What is wrong with a value, or nothing.
using Complaint = std::string;

struct Flag {
  std::string name;
  std::string help;
  bool is_switch = false;
  std::function<Complaint(const std::string& text)> set;
  std::string shown_default;
};

Flag positive_number(const char* name, const char* help, double& value) {
  return {name, help, false,
          [&value](const std::string& text) -> Complaint {
            std::string ignored;
            double parsed = 0;
            if (!absl::ParseFlag(text, &parsed, &ignored)) return "is not a number";
            if (!std::isfinite(parsed) || parsed <= 0) return "must be positive";
            value = parsed;
            return "";
          },
          absl::StrCat(value)};
}

Flag weight(const char* name, const char* help, double& value) {
  return {name, help, false,
          [&value](const std::string& text) -> Complaint {
            std::string ignored;
            double parsed = 0;
            if (!absl::ParseFlag(text, &parsed, &ignored)) return "is not a number";
            if (!std::isfinite(parsed) || parsed < 0) return "must not be negative";
            value = parsed;
            return "";
          },
          absl::StrCat(value)};
}

Flag whole_number(const char* name, const char* help, int64_t low, int64_t high, int64_t& value,
                  bool may_be_empty = false) {
  return {name, help, false,
          [&value, low, high, may_be_empty](const std::string& text) -> Complaint {
            if (may_be_empty && text.empty()) return "";
            std::string ignored;
            int64_t parsed = 0;
            if (!absl::ParseFlag(text, &parsed, &ignored)) return "is not a whole number";
            if (parsed < low) return low == 1 ? "must be positive" : "must not be negative";
            if (parsed > high) return absl::StrCat("must be at most ", high);
            value = parsed;
            return "";
          },
          may_be_empty ? "" : absl::StrCat(value)};
}

Flag text_flag(const char* name, const char* help, std::string& value) {
  return {name, help, false,
          [&value](const std::string& text) -> Complaint {
            value = text;
            return "";
          },
          value};
}

Flag switch_flag(const char* name, const char* help, bool& value) {
  return {name, help, true,
          [&value](const std::string& text) -> Complaint {
            std::string ignored;
            return absl::ParseFlag(text, &value, &ignored) ? "" : "is neither true nor false";
          },
          value ? "true" : ""};
}

Complaint set_nkerns(const std::string& text, std::array<int64_t, 2>& nkerns) {
  constexpr char kComplaint[] = "must be two positive numbers, such as 20,50";
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  if (parts.size() != nkerns.size()) return kComplaint;
  std::array<int64_t, 2> parsed = {};
  std::string ignored;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!absl::ParseFlag(parts[i], &parsed[i], &ignored) || parsed[i] <= 0 ||
        parsed[i] > std::numeric_limits<int32_t>::max()) {
      return kComplaint;
    }
  }
  nkerns = parsed;
  return "";
}

Complaint set_float_x(const std::string& text, DType& float_x) {
  if (text == "float32") {
    float_x = DType::kFloat32;
  } else if (text == "float64") {
    float_x = DType::kFloat64;
  } else {
    return "must be float32 or float64";
  }
  return "";
}

// In the order of --help.
std::vector<Flag> all_flags(Settings& s, const std::vector<std::string>& model_flags) {
  constexpr int64_t kMany = std::numeric_limits<int32_t>::max();
  std::vector<Flag> flags = {
      positive_number("learning_rate", "step of gradient descent", s.learning_rate),
      whole_number("n_epochs", "passes over the training set, at most", 1, kMany, s.n_epochs),
      whole_number("batch_size", "images per minibatch", 1, kMany, s.batch_size),
      {"nkerns", "maps of the two convolutions", false,
       [&s](const std::string& text) { return set_nkerns(text, s.nkerns); },
       absl::StrCat(s.nkerns[0], ",", s.nkerns[1])},
      whole_number("n_hidden", "hidden units", 1, kMany, s.n_hidden),
      weight("L1_reg", "weight of the sum of absolute weights in the cost", s.L1_reg),
      weight("L2_reg", "weight of the sum of squared weights in the cost", s.L2_reg),
      whole_number("seed", "of the initial weights", 0, std::numeric_limits<uint32_t>::max(),
                   s.seed),
      whole_number("patience", "minibatches to train on regardless of validation", 1, kMany,
                   s.patience),
      whole_number("max_iterations", "minibatches to train on, at most (default: no limit)", 1,
                   std::numeric_limits<int64_t>::max(), s.max_iterations, true),
      text_flag("data_dir", "folder of the four MNIST files (default: those that come along)",
                s.data_dir),
      {"floatX", "float32 or float64", false,
       [&s](const std::string& text) { return set_float_x(text, s.float_x); },
       std::string(name_of(s.float_x))},
      {"device", "where to compute: cpu", false,
       [&s](const std::string& text) -> Complaint {
         if (text != "cpu") return "is no device of this build: cpu";
         s.device = text;
         return "";
       },
       s.device},
      whole_number("threads", "of the CPU (default: all)", 1, 4096, s.threads, true),
      whole_number("max_bytes",
                   "memory for a minibatch, beside weights and data, at most (default: no limit)",
                   1, std::numeric_limits<int64_t>::max(), s.max_bytes, true),
      text_flag("cost_log", "write the cost of every minibatch to this CSV file", s.cost_log),
      text_flag("checkpoint", "write the state of the run to this file at every validation",
                s.checkpoint),
      switch_flag("resume", "continue from the checkpoint if it exists", s.resume),
      text_flag("report", "write curves, filters and errors to this HTML file", s.report),
      switch_flag("summary", "print layers, shapes and parameters, and end", s.summary),
      switch_flag("profile", "print the time of each kernel of a training step", s.profile),
      text_flag("profile_trace", "write the latest kernel calls to this file, for ui.perfetto.dev",
                s.profile_trace),
      switch_flag("help", "print this text, and end", s.help),
  };
  const std::vector<std::string> optional = {"nkerns", "n_hidden", "L1_reg", "L2_reg", "seed"};
  std::erase_if(flags, [&](const Flag& flag) {
    return std::count(optional.begin(), optional.end(), flag.name) != 0 &&
           std::count(model_flags.begin(), model_flags.end(), flag.name) == 0;
  });
  return flags;
}

absl::Status bad(const std::string& message) { return absl::InvalidArgumentError(message); }

}  // namespace

absl::Status parse_flags(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& model_flags, Settings& settings) {
  const std::vector<Flag> flags = all_flags(settings, model_flags);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t dashes = std::min<size_t>(arguments[i].find_first_not_of('-'), 3);
    if (dashes != 1 && dashes != 2) {
      return bad(absl::StrCat("'", arguments[i], "' is no flag; flags read --name=value"));
    }
    const std::string argument = arguments[i].substr(dashes);
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const bool has_value = equals != std::string::npos;
    auto named = [&](const std::string& wanted) {
      return std::find_if(flags.begin(), flags.end(),
                          [&](const Flag& flag) { return flag.name == wanted; });
    };
    auto flag = named(name);
    std::string text;
    if (flag == flags.end() && !has_value && name.starts_with("no") &&
        named(name.substr(2)) != flags.end() && named(name.substr(2))->is_switch) {
      flag = named(name.substr(2));
      text = "false";
    } else if (flag == flags.end()) {
      return bad(absl::StrCat("unknown flag '", arguments[i], "'; --help lists the flags"));
    } else if (has_value) {
      text = argument.substr(equals + 1);
    } else if (flag->is_switch) {
      text = "true";
    } else if (i + 1 < arguments.size()) {
      text = arguments[++i];
    } else {
      return bad(absl::StrCat("--", flag->name, " needs a value: ", flag->help));
    }
    const Complaint complaint = flag->set(text);
    if (!complaint.empty()) {
      return bad(absl::StrCat("--", flag->name, "=", absl::CEscape(text), ": ", complaint));
    }
  }
  if (settings.resume && settings.checkpoint.empty()) {
    return bad("--resume needs --checkpoint, the file to continue from");
  }
  return absl::OkStatus();
}

std::string flags_help(const std::string& program, const std::string& purpose,
                       const std::vector<std::string>& model_flags, Settings settings) {
  std::string text = absl::StrCat(program, ": ", purpose, "\n\n");
  for (const Flag& flag : all_flags(settings, model_flags)) {
    absl::StrAppendFormat(
        &text, "  --%-16s %s%s\n", flag.name, flag.help,
        flag.shown_default.empty() ? "" : absl::StrCat(" (default: ", flag.shown_default, ")"));
  }
  return text;
}

}  // namespace bitale
