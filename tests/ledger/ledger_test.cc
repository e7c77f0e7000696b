// Every row does what it says in every column, and has the holes that it lists.

#include "tests/ledger/ledger.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace bitale::ledger {
namespace {

std::vector<const Row*> pointers(const std::vector<Row>& rows) {
  std::vector<const Row*> result;
  for (const Row& row : rows) result.push_back(&row);
  return result;
}

class Ledger : public ::testing::TestWithParam<const Row*> {};

std::string name_of_row(const ::testing::TestParamInfo<const Row*>& info) {
  return info.param->name;
}

TEST_P(Ledger, DoesWhatItsColumnsSay) {
  const Row& row = *GetParam();
  ASSERT_FALSE(row.cases.empty());
  for (Column column : kColumns) {
    const Finding found = walk(row, column);
    const auto hole = row.holes.find(column);
    if (hole == row.holes.end()) {
      EXPECT_TRUE(found.verdict == Verdict::kHolds)
          << name_of(found.verdict) << ": " << row.name << " x " << name_of(column) << ": "
          << found.report;
    } else if (found.verdict == Verdict::kHolds) {
      ADD_FAILURE() << row.name << " x " << name_of(column) << " holds now: take the reason \""
                    << hole->second.reason << "\" from its row";
    } else {
      EXPECT_TRUE(found.verdict == hole->second.verdict)
          << name_of(found.verdict) << ": " << row.name << " x " << name_of(column)
          << " fails for another reason than \"" << hole->second.reason << "\": " << found.report;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Ledger, ::testing::ValuesIn(pointers(op_rows())), name_of_row);
INSTANTIATE_TEST_SUITE_P(Builders, Ledger, ::testing::ValuesIn(pointers(builder_rows())),
                         name_of_row);

}  // namespace
}  // namespace bitale::ledger
