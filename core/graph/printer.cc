#include "core/graph/printer.h"

#include <utility>

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

// Labels of variables in graphs and in the graphs inside their ops.
class Labels {
 public:
  void add_inner_inputs(const Op& op) {
    for (size_t i = 0; i < op.inner_inputs().size(); ++i) {
      inner_inputs_.emplace(op.inner_inputs()[i], i);
    }
  }

  // "input 0 'x[i]'" for an inner input: many have no name, their place tells them apart.
  std::string of(const Variable& variable) const {
    const auto it = inner_inputs_.find(variable);
    if (it == inner_inputs_.end()) return label_of(variable);
    return absl::StrCat("input ", it->second,
                        variable.name().empty() ? "" : absl::StrCat(" '", variable.name(), "'"));
  }

 private:
  absl::flat_hash_map<Variable, size_t> inner_inputs_;
};

class TreePrinter {
 public:
  explicit TreePrinter(PrintOptions options) : options_(options) {}

  std::string print(std::span<const Variable> outputs) {
    push(outputs, 0);
    while (!pending_.empty()) {
      const Line line = pending_.back();
      pending_.pop_back();
      if (line.is_body) {
        print_body(line);
      } else {
        print_node(line);
      }
    }
    return text_;
  }

 private:
  struct Line {
    Variable variable;
    int depth;
    bool is_body;  // the graph inside the variable's op
  };

  void push(std::span<const Variable> variables, int depth) {
    for (size_t i = variables.size(); i-- > 0;) pending_.push_back({variables[i], depth, false});
  }

  static std::string indent_of(const Line& line) {
    // Deep chains are indented no further than a reader can follow.
    constexpr int kMostIndent = 60;
    std::string indent;
    for (int i = 0; i < line.depth && i < kMostIndent; ++i) indent += " |";
    return indent;
  }

  void print_node(const Line& line) {
    const Variable& variable = line.variable;
    const auto [it, first] = numbers_.emplace(variable, static_cast<int>(numbers_.size()) + 1);
    absl::StrAppend(&text_, indent_of(line), labels_.of(variable), " [", it->second, "]");
    if (first && options_.types) absl::StrAppend(&text_, " ", variable.type().str());
    if (first && options_.sites) absl::StrAppend(&text_, "  at ", variable.site().str());
    text_ += "\n";
    const Apply* apply = variable.owner();
    if (!first || apply == nullptr || cuts_below(line)) return;
    push(apply->inputs(), line.depth + 1);
    if (!apply->op().inner_outputs().empty()) {
      pending_.push_back({variable, line.depth + 1, true});
    }
  }

  void print_body(const Line& line) {
    const Op& op = line.variable.owner()->op();
    const auto [it, first] = bodies_.emplace(&op, numbers_.at(line.variable));
    absl::StrAppend(&text_, indent_of(line), "body of ", std::string(op.name()), " [", it->second,
                    first ? "]:\n" : "]\n");
    if (!first || cuts_below(line)) return;
    labels_.add_inner_inputs(op);
    push(op.inner_outputs(), line.depth + 1);
  }

  // Whether what is below the line is too deep; says so.
  bool cuts_below(const Line& line) {
    if (options_.max_depth <= 0 || line.depth + 1 < options_.max_depth) return false;
    absl::StrAppend(&text_, indent_of(line), " |...\n");
    return true;
  }

  const PrintOptions options_;
  std::string text_;
  std::vector<Line> pending_;
  Labels labels_;
  absl::flat_hash_map<Variable, int> numbers_;
  absl::flat_hash_map<const Op*, int> bodies_;  // the number of the node that it was printed at
};

std::string escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}});
}

std::string_view color_of(const Op& op) {
  const Traits traits = op.traits();
  if (traits.elementwise) return "#cfe8cf";
  if (traits.view) return "#eeeeee";
  if (traits.composite) return "#ffe3b3";
  return "#cfdff5";
}

