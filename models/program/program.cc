#include "models/program/program.h"

#include <cstdio>
#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/options.h"
#include "core/runtime/thread_pool.h"
#include "hwy/targets.h"
#include "models/program/report.h"
#include "models/program/summary.h"

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

// Highway's name of the widest instruction set that this machine has: a target is a bit, and wider
// ones are lower.
std::string instruction_set() {
  const int64_t targets = hwy::SupportedTargets();
  return hwy::TargetName(targets & -targets);
}

// What must be equal for a checkpoint to be continued.
std::string settings_line(const TrainingProgram& program, const Settings& settings) {
  std::string line =
      absl::StrCat(program.name, " floatX=", std::string(name_of(settings.float_x)),
                   " batch_size=", settings.batch_size,
                   " learning_rate=", absl::StrFormat("%.17g", settings.learning_rate),
                   " patience=", settings.patience);
  for (const std::string& flag : program.model_flags) {
    if (flag == "nkerns") absl::StrAppend(&line, " nkerns=", absl::StrJoin(settings.nkerns, ","));
    if (flag == "n_hidden") absl::StrAppend(&line, " n_hidden=", settings.n_hidden);
    if (flag == "L1_reg") absl::StrAppendFormat(&line, " L1_reg=%.17g", settings.L1_reg);
    if (flag == "L2_reg") absl::StrAppendFormat(&line, " L2_reg=%.17g", settings.L2_reg);
    if (flag == "seed") absl::StrAppend(&line, " seed=", settings.seed);
  }
  return line;
}

TrainerOptions trainer_options(const TrainingProgram& program, const Settings& settings) {
  return {.n_epochs = settings.n_epochs,
          .max_iterations = settings.max_iterations,
          .early_stopping = {.patience = settings.patience},
          .cost_log = settings.cost_log,
          .checkpoint = settings.checkpoint,
          .resume = settings.resume,
          .settings = settings_line(program, settings),
          .announce_iterations = program.announce_iterations};
}

int run(const TrainingProgram& program, const Settings& settings, const std::string& executable) {
  options().float_x = settings.float_x;
  options().threads = static_cast<int>(settings.threads);
  say(absl::StrFormat("device %s, %d %s, %s, %s", settings.device, thread_count(),
                      thread_count() == 1 ? "thread" : "threads", instruction_set(),
                      std::string(name_of(settings.float_x))));
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
  const Network network = program.build(*data, settings);
  if (settings.summary) {
    std::fputs(summary_table(network.layers).c_str(), stdout);
    return 0;
  }
  say("... training");
  const absl::StatusOr<TrainingResult> result =
      train(network.task, trainer_options(program, settings));
  if (!result.ok()) return fail(program, result.status(), kFailed);
  if (result->interrupted) say("Interrupted.");
  if (result->state.validation_errors.empty()) {
    say(absl::StrCat("The run ended after ", result->state.next_iteration,
                     " minibatches, before the first validation."));
  } else {
    std::fputs(program.last_lines(*result).c_str(), stdout);
  }
  if (settings.profile) std::fputs(network.task.train.profile().c_str(), stdout);
  if (!settings.report.empty()) {
    const absl::Status written =
        write_report(settings.report, {.title = program.name,
                                       .settings = settings_line(program, settings),
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
