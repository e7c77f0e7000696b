// A mistake of a user's, and the whole text of the error that answers it.
//
//   const Variable x = fmatrix("x"), y = fvector("y");
//   expect_mistake<ShapeError>([&] { concatenate({x, y}); }, R"(
//   concatenate: all operands must have the same rank: 2 and 1
//     operand 0: x float32 (?, ?), made at {-1}
//     ...)");
//
// In the text, {-1} is a site in the test's own file, one line above the call of expect_mistake();
// {0} is the line of the call itself. A message that names another line is another text.

#ifndef BITALE_TESTS_ERRORS_MISTAKE_H_
#define BITALE_TESTS_ERRORS_MISTAKE_H_

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

#include "core/base/site.h"
#include "gtest/gtest.h"

namespace bitale {

// `message` with every "file:line" of the file of `site` written relative to its line: "{-2}".
std::string with_relative_lines(std::string_view message, SourceSite site);

// Adds failures unless `message` is `expected`, lines being relative to `site`, and short enough.
void check_text(std::string_view message, std::string_view expected, SourceSite site);
// The same, and `message` names a line of the test's file.
void check_message(std::string_view message, std::string_view expected, SourceSite site);

// `code` must throw an E, and no subclass of it, that says `expected`.
template <typename E, typename Code>
void expect_mistake(Code&& code, std::string_view expected,
                    SourceSite site = SourceSite::current()) {
  try {
    code();
  } catch (const std::exception& error) {
    EXPECT_EQ(typeid(error).name(), typeid(E).name()) << "at " << site.str();
    check_message(error.what(), expected, site);
    return;
  }
  ADD_FAILURE() << site.str() << ": nothing was thrown, expected:" << expected;
}

// The same for values, which know no line of the user's: tensors, and numpy's generator.
template <typename E, typename Code>
void expect_plain_mistake(Code&& code, std::string_view expected,
                          SourceSite site = SourceSite::current()) {
  try {
    code();
  } catch (const std::exception& error) {
    EXPECT_EQ(typeid(error).name(), typeid(E).name()) << "at " << site.str();
    check_text(error.what(), expected, site);
    return;
  }
  ADD_FAILURE() << site.str() << ": nothing was thrown, expected:" << expected;
}

}  // namespace bitale

#endif  // BITALE_TESTS_ERRORS_MISTAKE_H_
