// The table of rules in ops/rewrites/README.md is the one that the registry gives.

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/rewrite/rule.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

constexpr char kPath[] = "ops/rewrites/README.md";
constexpr char kHeading[] = "| rule | phases | exactness | why |\n|---|---|---|---|\n";

std::string_view name_of(Exactness exactness) {
  switch (exactness) {
    case Exactness::kSameBits:
      return "same bits";
    case Exactness::kReassociates:
      return "reassociates";
    case Exactness::kAssumesFinite:
      break;
  }
  return "assumes finite";
}

// One row per name: its phases in their order, and what it says of itself in the first of them.
std::string table() {
  struct Row {
    std::string phases;
    std::string rest;
  };
  std::map<std::string, Row> rows;
  const auto enter = [&](const auto& entry) {
    Row& row = rows[entry.name];
    if (row.phases.empty()) {
      row.rest =
          absl::StrCat(" | ", std::string(name_of(entry.exactness)), " | ", entry.why, " |\n");
    }
    absl::StrAppend(&row.phases, row.phases.empty() ? "" : ", ", std::string(name_of(entry.phase)));
  };
  for (const Rule* rule : all_rules()) enter(*rule);
  for (const GraphPass* pass : all_graph_passes()) enter(*pass);
  std::string text = kHeading;
  for (const auto& [name, row] : rows) {
    absl::StrAppend(&text, "| ", name, " | ", row.phases, row.rest);
  }
  return text;
}

TEST(Readme, ListsEveryRuleAsItIsRegistered) {
  std::ifstream file(kPath);
  ASSERT_TRUE(file.good()) << kPath;
  std::ostringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const size_t start = text.find(kHeading);
  ASSERT_NE(start, std::string::npos) << "no table in " << kPath;
  EXPECT_EQ(text.substr(start), table()) << "put this table at the end of " << kPath << ":\n"
                                         << table();
}

}  // namespace
}  // namespace bitale
