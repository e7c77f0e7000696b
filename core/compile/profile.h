// Time per kernel of a function's calls.

#ifndef BITALE_CORE_COMPILE_PROFILE_H_
#define BITALE_CORE_COMPILE_PROFILE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "core/runtime/program.h"

namespace bitale {

// Thread-safe.
class Profile {
 public:
  void add(const Instruction& instruction, int64_t nanoseconds);
  // Rows by time: share, milliseconds, calls, kernel, op, the user's line.
  std::string table() const;

 private:
  struct Row {
    int64_t nanoseconds = 0;
    int64_t calls = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Row> rows_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PROFILE_H_
