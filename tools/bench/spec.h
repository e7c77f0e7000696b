// What a workload is asked to be: a name and `key=value` words, as they stand in the line protocol.

#ifndef BITALE_TOOLS_BENCH_SPEC_H_
#define BITALE_TOOLS_BENCH_SPEC_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bitale.h"

namespace bitale::bench {

class Spec {
 public:
  // "lenet batch=20 pool=3": a name, then pairs. std::invalid_argument for another form.
  explicit Spec(std::string_view line);

  const std::string& name() const { return name_; }

  // The value of a key, or `fallback` where the line has none. std::invalid_argument for text that
  // is no number, or that is none of the `allowed` words.
  int64_t integer(const std::string& key, int64_t fallback);
  double number(const std::string& key, double fallback);
  std::string word(const std::string& key, std::string_view fallback,
                   std::initializer_list<std::string_view> allowed);
  // float32 or float64.
  DType dtype();
  // Items with `separator` between them.
  std::vector<std::string> list(const std::string& key, std::string_view fallback, char separator);

  // std::invalid_argument naming the keys that nothing has asked for: a misspelt one is no default.
  void check_all_used() const;

 private:
  const std::string* find(const std::string& key);

  std::string name_;
  std::map<std::string, std::string> values_;
  std::set<std::string> used_;
};

}  // namespace bitale::bench

#endif  // BITALE_TOOLS_BENCH_SPEC_H_
