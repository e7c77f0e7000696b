#include "core/compile/profile.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bitale {

void Profile::add(const Instruction& instruction, int64_t nanoseconds) {
  std::lock_guard<std::mutex> lock(mutex_);
  Row& row =
      rows_[absl::StrCat(instruction.kernel_name, "  ", instruction.label, "  ", instruction.site)];
  row.nanoseconds += nanoseconds;
  ++row.calls;
}

std::string Profile::table() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (rows_.empty()) return "";
  std::vector<std::pair<std::string, Row>> rows(rows_.begin(), rows_.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.nanoseconds > b.second.nanoseconds;
  });
  double total = 0;
  for (const auto& [what, row] : rows) total += static_cast<double>(row.nanoseconds);
  std::string text = "   share        ms     calls  kernel  op  made at\n";
  for (const auto& [what, row] : rows) {
    absl::StrAppendFormat(&text, "%7.2f%% %9.3f %9d  %s\n",
                          100.0 * static_cast<double>(row.nanoseconds) / total,
                          static_cast<double>(row.nanoseconds) * 1e-6, row.calls, what);
  }
  return text;
}

}  // namespace bitale
