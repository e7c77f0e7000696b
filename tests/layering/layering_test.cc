#include "tests/layering/layering.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bitale::layering {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Who may include whom: folders from the bottom to the top.
const Table& table() {
  static const Table* const table = new Table{
      .layers =
          {
              {"core/base", {}},
              {"core/tensor", {"core/base"}},
              {"core/graph", {"core/base", "core/tensor"}},
              {"core/rewrite", {"core/base", "core/tensor", "core/graph"}},
              {"core/runtime", {"core/base", "core/tensor"}},
              {"core/compile",
               {"core/base", "core/tensor", "core/graph", "core/rewrite", "core/runtime"}},
              {"cuda", {"core/base", "core/tensor", "core/runtime"}},
              {"ops",
               {"core/base", "core/tensor", "core/graph", "core/rewrite", "core/runtime",
                "core/compile"}},
              {"autograd",
               {"core/base", "core/tensor", "core/graph", "core/rewrite", "core/runtime",
                "core/compile", "ops"}},
              {"nn",
               {"core/base", "core/tensor", "core/graph", "core/rewrite", "core/runtime",
                "core/compile", "ops", "autograd"}},
              {"models",
               {"core/base", "core/tensor", "core/graph", "core/rewrite", "core/runtime",
                "core/compile", "ops", "autograd", "nn", "bitale.h"}},
              {"bitale.h", {}},
          },
      .allowances = {{"ops", "_cuda", "cuda"}, {"ops", "_cudnn", "cuda"}},
      .definitions = {{"Variable", "operator[]", "core/graph", "ops/indexing"}},
      .unrestricted = {"tests", "tools"},
  };
  return *table;
}

// The sources that the build file lays beside this test.
std::vector<SourceFile> own_sources() {
  std::vector<SourceFile> files;
  const auto options = std::filesystem::directory_options::follow_directory_symlink;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(".", options)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cc" && extension != ".cu" && extension != ".cuh") {
      continue;
    }
    std::ifstream stream(entry.path());
    files.push_back({entry.path().lexically_normal().string(),
                     std::string(std::istreambuf_iterator<char>(stream), {})});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::string lines(const std::vector<std::string>& items) { return absl::StrJoin(items, "\n"); }

TEST(OwnSources, AreFound) {
  const std::vector<SourceFile> files = own_sources();
  const auto has = [&](const std::string& path) {
    return std::any_of(files.begin(), files.end(),
                       [&](const SourceFile& file) { return file.path == path; });
  };
  EXPECT_TRUE(has("core/base/dtype.h"));
  EXPECT_TRUE(has("core/graph/variable.cc"));
}

TEST(OwnSources, IncludeOnlyWhatTheTableAllows) {
  EXPECT_EQ(lines(check_includes(table(), own_sources())), "");
}

TEST(OwnSources, DefineMembersWhereTheyAreDeclared) {
  EXPECT_EQ(lines(check_definitions(table(), own_sources())), "");
}

TEST(OwnSources, DefineNoTypeTwice) { EXPECT_EQ(lines(check_type_names(own_sources())), ""); }

TEST(OwnSources, HaveNoCircle) { EXPECT_EQ(lines(find_circles(table(), own_sources())), ""); }

TEST(CheckIncludes, AcceptsDownwardAndThirdPartyIncludes) {
  EXPECT_THAT(check_includes(table(),
                             {
                                 {"core/tensor/a.h",
                                  "#include <vector>\n"
                                  "#include \"absl/types/span.h\"\n"
                                  "#include \"core/base/b.h\"\n"},
                                 {"nn/layer.cc", "#include \"ops/conv/conv2d.h\"\n"},
                                 {"models/mlp.cc", "#include \"bitale.h\"\n"},
                             }),
              IsEmpty());
}

TEST(CheckIncludes, ReportsUpwardIncludeWithItsLine) {
  EXPECT_THAT(
      check_includes(table(), {{"core/graph/a.h", "#pragma once\n\n#include \"ops/x/y.h\"\n"}}),
      ElementsAre("core/graph/a.h:3: core/graph may not include ops (ops/x/y.h)"));
}

