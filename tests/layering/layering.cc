#include "tests/layering/layering.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bitale::layering {
namespace {

using Edges = std::map<std::string, std::set<std::string>>;

struct Include {
  std::string path;
  int line;
};

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> includes;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(file.text, '\n')) {
    ++number;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "#")) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "include")) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
    const char close = line[0] == '"' ? '"' : '>';
    const size_t end = line.find(close, 1);
    if (end != line.npos) includes.push_back({std::string(line.substr(1, end - 1)), number});
  }
  return includes;
}

bool lies_in(absl::string_view path, absl::string_view folder) {
  return path == folder || absl::StartsWith(path, absl::StrCat(folder, "/"));
}

absl::string_view name_of(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool is_test(absl::string_view path) {
  return absl::EndsWith(path, "_test.cc") || absl::EndsWith(path, "_benchmark.cc");
}

bool is_unrestricted(const Table& table, absl::string_view path) {
  return is_test(path) || std::any_of(table.unrestricted.begin(), table.unrestricted.end(),
                                      [&](const auto& folder) { return lies_in(path, folder); });
}

const Layer* layer_of(const Table& table, absl::string_view path) {
  for (const Layer& layer : table.layers) {
    if (lies_in(path, layer.folder)) return &layer;
  }
  return nullptr;
}

// A path whose first folder is one of the table's is ours; others are third-party headers.
bool is_ours(const Table& table, absl::string_view path) {
  const auto first = [](absl::string_view p) { return p.substr(0, p.find('/')); };
  const auto same = [&](absl::string_view folder) { return first(folder) == first(path); };
  return std::any_of(table.layers.begin(), table.layers.end(),
                     [&](const Layer& layer) { return same(layer.folder); }) ||
         std::any_of(table.unrestricted.begin(), table.unrestricted.end(), same);
}

bool may_include(const Table& table, const Layer& from, absl::string_view file, const Layer& to) {
  if (&from == &to) return true;
  if (std::find(from.may_include.begin(), from.may_include.end(), to.folder) !=
      from.may_include.end()) {
    return true;
  }
  return std::any_of(table.allowances.begin(), table.allowances.end(), [&](const auto& allowance) {
    return lies_in(file, allowance.folder) && allowance.may_include == to.folder &&
           absl::StrContains(name_of(file), allowance.name_part);
  });
}

// What is wrong with `file` including `include`, if anything.
std::optional<std::string> complaint(const Table& table, const SourceFile& file,
                                     const std::string& include,
                                     const std::set<std::string>& paths) {
  const std::string folder = std::filesystem::path(file.path).parent_path().string();
  const std::string beside = (std::filesystem::path(folder) / include).lexically_normal().string();
  if (beside != include && paths.contains(beside)) {
    return absl::StrCat("write the path from the root: \"", beside, "\"");
  }
  if (is_unrestricted(table, file.path) || !is_ours(table, include)) return std::nullopt;
  const Layer& from = *layer_of(table, file.path);
  if (is_unrestricted(table, include)) {
    return absl::StrCat(from.folder, " may not include ", include);
  }
  const Layer* to = layer_of(table, include);
  if (to == nullptr) return absl::StrCat(include, " lies in no folder of the table");
  if (may_include(table, from, file.path, *to)) return std::nullopt;
  return absl::StrCat(from.folder, " may not include ", to->folder, " (", include, ")");
}

// The type that a line at the margin begins to define: "struct Name {", "class Name : public ...".
std::optional<absl::string_view> defined_type(absl::string_view line) {
  absl::ConsumePrefix(&line, "enum ");
  if (!absl::ConsumePrefix(&line, "struct ") && !absl::ConsumePrefix(&line, "class ")) {
    return std::nullopt;
  }
  const size_t end = line.find_first_of(" ;<");
  // A declaration ends in a semicolon; a specialisation is told from others by its arguments.
  if (end == line.npos || line[end] == ';' || line[end] == '<') return std::nullopt;
  return line.substr(0, end);
}

class CircleSearch {
 public:
  explicit CircleSearch(const Edges& edges) : edges_(edges) {}

  std::vector<std::string> run() {
    for (const auto& [node, unused] : edges_) visit(node);
    return circles_;
  }

 private:
  // Depth is that of an include chain.
  void visit(const std::string& node) {
    const auto on_path = std::find(path_.begin(), path_.end(), node);
    if (on_path != path_.end()) {
      circles_.push_back(absl::StrCat(absl::StrJoin(on_path, path_.end(), " -> "), " -> ", node));
      return;
    }
    if (!done_.insert(node).second) return;
    path_.push_back(node);
    if (const auto found = edges_.find(node); found != edges_.end()) {
      for (const std::string& next : found->second) visit(next);
    }
    path_.pop_back();
  }

  const Edges& edges_;
  std::vector<std::string> path_;
  std::set<std::string> done_;
  std::vector<std::string> circles_;
};

}  // namespace

