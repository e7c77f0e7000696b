#include "core/graph/printer.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/graph/traversal.h"

namespace bitale {
namespace {

// "dot", "sum{axes=(1,)}", "x", "constant 2".
std::string label_of(const Variable& variable) {
  if (variable.is_output()) {
    const Apply& apply = *variable.owner();
    std::string text = apply.op().str();
    if (apply.output_count() > 1) absl::StrAppend(&text, ".", variable.output_index());
    if (!variable.name().empty()) absl::StrAppend(&text, " '", variable.name(), "'");
    return text;
  }
  if (variable.is_constant()) {
    if (const auto number = constant_scalar(variable)) return absl::StrCat("constant ", *number);
  }
  return variable.str();
}

std::string escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}});
}

}  // namespace

std::string debugprint(std::span<const Variable> outputs, PrintOptions options) {
  struct Line {
    Variable variable;
    int depth;
  };
  absl::flat_hash_map<Variable, int> numbers;
  std::string text;
  std::vector<Line> pending;
  for (size_t i = outputs.size(); i-- > 0;) pending.push_back({outputs[i], 0});
  while (!pending.empty()) {
    const Line line = pending.back();
    pending.pop_back();
    // Deep chains are indented no further than a reader can follow.
    constexpr int kMostIndent = 60;
    std::string indent;
    for (int i = 0; i < line.depth && i < kMostIndent; ++i) indent += " |";
    const auto [it, first] = numbers.emplace(line.variable, static_cast<int>(numbers.size()) + 1);
    absl::StrAppend(&text, indent, label_of(line.variable), " [", it->second, "]");
    if (!first) {
      text += "\n";
      continue;
    }
    if (options.types) absl::StrAppend(&text, " ", line.variable.type().str());
    if (options.sites) absl::StrAppend(&text, "  at ", line.variable.site().str());
    text += "\n";
    const Apply* apply = line.variable.owner();
    if (apply == nullptr) continue;
    if (options.max_depth > 0 && line.depth + 1 >= options.max_depth) {
      absl::StrAppend(&text, indent, " |...\n");
      continue;
    }
    for (size_t i = apply->inputs().size(); i-- > 0;) {
      pending.push_back({apply->input(i), line.depth + 1});
    }
  }
  return text;
}

std::string debugprint(const Variable& output, PrintOptions options) {
  return debugprint({&output, 1}, options);
}

std::string dot_graph(std::span<const Variable> outputs) {
  std::string text = "digraph bitale {\n  rankdir=TB;\n  node [fontname=\"Helvetica\"];\n";
  absl::flat_hash_map<const void*, int> ids;
  auto id_of = [&](const void* node) {
    return ids.emplace(node, static_cast<int>(ids.size())).first->second;
  };
  auto node_of = [](const Variable& v) -> const void* {
    return v.owner() != nullptr ? static_cast<const void*>(v.owner()) : v.node();
  };
  auto color_of = [](const Apply& apply) {
    const Traits traits = apply.op().traits();
    if (traits.elementwise) return "#cfe8cf";
    if (traits.view) return "#eeeeee";
    if (traits.composite) return "#ffe3b3";
    return "#cfdff5";
  };
  for (const Variable& leaf : leaves(outputs)) {
    absl::StrAppend(&text, "  n", id_of(leaf.node()), " [shape=ellipse, label=\"",
                    escaped(label_of(leaf)), "\\n", escaped(leaf.type().str()), "\"];\n");
  }
  for (const Apply* apply : topological_order(outputs)) {
    absl::StrAppend(&text, "  n", id_of(apply), " [shape=box, style=filled, fillcolor=\"",
                    color_of(*apply), "\", label=\"", escaped(apply->op().str()), "\"];\n");
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      const Variable& input = apply->input(i);
      absl::StrAppend(&text, "  n", id_of(node_of(input)), " -> n", id_of(apply), " [label=\"", i,
                      ": ", escaped(input.type().str()), "\"];\n");
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    absl::StrAppend(&text, "  out", i, " [shape=ellipse, style=bold, label=\"output ", i,
                    "\"];\n  n", id_of(node_of(outputs[i])), " -> out", i, ";\n");
  }
  return text + "}\n";
}

std::string dot_graph(const Variable& output) { return dot_graph({&output, 1}); }

}  // namespace bitale