TEST(CheckIncludes, ReportsSidewaysInclude) {
  EXPECT_THAT(check_includes(table(), {{"core/runtime/a.h", "#include \"core/graph/op.h\"\n"}}),
              ElementsAre("core/runtime/a.h:1: core/runtime may not include core/graph "
                          "(core/graph/op.h)"));
}

TEST(CheckIncludes, SeesSpacesAndAngleBrackets) {
  EXPECT_THAT(check_includes(table(), {{"core/base/a.h", "  #  include <nn/layer.h>\n"}}),
              ElementsAre("core/base/a.h:1: core/base may not include nn (nn/layer.h)"));
}

TEST(CheckIncludes, IgnoresComments) {
  EXPECT_THAT(check_includes(table(), {{"core/base/a.h", "// #include \"nn/layer.h\"\n"}}),
              IsEmpty());
}

TEST(CheckIncludes, LetsOnlyCudaKernelsIncludeCuda) {
  const std::string text = "#include \"cuda/runtime/stream.h\"\n";
  EXPECT_THAT(check_includes(
                  table(), {{"ops/conv/conv2d_cuda.cu", text}, {"ops/conv/conv2d_cudnn.cc", text}}),
              IsEmpty());
  EXPECT_THAT(check_includes(table(), {{"ops/conv/conv2d.cc", text},
                                       {"ops/x_cuda/conv2d_cpu.cc", text},
                                       {"nn/x_cuda.cc", text}}),
              ElementsAre("ops/conv/conv2d.cc:1: ops may not include cuda (cuda/runtime/stream.h)",
                          "ops/x_cuda/conv2d_cpu.cc:1: ops may not include cuda "
                          "(cuda/runtime/stream.h)",
                          "nn/x_cuda.cc:1: nn may not include cuda (cuda/runtime/stream.h)"));
}

TEST(CheckIncludes, LetsTestsAndBenchmarksIncludeEverything) {
  const std::string text = "#include \"tests/support/cases.h\"\n#include \"models/x.h\"\n";
  EXPECT_THAT(check_includes(table(), {{"core/base/a_test.cc", text},
                                       {"core/base/a_benchmark.cc", text},
                                       {"tests/golden/b.cc", text}}),
              IsEmpty());
}

TEST(CheckIncludes, KeepsTestsOutOfTheProduct) {
  EXPECT_THAT(check_includes(table(), {{"nn/a.cc", "#include \"tests/support/cases.h\"\n"}}),
              ElementsAre("nn/a.cc:1: nn may not include tests/support/cases.h"));
}

TEST(CheckIncludes, KeepsTheUmbrellaHeaderOutOfTheLibrary) {
  EXPECT_THAT(check_includes(table(), {{"nn/a.cc", "#include \"bitale.h\"\n"}}),
              ElementsAre("nn/a.cc:1: nn may not include bitale.h (bitale.h)"));
}

TEST(CheckIncludes, ReportsRelativePaths) {
  EXPECT_THAT(check_includes(table(), {{"core/base/a.cc", "#include \"a.h\"\n"},
                                       {"core/base/a.h", ""},
                                       {"core/tensor/b.h", "#include \"../base/a.h\"\n"}}),
              ElementsAre("core/base/a.cc:1: write the path from the root: \"core/base/a.h\"",
                          "core/tensor/b.h:1: write the path from the root: \"core/base/a.h\""));
}

TEST(CheckIncludes, ReportsFoldersThatTheTableLacks) {
  EXPECT_THAT(
      check_includes(table(), {{"extra/a.h", ""}, {"nn/b.h", "#include \"core/extra/c.h\"\n"}}),
      ElementsAre("extra/a.h:1: lies in no folder of the table",
                  "nn/b.h:1: core/extra/c.h lies in no folder of the table"));
}

