// The README's example and its outside workspace are those of tests/consumer/, which are built and
// run.

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

using testing::Contains;
using testing::SizeIs;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The code blocks of the README whose text starts with `start`.
std::vector<std::string> code_blocks(const std::string& start) {
  constexpr char kFence[] = "```";
  std::vector<std::string> blocks;
  // Between fences, prose and code take turns; the code starts behind the name of its language.
  bool is_code = false;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(text_of("README.md"), kFence))) {
    if (is_code) {
      const std::string code = part.substr(part.find('\n') + 1);
      if (code.starts_with(start)) blocks.push_back(code);
    }
    is_code = !is_code;
  }
  return blocks;
}

std::vector<std::string> lines_of(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipWhitespace());
}

// The lines that the README gives for a file of the outside workspace, under a comment with the
// file's name.
std::vector<std::string> lines_for(const std::string& file) {
  const std::string title = absl::StrCat("# ", file, "\n");
  const std::vector<std::string> blocks = code_blocks(title);
  EXPECT_THAT(blocks, SizeIs(1)) << file;
  return blocks.empty() ? blocks : lines_of(blocks[0].substr(title.size()));
}

std::vector<std::string> lines_of_consumer(const std::string& file) {
  return lines_of(absl::StrReplaceAll(text_of(absl::StrCat("tests/consumer/", file)),
                                      {{"@BITALE@", "/path/to/bitale"}}));
}

TEST(Readme, ItsExampleIsTheProgramOfTheOutsideWorkspace) {
  const std::vector<std::string> programs = code_blocks("#include");
  ASSERT_THAT(programs, SizeIs(1));
  EXPECT_EQ(programs[0], text_of("tests/consumer/main.cc"));
}

// What a user's workspace need not have: a name, and what helps to find faults in CI.
bool is_ours_alone(const std::string& line) {
  return line.starts_with("#") || line == "workspace(name = \"consumer\")" ||
         line == "build --nosandbox_debug";
}

TEST(Readme, ItsWorkspaceIsTheOutsideWorkspace) {
  for (const char* file : {"WORKSPACE", ".bazelrc", "BUILD.bazel"}) {
    std::vector<std::string> built = lines_of_consumer(file);
    std::erase_if(built, is_ours_alone);
    EXPECT_EQ(lines_for(file), built) << file;
  }
}

TEST(Readme, SaysThatTheCompilerNeedsCxx20) {
  EXPECT_THAT(lines_for(".bazelrc"), Contains("build --cxxopt=-std=c++20"));
}

}  // namespace
}  // namespace bitale