std::vector<std::string> check_includes(const Table& table, const std::vector<SourceFile>& files) {
  std::set<std::string> paths;
  for (const SourceFile& file : files) paths.insert(file.path);
  std::vector<std::string> violations;
  for (const SourceFile& file : files) {
    if (!is_unrestricted(table, file.path) && layer_of(table, file.path) == nullptr) {
      violations.push_back(absl::StrCat(file.path, ":1: lies in no folder of the table"));
      continue;
    }
    for (const Include& include : includes_of(file)) {
      if (const auto text = complaint(table, file, include.path, paths)) {
        violations.push_back(absl::StrCat(file.path, ":", include.line, ": ", *text));
      }
    }
  }
  return violations;
}

std::vector<std::string> check_definitions(const Table& table,
                                           const std::vector<SourceFile>& files) {
  std::vector<std::string> violations;
  for (const SourceFile& file : files) {
    for (const DefinitionException& exception : table.definitions) {
      if (lies_in(file.path, exception.declared_in)) continue;
      const std::string qualifier = absl::StrCat(" ", exception.class_name, "::");
      int number = 0;
      for (absl::string_view line : absl::StrSplit(file.text, '\n')) {
        ++number;
        // A definition starts at the margin and has a type before the qualified name.
        const size_t at = line.find(qualifier);
        if (at == line.npos || line[0] == ' ' || line[0] == '/' || line[0] == '#') continue;
        const absl::string_view head = line.substr(0, at);
        const absl::string_view member = line.substr(at + qualifier.size());
        const size_t open = member.find('(');
        if (head.find_first_of("(=") != head.npos || open == member.npos) continue;
        const absl::string_view name = member.substr(0, open);
        if (name.find_first_of(" =;") != name.npos) continue;
        if (name == exception.member && lies_in(file.path, exception.defined_in)) continue;
        violations.push_back(absl::StrCat(file.path, ":", number, ": ", exception.class_name,
                                          "::", std::string(name), " is defined outside ",
                                          exception.declared_in));
      }
    }
  }
  return violations;
}

std::vector<std::string> check_type_names(const std::vector<SourceFile>& files) {
  std::map<std::string, std::string> first_place;
  std::vector<std::string> violations;
  for (const SourceFile& file : files) {
    std::vector<absl::string_view> scopes;
    int number = 0;
    for (absl::string_view line : absl::StrSplit(file.text, '\n')) {
      ++number;
      if (absl::ConsumePrefix(&line, "namespace ") && absl::ConsumeSuffix(&line, "{")) {
        scopes.push_back(absl::StripAsciiWhitespace(line));
      } else if (absl::StartsWith(line, "}  // namespace") && !scopes.empty()) {
        scopes.pop_back();
      }
      const std::optional<absl::string_view> name = defined_type(line);
      // An empty scope is an anonymous namespace.
      if (!name || std::find(scopes.begin(), scopes.end(), "") != scopes.end()) continue;
      const std::string type = absl::StrCat(absl::StrJoin(scopes, "::"), "::", *name);
      const std::string place = absl::StrCat(file.path, ":", number);
      const auto [known, is_new] = first_place.try_emplace(type, place);
      if (!is_new) {
        violations.push_back(absl::StrCat(place, ": ", type, " is defined in ", known->second));
      }
    }
  }
  return violations;
}

std::vector<std::string> find_circles(const Table& table, const std::vector<SourceFile>& files) {
  Edges between_layers;
  Edges between_files;
  for (const SourceFile& file : files) {
    const Layer* from = is_unrestricted(table, file.path) ? nullptr : layer_of(table, file.path);
    for (const Include& include : includes_of(file)) {
      // Highway compiles a file once per instruction set by including it in itself.
      if (include.path != file.path) between_files[file.path].insert(include.path);
      const Layer* to = layer_of(table, include.path);
      if (from != nullptr && to != nullptr && from != to) {
        between_layers[from->folder].insert(to->folder);
      }
    }
  }
  std::vector<std::string> circles = CircleSearch(between_layers).run();
  for (std::string& circle : CircleSearch(between_files).run()) {
    circles.push_back(std::move(circle));
  }
  return circles;
}

}  // namespace bitale::layering