TEST(CheckDefinitions, AllowsTheListedExceptionInItsFolderOnly) {
  const std::string text = "\nVariable Variable::operator[](Index index) const {\n";
  EXPECT_THAT(check_definitions(
                  table(), {{"ops/indexing/subtensor.cc", text}, {"core/graph/variable.cc", text}}),
              IsEmpty());
  EXPECT_THAT(check_definitions(table(), {{"ops/shape/reshape.cc", text}}),
              ElementsAre("ops/shape/reshape.cc:2: Variable::operator[] is defined outside "
                          "core/graph"));
}

TEST(CheckDefinitions, ReportsOtherMembers) {
  EXPECT_THAT(check_definitions(table(), {{"ops/indexing/a.cc",
                                           "const Type& Variable::type() const {\n"
                                           "  return Variable::constant(1);\n"
                                           "auto x = Variable::constant(1);\n"
                                           "const Variable::Kind k = kind();\n"}}),
              ElementsAre("ops/indexing/a.cc:1: Variable::type is defined outside core/graph"));
}

TEST(CheckTypeNames, ReportsTheSecondOfTwo) {
  EXPECT_THAT(check_type_names({{"core/a.h",
                                 "namespace bitale {\n"
                                 "struct Program {\n"
                                 "};\n"
                                 "}  // namespace bitale\n"},
                                {"models/b.h",
                                 "namespace bitale {\n"
                                 "class Program final : public Base {\n"}}),
              ElementsAre("models/b.h:2: bitale::Program is defined in core/a.h:2"));
}

TEST(CheckTypeNames, AcceptsOtherNamespacesAnonymousOnesAndDeclarations) {
  EXPECT_THAT(check_type_names({{"core/a.h",
                                 "namespace bitale {\n"
                                 "struct Program {\n"
                                 "};\n"
                                 "}  // namespace bitale\n"},
                                {"core/b.h",
                                 "namespace bitale {\n"
                                 "struct Program;\n"
                                 "namespace {\n"
                                 "struct Program {\n"
                                 "};\n"
                                 "}  // namespace\n"},
                                {"core/c.h",
                                 "namespace bitale::other {\n"
                                 "struct Program {\n"}}),
              IsEmpty());
}

TEST(FindCircles, FindsACircleOfFolders) {
  EXPECT_THAT(find_circles(table(), {{"core/base/a.h", "#include \"core/tensor/b.h\"\n"},
                                     {"core/tensor/c.h", "#include \"core/graph/d.h\"\n"},
                                     {"core/graph/e.h", "#include \"core/base/f.h\"\n"}}),
              ElementsAre("core/base -> core/tensor -> core/graph -> core/base"));
}

TEST(FindCircles, FindsACircleOfFiles) {
  EXPECT_THAT(find_circles(table(), {{"ops/a/a.h", "#include \"ops/b/b.h\"\n"},
                                     {"ops/b/b.h", "#include \"ops/a/a.h\"\n"}}),
              ElementsAre("ops/a/a.h -> ops/b/b.h -> ops/a/a.h"));
}

TEST(FindCircles, AcceptsATreeAndAFileThatIncludesItself) {
  EXPECT_THAT(find_circles(table(), {{"core/base/a.h", ""},
                                     {"core/tensor/b.h", "#include \"core/base/a.h\"\n"},
                                     {"ops/x/c.cc", "#include \"ops/x/c.cc\"\n"},
                                     {"core/base/a_test.cc", "#include \"core/tensor/b.h\"\n"}}),
              IsEmpty());
}

TEST(Table, HasNoCircle) {
  std::vector<SourceFile> files;
  for (const Layer& layer : table().layers) {
    std::string text;
    for (const std::string& folder : layer.may_include) {
      text += "#include \"" + folder + "/x.h\"\n";
    }
    files.push_back({layer.folder + "/x.h", text});
  }
  EXPECT_THAT(find_circles(table(), files), IsEmpty());
}

}  // namespace
}  // namespace bitale::layering
