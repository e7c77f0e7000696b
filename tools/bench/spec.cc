#include "tools/bench/spec.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bitale::bench {

Spec::Spec(std::string_view line) {
  std::istringstream words{std::string(line)};
  words >> name_;
  if (name_.empty()) throw std::invalid_argument("a workload has a name");
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("not key=value: " + word);
    values_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

const std::string* Spec::find(const std::string& key) {
  used_.insert(key);
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

int64_t Spec::integer(const std::string& key, int64_t fallback) {
  const std::string* text = find(key);
  int64_t value = fallback;
  if (text != nullptr && !absl::SimpleAtoi(*text, &value)) {
    throw std::invalid_argument(absl::StrCat(key, " is no integer: ", *text));
  }
  return value;
}

double Spec::number(const std::string& key, double fallback) {
  const std::string* text = find(key);
  double value = fallback;
  if (text != nullptr && !absl::SimpleAtod(*text, &value)) {
    throw std::invalid_argument(absl::StrCat(key, " is no number: ", *text));
  }
  return value;
}

std::string Spec::word(const std::string& key, std::string_view fallback,
                       std::initializer_list<std::string_view> allowed) {
  const std::string* text = find(key);
  if (text == nullptr) return std::string(fallback);
  if (std::find(allowed.begin(), allowed.end(), *text) == allowed.end()) {
    throw std::invalid_argument(absl::StrCat(key, " cannot be ", *text));
  }
  return *text;
}

DType Spec::dtype() {
  return word("dtype", "float32", {"float32", "float64"}) == "float32" ? DType::kFloat32
                                                                       : DType::kFloat64;
}

std::vector<std::string> Spec::list(const std::string& key, std::string_view fallback,
                                    char separator) {
  const std::string* text = find(key);
  return absl::StrSplit(text != nullptr ? *text : std::string(fallback), separator);
}

void Spec::check_all_used() const {
  std::string unknown;
  for (const auto& [key, value] : values_) {
    if (used_.count(key) == 0) absl::StrAppend(&unknown, " ", key);
  }
  if (!unknown.empty()) {
    throw std::invalid_argument(absl::StrCat(name_, " knows no key named", unknown));
  }
}

}  // namespace bitale::bench
