// Graphs as text and as pictures.

#ifndef BITALE_CORE_GRAPH_PRINTER_H_
#define BITALE_CORE_GRAPH_PRINTER_H_

#include <span>
#include <string>

#include "core/graph/variable.h"

namespace bitale {

struct PrintOptions {
  bool types = true;
  bool sites = false;
  // Nodes deeper than this are cut off ("..."), so that huge graphs stay readable; 0 for no limit.
  int max_depth = 0;
};

// A tree with one line per node, inputs below their op; a node that was printed before is referred
// to by its number (Theano's debugprint):
//
//   add [1] float32 (?,)
//    |x [2] float32 (?,)
//    |mul [3] float32 (?,)
//    | |x [2]
//    | |constant 2 [4] float32 ()
//
// An op with an inner graph (a loop) shows it above its inputs. `input i` there is the node's
// operand i, or an element of it. A body that was printed before is referred to by its number:
//
//   map{sequences=1} [1] float32 (?,)
//    |body of map [1]:
//    | |tanh [2] float32 ()
//    | | |input 0 'x[i]' [3] float32 ()
//    |x [4] float32 (?,)
std::string debugprint(std::span<const Variable> outputs, PrintOptions options = {});
std::string debugprint(const Variable& output, PrintOptions options = {});

// The graph in Graphviz's language: `dot -Tsvg` draws it. Ops are boxes coloured by kind, leaves
// are ellipses, edges carry types. An inner graph is a cluster of its own, from which a dashed edge
// per result leads to the ops that run it.
std::string dot_graph(std::span<const Variable> outputs);
std::string dot_graph(const Variable& output);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_PRINTER_H_
