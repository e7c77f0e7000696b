// One address per distinct text, kept until the process ends.

#ifndef BITALE_CORE_BASE_INTERN_H_
#define BITALE_CORE_BASE_INTERN_H_

#include <string>
#include <string_view>

namespace bitale {

// The shared copy of `text`: equal texts give equal addresses. Thread-safe. For names that many
// long-lived objects point to (dims, scope labels).
const std::string* intern(std::string_view text);

}  // namespace bitale

#endif  // BITALE_CORE_BASE_INTERN_H_
