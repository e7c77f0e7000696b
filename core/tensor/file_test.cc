#include "core/tensor/file.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A folder with nothing in it.
std::string empty_folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/file_test_" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

absl::Status write_text(const std::string& path, std::string_view text) {
  return write_file_atomically(path, {&text, 1});
}

// While one of these lives, no file of this process grows beyond `bytes`: a write is cut there, and
// the next one fails. That holds for root too.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_before_);
    const rlimit limit = {.rlim_cur = bytes, .rlim_max = limit_before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &limit_before_);
    std::signal(SIGXFSZ, handler_before_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_before_)(int);
  rlimit limit_before_;
};

TEST(File, AWriteReplacesTheOldFile) {
  const std::string folder = empty_folder("replaced"), path = folder + "/x";
  ASSERT_TRUE(write_text(path, "a long old text").ok());
  std::ifstream reader_of_old(path);
  ASSERT_TRUE(write_text(path, "new").ok());
  EXPECT_EQ(*read_file(path), "new");
  EXPECT_THAT(names_in(folder), ElementsAre("x"));
  // Another file has taken its place, so whoever reads the old one sees none of the new.
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader_of_old), {}), "a long old text");
}

TEST(File, AWriteThatFailsHalfWayLeavesTheOldFile) {
  const std::string folder = empty_folder("half"), path = folder + "/x";
  ASSERT_TRUE(write_text(path, "old").ok());
  const std::string text(1 << 16, 'n');
  absl::Status status;
  {
    const FileSizeLimit limit(1 << 12);
    status = write_text(path, text);
  }
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write: File too large"));
  EXPECT_EQ(*read_file(path), "old");
  EXPECT_THAT(names_in(folder), ElementsAre("x"));
}

TEST(File, AWriteThatCannotReplaceLeavesNothingBehind) {
  // The target is a folder that is not empty, so the last step fails.
  const std::string folder = empty_folder("target");
  std::filesystem::create_directories(folder + "/x/y");
  EXPECT_FALSE(write_text(folder + "/x", "text").ok());
  EXPECT_THAT(names_in(folder), ElementsAre("x"));
}

}  // namespace
}  // namespace bitale
