#include "models/program/summary.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bitale {
namespace {

constexpr size_t kColumns = 5;
constexpr size_t kFirstNumber = 3;
using Row = std::array<std::string, kColumns>;

std::string line(const Row& row, const std::array<size_t, kColumns>& widths) {
  std::string text;
  for (size_t i = 0; i < kColumns; ++i) {
    const std::string gap(widths[i] - row[i].size(), ' ');
    if (i > 0) text += "  ";
    text += i < kFirstNumber ? row[i] + gap : gap + row[i];
  }
  return text + "\n";
}

}  // namespace

std::string with_commas(int64_t number) {
  std::string digits = absl::StrCat(number);
  const int first = number < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) digits.insert(at, ",");
  return digits;
}

std::string summary_table(const std::vector<LayerSummary>& layers) {
  std::vector<Row> rows = {{"layer", "kind", "output", "parameters", "multiply-adds"}};
  int64_t parameters = 0;
  int64_t multiply_adds = 0;
  for (const LayerSummary& layer : layers) {
    rows.push_back({layer.name, layer.kind, absl::StrJoin(layer.output, "x"),
                    with_commas(layer.parameters), with_commas(layer.multiply_adds)});
    parameters += layer.parameters;
    multiply_adds += layer.multiply_adds;
  }
  rows.push_back({"total", "", "", with_commas(parameters), with_commas(multiply_adds)});
  std::array<size_t, kColumns> widths = {};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = line(rows.front(), widths);
  const std::string rule(text.size() - 1, '-');
  text += rule + "\n";
  for (size_t i = 1; i + 1 < rows.size(); ++i) text += line(rows[i], widths);
  return text + rule + "\n" + line(rows.back(), widths);
}

}  // namespace bitale
