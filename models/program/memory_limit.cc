#include "models/program/memory_limit.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {
namespace {

// What the first function that does not fit says; empty if all do. The network writes its batch
// size into its graph (a reshape, a slice), so that only another network tells of another size.
std::string refusal(Network (*build)(const DataSets& data, const Settings& settings),
                    const DataSets& data, const Settings& settings) {
  const Network network = build(data, settings);
  try {
    network.task.train(0);
    network.task.validate(0);
    network.task.test(0);
    network.predict_test(0);
  } catch (const OutOfMemoryError& error) {
    const std::string text = error.what();
    return text.substr(0, text.find('\n'));
  }
  return "";
}

}  // namespace

absl::Status check_memory_limit(Network (*build)(const DataSets& data, const Settings& settings),
                                const DataSets& data, const Settings& settings) {
  if (settings.max_bytes == 0) return absl::OkStatus();
  const std::string complaint = refusal(build, data, settings);
  if (complaint.empty()) return absl::OkStatus();
  int64_t fits = 0, too_large = settings.batch_size;
  while (too_large - fits > 1) {
    Settings tried = settings;
    // A single image first: without it there is nothing to find.
    tried.batch_size = fits == 0 ? 1 : fits + (too_large - fits) / 2;
    const bool fit = refusal(build, data, tried).empty();
    if (!fit && fits == 0) break;
    (fit ? fits : too_large) = tried.batch_size;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "--batch_size=", settings.batch_size, ": ", complaint, "; ",
      fits == 0 ? "not even --batch_size=1 fits" : absl::StrCat("--batch_size=", fits, " fits")));
}

}  // namespace bitale
