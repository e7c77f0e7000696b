// The checker behind the layering test: who includes whom, against a table of who may.
//
// It sees files as text. It knows no preprocessor: an include under a false #if counts.
#pragma once

#include <string>
#include <vector>

namespace bitale::layering {

struct SourceFile {
  std::string path;  // from the root: "core/base/dtype.h"
  std::string text;
};

// A folder, with everything below it, and the other folders that its files may include.
struct Layer {
  std::string folder;
  std::vector<std::string> may_include;
};

// Files of `folder` whose name contains `name_part` may also include `may_include`.
struct Allowance {
  std::string folder;
  std::string name_part;
  std::string may_include;
};

// Members of `class_name`, declared in `declared_in`, are defined there, except `member`, which
// is defined in `defined_in`.
struct DefinitionException {
  std::string class_name;
  std::string member;
  std::string declared_in;
  std::string defined_in;
};

struct Table {
  std::vector<Layer> layers;
  std::vector<Allowance> allowances;
  std::vector<DefinitionException> definitions;
  // Folders that may include everything and that only they include.
  std::vector<std::string> unrestricted;
};

// One line per violation, "file:line: what is wrong"; empty if `files` keep to `table`.
// Tests and benchmarks that lie beside the code may include everything.
std::vector<std::string> check_includes(const Table& table, const std::vector<SourceFile>& files);

// Members defined outside of the folder that declares them, in the form of check_includes().
std::vector<std::string> check_definitions(const Table& table,
                                           const std::vector<SourceFile>& files);

// Types of one name that two files define in the same named namespace, in the form of
// check_includes(): the linker would take one's members for the other's without a word.
std::vector<std::string> check_type_names(const std::vector<SourceFile>& files);

// Circles, one line each ("a -> b -> a"; the first that is found through each start): among
// layers, leaving tests and benchmarks out, and among files.
std::vector<std::string> find_circles(const Table& table, const std::vector<SourceFile>& files);

}  // namespace bitale::layering
