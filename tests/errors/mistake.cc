#include "tests/errors/mistake.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {

std::string with_relative_lines(std::string_view message, SourceSite site) {
  const std::string file = absl::StrCat(site.file, ":");
  std::string text;
  while (true) {
    const size_t at = message.find(file);
    if (at == std::string_view::npos) break;
    text += message.substr(0, at);
    message.remove_prefix(at + file.size());
    int line = 0;
    while (!message.empty() && std::isdigit(static_cast<unsigned char>(message[0]))) {
      line = 10 * line + (message[0] - '0');
      message.remove_prefix(1);
    }
    absl::StrAppend(&text, "{", line - static_cast<int>(site.line), "}");
  }
  text += message;
  return text;
}

void check_text(std::string_view message, std::string_view expected, SourceSite site) {
  const std::string text = with_relative_lines(message, site);
  if (!expected.empty() && expected.front() == '\n') expected.remove_prefix(1);
  EXPECT_EQ(text, expected) << "at " << site.str();
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), kMaxErrorLines) << site.str();
}

void check_message(std::string_view message, std::string_view expected, SourceSite site) {
  check_text(message, expected, site);
  EXPECT_NE(with_relative_lines(message, site).find('{'), std::string::npos)
      << "no line of the user's: " << site.str();
}

}  // namespace bitale
