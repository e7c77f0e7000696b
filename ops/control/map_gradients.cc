// Derivatives of map: maps over elements and derivatives alike.

#include "core/graph/traversal.h"
#include "ops/control/map.h"
#include "ops/control/map_internal.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

// The inner graph over other inputs.
Variables inner_over(const MapOp& op, std::span<const Variable> inputs) {
  Replacements replacements;
  for (size_t i = 0; i < inputs.size(); ++i) replacements[op.inner_inputs()[i]] = inputs[i];
  return clone_graph(op.inner_outputs(), replacements);
}

// Operands of a map over a map's own and over derivatives, where those are defined.
struct Widened {
  Variables sequences;
  Variables non_sequences;
  Variables elements;

  // The elements that stand for the old operands, and for those derivatives (else undefined).
  Variables old_elements;
  Variables derivative_elements;
};

// `derivatives` [0, moving) belong to sequences, the others to non-sequences.
Widened widen(const MapOp& op, std::span<const Variable> inputs,
              std::span<const Variable> derivatives, size_t moving) {
  const size_t count = op.sequence_count();
  Widened result;
  result.sequences.assign(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(count));
  result.non_sequences.assign(inputs.begin() + static_cast<std::ptrdiff_t>(count), inputs.end());
  for (size_t i = 0; i < derivatives.size(); ++i) {
    if (!derivatives[i].defined()) continue;
    (i < moving ? result.sequences : result.non_sequences).push_back(derivatives[i]);
  }
  result.elements = loops::make_elements(result.sequences, result.non_sequences, {});
  size_t in_sequences = count;
  size_t in_others = result.sequences.size() + (inputs.size() - count);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t at = i < count ? i : result.sequences.size() + (i - count);
    result.old_elements.push_back(result.elements[at]);
  }
  for (size_t i = 0; i < derivatives.size(); ++i) {
    result.derivative_elements.push_back(
        !derivatives[i].defined() ? Variable()
                                  : result.elements[i < moving ? in_sequences++ : in_others++]);
  }
  return result;
}

// The map of those of `inner` that are defined; the others stay undefined.
Variables map_defined(const Widened& widened, const Variables& inner) {
  Variables defined;
  for (const Variable& variable : inner) {
    if (variable.defined()) defined.push_back(variable);
  }
  Variables results(inner.size());
  if (defined.empty()) return results;
  const Variables mapped =
      loops::make_map(widened.elements, defined, widened.sequences, widened.non_sequences, {});
  size_t next = 0;
  for (size_t i = 0; i < inner.size(); ++i) {
    if (inner[i].defined()) results[i] = mapped[next++];
  }
  return results;
}

}  // namespace

Variables MapOp::pullback(const PullbackContext& context) const {
  const Widened widened =
      widen(*this, context.inputs, context.output_gradients, context.output_gradients.size());
  std::vector<size_t> asked;
  Variables wrt;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    if (!context.wanted[i] || !is_floating(context.inputs[i].dtype())) continue;
    asked.push_back(i);
    wrt.push_back(widened.old_elements[i]);
  }
  const Variables mapped =
      map_defined(widened, context.inner_pullback(inner_over(*this, widened.old_elements),
                                                  widened.derivative_elements, wrt));
  Variables gradients(context.inputs.size());
  for (size_t k = 0; k < asked.size(); ++k) {
    if (!mapped[k].defined()) continue;
    gradients[asked[k]] = asked[k] < sequence_count_ ? mapped[k] : sum(mapped[k], 0);
  }
  return gradients;
}

Variables MapOp::pushforward(const PushforwardContext& context) const {
  const Widened widened = widen(*this, context.inputs, context.tangents, sequence_count_);
  return map_defined(widened,
                     context.inner_pushforward(inner_over(*this, widened.old_elements),
                                               widened.old_elements, widened.derivative_elements));
}

}  // namespace bitale
