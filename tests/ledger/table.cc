#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/compile/kernel_registry.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

std::vector<Row> gathered(std::initializer_list<std::vector<Row> (*)()> makers) {
  std::vector<Row> rows;
  for (auto make : makers) {
    for (Row& row : make()) rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, &Row::name);
  return rows;
}

std::string heading(std::string_view first, std::string_view last) {
  std::string text = absl::StrCat("| ", std::string(first), " |"), rule = "|---|";
  for (Column column : kColumns) {
    absl::StrAppend(&text, " ", std::string(name_of(column)), " |");
    absl::StrAppend(&rule, "---|");
  }
  return absl::StrCat(text, " ", std::string(last), " | holes |\n", rule, "---|---|",
                      first == "op" ? "---|\n" : "\n");
}

std::string cells(const Row& row) {
  std::string text;
  for (Column column : kColumns) {
    absl::StrAppend(&text, row.holes.contains(column) ? " – |" : " yes |");
  }
  return text;
}

// "integer, bool: discrete dtypes are refused; pullback: ...".
std::string reasons(const Row& row) {
  std::vector<std::pair<std::string, std::vector<std::string>>> columns_of;
  for (const auto& [column, hole] : row.holes) {
    auto same = std::ranges::find(columns_of, hole.reason, [](const auto& e) { return e.first; });
    if (same == columns_of.end()) same = columns_of.insert(same, {hole.reason, {}});
    same->second.emplace_back(name_of(column));
  }
  std::vector<std::string> parts;
  if (!row.stands_for.empty()) parts.push_back(absl::StrCat("internal: ", row.stands_for));
  for (const auto& [reason, columns] : columns_of) {
    std::string list = absl::StrJoin(columns, ", ");
    if (list == "pullback, second gradient, pushforward") list = "derivatives";
    parts.push_back(columns.size() == std::size(kColumns) ? reason
                                                          : absl::StrCat(list, ": ", reason));
  }
  return absl::StrJoin(parts, "; ");
}

Traits traits_of(const Row& row) {
  const BuiltCase built = build_case(row, row.cases[0]);
  for (const Apply* apply : all_applications(built.outputs)) {
    if (apply->op().name() == row.name) return apply->op().traits();
  }
  throw GraphError(absl::StrCat("no case of ", row.name, " uses it"));
}

// Kernels, best first; or how the op does without.
std::string implementation(const Row& row, DeviceKind device) {
  std::vector<std::string> names;
  for (const KernelRegistration* kernel : kernels_of(row.name, device)) {
    names.push_back(kernel->name);
  }
  if (!names.empty()) return absl::StrJoin(names, ", ");
  const Traits traits = traits_of(row);
  return traits.view ? "view" : traits.composite ? "formula" : row.lowered_as;
}

std::string ops_used(const Row& row) {
  std::set<std::string> names;
  for (const Case& c : row.cases) {
    const BuiltCase built = build_case(row, c);
    for (const Apply* apply : all_applications(built.outputs)) {
      names.emplace(apply->op().name());
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

const std::vector<Row>& op_rows() {
  static const auto& rows = *new std::vector<Row>(
      gathered({elementwise_rows, discrete_elementwise_rows, reduction_rows, product_rows,
                softmax_rows, shape_rows, indexing_rows, other_rows}));
  return rows;
}

const std::vector<Row>& builder_rows() {
  static const auto& rows = *new std::vector<Row>(gathered({formula_rows}));
  return rows;
}

std::string ledger_table() {
  std::string text = heading("op", "CPU | CUDA");
  for (const Row& row : op_rows()) {
    absl::StrAppend(
        &text, "| ", row.name, " |", cells(row), " ", implementation(row, DeviceKind::kCpu), " | ",
        kernels_of(row.name, DeviceKind::kCuda).empty() ? "–"
                                                        : implementation(row, DeviceKind::kCuda),
        " | ", reasons(row), " |\n");
  }
  absl::StrAppend(&text, "\n", heading("builder", "formula over"));
  for (const Row& row : builder_rows()) {
    absl::StrAppend(&text, "| ", row.name, " |", cells(row), " ", ops_used(row), " | ",
                    reasons(row), " |\n");
  }
  return text;
}

}  // namespace bitale::ledger
