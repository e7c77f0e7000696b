#include "models/program/program.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/instruction_set.h"
#include "core/base/options.h"
#include "core/runtime/thread_pool.h"
#include "models/program/memory_limit.h"
#include "models/program/report.h"
#include "models/program/summary.h"
#include "ops/cpu/measure_limits.h"

namespace bitale {
namespace {

constexpr int kFailed = 1;
constexpr int kBadFlag = 2;

int fail(const TrainingProgram& program, const absl::Status& status, int code) {
  std::string message(status.message());
  for (char& c : message) {
    if (c == '\n') c = ' ';
  }
  std::fprintf(stderr, "%s: %s\n", program.name.c_str(), message.c_str());
  return code;
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// What must be equal for a checkpoint to be continued.
std::string settings_line(const TrainingProgram& program, const Settings& settings,
                          const DataSets& data) {
  std::string line =
      absl::StrCat(program.name, " floatX=", std::string(name_of(settings.float_x)),
                   " batch_size=", settings.batch_size,
                   " learning_rate=", absl::StrFormat("%.17g", settings.learning_rate),
                   " patience=", settings.patience, " data=", data.digest);
  for (const std::string& flag : program.model_flags) {
    if (flag == "nkerns") absl::StrAppend(&line, " nkerns=", absl::StrJoin(settings.nkerns, ","));
    if (flag == "n_hidden") absl::StrAppend(&line, " n_hidden=", settings.n_hidden);
    if (flag == "L1_reg") absl::StrAppendFormat(&line, " L1_reg=%.17g", settings.L1_reg);
    if (flag == "L2_reg") absl::StrAppendFormat(&line, " L2_reg=%.17g", settings.L2_reg);
    if (flag == "seed") absl::StrAppend(&line, " seed=", settings.seed);
  }
  return line;
}

TrainerOptions trainer_options(const TrainingProgram& program, const Settings& settings,
                               const DataSets& data) {
  return {.n_epochs = settings.n_epochs,
          .max_iterations = settings.max_iterations,
          .early_stopping = {.patience = settings.patience},
          .cost_log = settings.cost_log,
          .checkpoint = settings.checkpoint,
          .resume = settings.resume,
          .settings = settings_line(program, settings, data),
          .announce_iterations = program.announce_iterations};
}

// Whether `file` can be opened for writing. What is there stays as it is.
absl::Status check_writable(const std::string& flag, const std::string& path,
                            const std::string& file) {
  std::error_code ignored;
  const bool existed = std::filesystem::exists(std::filesystem::symlink_status(file, ignored));
  std::FILE* opened = std::fopen(file.c_str(), "a");
  if (opened == nullptr) {
    const int code = errno;
    return absl::ErrnoToStatus(code, absl::StrCat("--", flag, "=", path, ": cannot be written"));
  }
  std::fclose(opened);
  if (!existed) std::filesystem::remove(file, ignored);
  return absl::OkStatus();
}

absl::Status write_trace(const std::string& path, const Profile& profile) {
  std::ofstream file(path, std::ios::binary);
  file << profile.trace();
  file.close();
  if (file) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("cannot write the trace ", path));
}

// Finds out before hours of training what could not be written after them.
absl::Status check_outputs(const Settings& settings) {
  if (!settings.checkpoint.empty()) {
    const std::string& path = settings.checkpoint;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored) &&
        !std::filesystem::is_regular_file(path, ignored)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--checkpoint=", path, ": is not a regular file"));
    }
    // A new checkpoint is written beside the old one, which it then replaces.
    const absl::Status writable = check_writable("checkpoint", path, path + ".tmp");
    if (!writable.ok()) return writable;
  }
  for (const auto& [flag, file] :
       {std::pair("report", settings.report), std::pair("profile_trace", settings.profile_trace)}) {
    if (file.empty()) continue;
    const absl::Status writable = check_writable(flag, file, file);
    if (!writable.ok()) return writable;
  }
  return absl::OkStatus();
}

int run(const TrainingProgram& program, const Settings& settings, const std::string& executable) {
  options().float_x = settings.float_x;
  options().threads = static_cast<int>(settings.threads);
  say(absl::StrFormat("device %s, %d %s, %s, %s", settings.device, thread_count(),
                      thread_count() == 1 ? "thread" : "threads", std::string(instruction_set()),
                      std::string(name_of(settings.float_x))));
  if (settings.summary) {
    say("... building the model");
    std::fputs(summary_table(program.build(blank_data(), settings).layers).c_str(), stdout);
    return 0;
  }
  const absl::Status writable = check_outputs(settings);
  if (!writable.ok()) return fail(program, writable, kFailed);
  say("... loading data");
  const absl::StatusOr<DataSets> data = load_data(settings.data_dir, executable);
  if (!data.ok()) return fail(program, data.status(), kFailed);
  if (settings.batch_size > data->smallest()) {
    return fail(program,
                absl::InvalidArgumentError(absl::StrCat("--batch_size=", settings.batch_size,
                                                        ": the data set has parts of only ",
                                                        data->smallest(), " images")),
                kBadFlag);
  }
  say("... building the model");
  const absl::Status fits = check_memory_limit(program.build, *data, settings);
  if (!fits.ok()) return fail(program, fits, kBadFlag);
  const Network network = program.build(*data, settings);
  say("... training");
  const absl::StatusOr<TrainingResult> result =
      train(network.task, trainer_options(program, settings, *data));
  if (!result.ok()) return fail(program, result.status(), kFailed);
  if (result->interrupted) say("Interrupted.");
  if (result->state.validation_errors.empty()) {
    say(absl::StrCat("The run ended after ", result->state.next_iteration,
                     " minibatches, before the first validation."));
  } else {
    std::fputs(program.last_lines(*result).c_str(), stdout);
  }
  if (settings.profile) {
    const MachineLimits limits = cpu::measure_machine_limits();
    std::fputs(network.task.train.profile().str(limits).c_str(), stdout);
  }
  if (!settings.profile_trace.empty()) {
    const absl::Status written = write_trace(settings.profile_trace, network.task.train.profile());
    if (!written.ok()) return fail(program, written, kFailed);
    say(absl::StrCat("Trace: ", settings.profile_trace));
  }
  if (!settings.report.empty()) {
    const absl::Status written =
        write_report(settings.report, {.title = program.name,
                                       .settings = settings_line(program, settings, *data),
                                       .result = *result,
                                       .network = network,
                                       .test = data->test});
    if (!written.ok()) return fail(program, written, kFailed);
    say(absl::StrCat("Report: ", settings.report));
  }
  return 0;
}

}  // namespace

int run_program(const TrainingProgram& program, int argc, char** argv) {
  Settings settings = program.defaults;
  const absl::Status parsed =
      parse_flags(std::vector<std::string>(argv + 1, argv + argc), program.model_flags, settings);
  if (!parsed.ok()) return fail(program, parsed, kBadFlag);
  if (settings.help) {
    std::fputs(
        flags_help(program.name, program.purpose, program.model_flags, program.defaults).c_str(),
        stdout);
    return 0;
  }
  try {
    return run(program, settings, argv[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program.name.c_str(), error.what());
    return kFailed;
  }
}

}  // namespace bitale
