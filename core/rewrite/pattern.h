// What rules ask of variables, by traits and types alone. Patterns that name ops are in
// ops/rewrites/patterns.h.

#ifndef BITALE_CORE_REWRITE_PATTERN_H_
#define BITALE_CORE_REWRITE_PATTERN_H_

#include <optional>

#include "core/rewrite/rule.h"

namespace bitale {

// The number that every element of `x` is: a constant of one element, or a view of one
// (dimshuffled, reshaped, broadcast). Nothing if that cannot be seen.
std::optional<double> uniform_number(const Variable& x);
inline bool is_uniform(const Variable& x, double number) { return uniform_number(x) == number; }

// A 0-d constant's number.
std::optional<double> scalar_number(const Variable& x);

// `to` as what a rule puts in place of the only output of `apply`; nothing where consumers would
// see another type: dtype, rank, contradicting dims, or an axis that is fixed 1 on one side only,
// since consumers decided on broadcasting when they were built.
std::optional<Variables> replace_with(const Apply& apply, const Variable& to);

// A rule for one more phase: what it looks for is also made by the rules of that phase.
constexpr Rule in_phase(Rule rule, Phase phase) {
  rule.phase = phase;
  return rule;
}

}  // namespace bitale

#endif  // BITALE_CORE_REWRITE_PATTERN_H_
