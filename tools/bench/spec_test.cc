#include "tools/bench/spec.h"

#include <stdexcept>

#include "gtest/gtest.h"

namespace bitale::bench {
namespace {

TEST(Spec, ReadsPairsAndFallsBackWhereThereIsNone) {
  Spec spec("lenet batch=128 rate=0.5 pool_kind=average dtype=float64 layers=3-4");
  EXPECT_EQ(spec.name(), "lenet");
  EXPECT_EQ(spec.integer("batch", 20), 128);
  EXPECT_EQ(spec.integer("window", 5), 5);
  EXPECT_EQ(spec.number("rate", 1), 0.5);
  EXPECT_EQ(spec.word("pool_kind", "max", {"max", "average"}), "average");
  EXPECT_EQ(spec.dtype(), DType::kFloat64);
  EXPECT_EQ(spec.list("layers", "1", '-'), (std::vector<std::string>{"3", "4"}));
  EXPECT_NO_THROW(spec.check_all_used());
}

TEST(Spec, RefusesWhatItCannotRead) {
  EXPECT_THROW(Spec(""), std::invalid_argument);
  EXPECT_THROW(Spec("lenet batch"), std::invalid_argument);
  Spec spec("lenet batch=many pool_kind=median");
  EXPECT_THROW(spec.integer("batch", 20), std::invalid_argument);
  EXPECT_THROW(spec.word("pool_kind", "max", {"max", "average"}), std::invalid_argument);
}

TEST(Spec, NamesKeysThatNobodyAskedFor) {
  Spec spec("lenet bach=128");
  spec.integer("batch", 20);
  try {
    spec.check_all_used();
    FAIL() << "a misspelt key was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "lenet knows no key named bach");
  }
}

}  // namespace
}  // namespace bitale::bench
