#include "core/compile/debug_mode.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/value_difference.h"

namespace bitale {
namespace {

Exactness exactness_of(std::string_view rule_name) {
  for (const Rule* rule : all_rules()) {
    if (rule->name == rule_name) return rule->exactness;
  }
  for (const GraphPass* pass : all_graph_passes()) {
    if (pass->name == rule_name) return pass->exactness;
  }
  return Exactness::kSameBits;
}

[[noreturn]] void disagree(const DebugPair& pair, std::string_view what) {
  throw ExecutionError(
      absl::StrCat("DebugMode: ", pair.reason, " changed a value: ", std::string(what),
                   "\n  old: ", pair.old_value.str(), " ", pair.old_value.type().str(),
                   ", made at ", pair.old_value.site().str(), "\n  new: ", pair.new_value.str(),
                   " ", pair.new_value.type().str(), ", made at ", pair.new_value.site().str()));
}

}  // namespace

void record_replacements(FunctionGraph& graph, std::vector<DebugPair>& pairs) {
  graph.set_observer([&pairs](const Variable& from, const Variable& to, std::string_view reason) {
    if (from.is_constant() && to.is_constant()) return;
    pairs.push_back({from, to, absl::StrCat("rule ", std::string(reason)), exactness_of(reason)});
  });
}

void check_pair(const DebugPair& pair, const Tensor& old_value, const Tensor& new_value) {
  if (old_value.shape() != new_value.shape()) {
    disagree(pair, absl::StrCat("shape ", to_string(old_value.shape()), " became ",
                                to_string(new_value.shape())));
  }
  const bool exact = pair.exactness == Exactness::kSameBits;
  const double distance =
      exact ? 0 : reassociation_tolerance(old_value.dtype()) * largest_finite(old_value);
  const std::optional<Difference> difference =
      find_difference(old_value, new_value, distance, !exact);
  if (!difference) return;
  disagree(pair, absl::StrCat("element ", difference->element, " was ", difference->expected,
                              " and is ", difference->actual));
}

}  // namespace bitale
