#include "models/training/checkpoint.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/graph/shared.h"
#include "nn/data/safetensors.h"

namespace bitale {
namespace {

constexpr char kParameterPrefix[] = "parameter.";

// All digits that a double needs to come back as itself.
std::string exact(double value) { return absl::StrFormat("%.17g", value); }

Tensor curve(const std::vector<std::pair<int64_t, double>>& points) {
  std::vector<double> values;
  for (const auto& [iteration, error] : points) {
    values.push_back(static_cast<double>(iteration));
    values.push_back(error);
  }
  return Tensor::from(values, {static_cast<int64_t>(points.size()), 2});
}

std::vector<std::pair<int64_t, double>> points_of(const Tensor& curve) {
  std::vector<std::pair<int64_t, double>> points;
  const std::vector<double> values = curve.to_vector<double>();
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    points.emplace_back(static_cast<int64_t>(values[i]), values[i + 1]);
  }
  return points;
}

}  // namespace

absl::Status save_checkpoint(const std::string& path, const std::vector<NamedParameter>& parameters,
                             const TrainingState& state) {
  SafeTensors file;
  for (const NamedParameter& parameter : parameters) {
    file.tensors.emplace_back(kParameterPrefix + parameter.name, get_value(parameter.variable));
  }
  file.tensors.emplace_back("costs",
                            Tensor::from(state.costs, {static_cast<int64_t>(state.costs.size())}));
  file.tensors.emplace_back("validation_errors", curve(state.validation_errors));
  file.tensors.emplace_back("test_errors", curve(state.test_errors));
  const EarlyStopping& stopping = state.early_stopping;
  file.metadata = {{"format", "bitale-checkpoint-1"},
                   {"settings", state.settings},
                   {"next_iteration", absl::StrCat(state.next_iteration)},
                   {"patience", exact(stopping.patience)},
                   {"best_validation_error", exact(stopping.best_validation_error)},
                   {"best_iteration", absl::StrCat(stopping.best_iteration)},
                   {"test_error", exact(stopping.test_error)}};
  return write_safetensors(path, file);
}

absl::StatusOr<TrainingState> load_checkpoint(const std::string& path,
                                              const std::vector<NamedParameter>& parameters,
                                              const std::string& settings) {
  absl::StatusOr<SafeTensors> file = read_safetensors(path);
  if (!file.ok()) return file.status();
  auto text_of = [&](const std::string& key) {
    const auto it = file->metadata.find(key);
    return it == file->metadata.end() ? std::string() : it->second;
  };
  if (text_of("format") != "bitale-checkpoint-1") {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a checkpoint of a training run"));
  }
  if (text_of("settings") != settings) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": made with other settings: ", text_of("settings"), "; this run has ", settings));
  }
  TrainingState state;
  state.settings = settings;
  EarlyStopping& stopping = state.early_stopping;
  if (!absl::SimpleAtoi(text_of("next_iteration"), &state.next_iteration) ||
      !absl::SimpleAtod(text_of("patience"), &stopping.patience) ||
      !absl::SimpleAtod(text_of("best_validation_error"), &stopping.best_validation_error) ||
      !absl::SimpleAtoi(text_of("best_iteration"), &stopping.best_iteration) ||
      !absl::SimpleAtod(text_of("test_error"), &stopping.test_error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the state of the run is damaged"));
  }
  for (const char* name : {"costs", "validation_errors", "test_errors"}) {
    if (file->find(name) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", name, " are missing"));
    }
  }
  state.costs = file->find("costs")->to_vector<double>();
  state.validation_errors = points_of(*file->find("validation_errors"));
  state.test_errors = points_of(*file->find("test_errors"));
  std::vector<Tensor> values;
  for (const NamedParameter& parameter : parameters) {
    const Tensor* value = file->find(kParameterPrefix + parameter.name);
    if (value == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": parameter ", parameter.name, " is missing"));
    }
    const TensorType& type = parameter.variable.type();
    if (!equals_or_narrows(fixed_type(value->dtype(), value->shape()), type)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": parameter ", parameter.name, " is ",
          fixed_type(value->dtype(), value->shape()).str(), ", the model has ", type.str()));
    }
    values.push_back(*value);
  }
  for (size_t i = 0; i < parameters.size(); ++i) set_value(parameters[i].variable, values[i]);
  return state;
}

}  // namespace bitale
