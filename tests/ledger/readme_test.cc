// The table in ops/README.md is the one that the ledger gives.

#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

constexpr char kPath[] = "ops/README.md";
constexpr char kStart[] = "<!-- ledger: start -->\n";
constexpr char kEnd[] = "<!-- ledger: end -->\n";

TEST(Readme, ShowsTheLedger) {
  std::ifstream file(kPath);
  ASSERT_TRUE(file.good()) << kPath;
  std::ostringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const size_t start = text.find(kStart), end = text.find(kEnd);
  ASSERT_NE(start, std::string::npos) << "no line " << kStart << " in " << kPath;
  ASSERT_NE(end, std::string::npos) << "no line " << kEnd << " in " << kPath;
  const size_t first = start + sizeof(kStart) - 1;
  const std::string table = ledger_table();
  EXPECT_TRUE(text.substr(first, end - first) == table)
      << "put this between the markers of " << kPath << ":\n"
      << table;
}

}  // namespace
}  // namespace bitale::ledger
