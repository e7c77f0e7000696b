#include "core/base/intern.h"

#include <mutex>
#include <unordered_set>

namespace bitale {

const std::string* intern(std::string_view text) {
  // Leaked on purpose: nothing that points into it needs to be destroyed before it.
  static auto& table = *new std::unordered_set<std::string>;
  static auto& mutex = *new std::mutex;
  std::lock_guard<std::mutex> lock(mutex);
  return &*table.emplace(text).first;
}

}  // namespace bitale