class DotPrinter {
 public:
  std::string print(std::span<const Variable> outputs) {
    text_ = "digraph bitale {\n  rankdir=TB;\n  node [fontname=\"Helvetica\"];\n";
    draw({outputs, nullptr, "  "});
    text_ += body_edges_;
    for (size_t i = 0; i < outputs.size(); ++i) {
      absl::StrAppend(&text_, "  out", i, " [shape=ellipse, style=bold, label=\"output ", i,
                      "\"];\n  ", node_of(outputs[i], nullptr), " -> out", i, ";\n");
    }
    return text_ + "}\n";
  }

 private:
  struct Graph {
    std::span<const Variable> outputs;
    const Op* inside;  // null for the graph that holds all others
    std::string indent;
  };

  void draw(const Graph& graph) {
    for (const Variable& leaf : leaves(graph.outputs)) {
      absl::StrAppend(&text_, graph.indent, node_of(leaf, graph.inside),
                      " [shape=ellipse, label=\"", escaped(labels_.of(leaf)), "\\n",
                      escaped(leaf.type().str()), "\"];\n");
    }
    for (const Apply* apply : topological_order(graph.outputs)) draw(*apply, graph);
  }

  void draw(const Apply& apply, const Graph& graph) {
    const std::string node = node_of(apply.output(0), graph.inside);
    absl::StrAppend(&text_, graph.indent, node, " [shape=box, style=filled, fillcolor=\"",
                    std::string(color_of(apply.op())), "\", label=\"", escaped(apply.op().str()),
                    "\"];\n");
    for (size_t i = 0; i < apply.inputs().size(); ++i) {
      const Variable& input = apply.input(i);
      absl::StrAppend(&text_, graph.indent, node_of(input, graph.inside), " -> ", node,
                      " [label=\"", i, ": ", escaped(input.type().str()), "\"];\n");
    }
    if (!apply.op().inner_outputs().empty()) draw_body(apply.op(), node, graph.indent);
  }

  void draw_body(const Op& op, const std::string& node, const std::string& indent) {
    if (bodies_.insert(&op).second) {
      labels_.add_inner_inputs(op);
      absl::StrAppend(&text_, indent, "subgraph cluster_", node, " {\n", indent,
                      "  label=\"body of ", escaped(op.str()), "\";\n");
      draw({op.inner_outputs(), &op, indent + "  "});
      absl::StrAppend(&text_, indent, "}\n");
    }
    for (size_t i = 0; i < op.inner_outputs().size(); ++i) {
      absl::StrAppend(&body_edges_, "  ", node_of(op.inner_outputs()[i], &op), " -> ", node,
                      " [style=dashed, label=\"result ", i, "\"];\n");
    }
  }

  // "n0". A constant that several graphs read is a node in each of them.
  std::string node_of(const Variable& variable, const Op* inside) {
    const void* node = variable.node();
    if (variable.owner() != nullptr) node = variable.owner();
    const auto [it, first] = ids_.emplace(std::pair(inside, node), static_cast<int>(ids_.size()));
    return absl::StrCat("n", it->second);
  }

  std::string text_;
  // A node belongs to the first cluster that names it, so edges between clusters come after all.
  std::string body_edges_;
  Labels labels_;
  absl::flat_hash_map<std::pair<const Op*, const void*>, int> ids_;
  absl::flat_hash_set<const Op*> bodies_;
};

}  // namespace

std::string debugprint(std::span<const Variable> outputs, PrintOptions options) {
  return TreePrinter(options).print(outputs);
}

std::string debugprint(const Variable& output, PrintOptions options) {
  return debugprint({&output, 1}, options);
}

std::string dot_graph(std::span<const Variable> outputs) { return DotPrinter().print(outputs); }

std::string dot_graph(const Variable& output) { return dot_graph({&output, 1}); }

}  // namespace bitale
