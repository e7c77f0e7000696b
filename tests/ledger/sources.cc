#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Texts = std::map<std::string, std::string>;

// Sources under `folder`, without tests and benchmarks.
Texts read_sources(const std::string& folder) {
  Texts texts;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".h") && !path.ends_with(".cc")) continue;
    if (path.ends_with("_test.cc") || path.ends_with("_benchmark.cc")) continue;
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    texts[path] = text.str();
  }
  return texts;
}

Texts symbolic_sources() {
  Texts texts = read_sources("ops");
  texts.merge(read_sources("core"));
  return texts;
}

template <typename Visit>
void for_each_match(const std::string& text, const std::regex& pattern, Visit visit) {
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) visit(*it);
}

bool is_public_header(const std::string& path) {
  for (const char* ending : {"_internal.h", "_cpu.h", "_functors.h"}) {
    if (path.ends_with(ending)) return false;
  }
  return path.ends_with(".h") && !path.starts_with("ops/cpu/") &&
         !path.starts_with("ops/rewrites/");
}

}  // namespace

std::set<std::string> op_names_in_sources() {
  static const std::regex kRecord(R"re(_op\("(\w+)"|\.name = "(\w+)",\s*\.arity)re");
  static const std::regex kInClass(R"re(string_view name\(\) const override \{([^}]*)\})re");
  static const std::regex kOutside(R"re(string_view \w+Op::name\(\) const \{([^]*?)\n\})re");
  static const std::regex kLiteral(R"re("(\w+)")re");
  std::set<std::string> names;
  for (const auto& [path, text] : symbolic_sources()) {
    for_each_match(text, kRecord, [&](const std::smatch& match) {
      names.insert(match[1].matched ? match[1] : match[2]);
    });
    for (const std::regex& body : {kInClass, kOutside}) {
      for_each_match(text, body, [&](const std::smatch& match) {
        for_each_match(match[1], kLiteral, [&](const std::smatch& name) { names.insert(name[1]); });
      });
    }
  }
  return names;
}

std::set<std::string> op_classes_in_sources() {
  static const std::regex kClass(R"re(class (\w+)(?: final)? : public (\w+))re");
  std::map<std::string, std::string> base_of;
  std::set<std::string> bases;
  for (const auto& [path, text] : symbolic_sources()) {
    for_each_match(text, kClass, [&](const std::smatch& match) {
      base_of[match[1]] = match[2];
      bases.insert(match[2]);
    });
  }
  std::set<std::string> classes;
  for (const auto& [name, base] : base_of) {
    std::string ancestor = base;
    while (ancestor != "Op" && base_of.contains(ancestor)) ancestor = base_of[ancestor];
    if (ancestor == "Op" && !bases.contains(name)) classes.insert(name);
  }
  return classes;
}

std::set<std::string> builders_in_sources() {
  static const std::regex kBuilder(R"re(\n(?:inline )?Variables? (\w+)\()re");
  static const std::regex kDraw(R"re(\n  Variable (\w+)\(ShapeItems? )re");
  std::set<std::string> names;
  for (const auto& [path, text] : read_sources("ops")) {
    if (!is_public_header(path)) continue;
    for (const std::regex& declared : {kBuilder, kDraw}) {
      for_each_match(text, declared, [&](const std::smatch& match) { names.insert(match[1]); });
    }
  }
  return names;
}

}  // namespace bitale::ledger
