#include "core/base/error.h"

namespace bitale {
namespace {

std::string cut_to_limit(std::string_view message) {
  size_t end = 0;
  for (int line = 0; line < kMaxErrorLines; ++line) {
    const size_t newline = message.find('\n', end);
    if (newline == std::string_view::npos) return std::string(message);
    end = newline + 1;
    if (line == kMaxErrorLines - 2 && message.find('\n', end) != std::string_view::npos) {
      return std::string(message.substr(0, end)) + "  ...";
    }
  }
  return std::string(message);
}

}  // namespace

Error::Error(std::string_view message) : std::runtime_error(cut_to_limit(message)) {}

}  // namespace bitale
