// What the entry points of autograd demand of their arguments, and the errors they share. Not for
// users.

#ifndef BITALE_AUTOGRAD_DERIVATIVE_CHECKS_H_
#define BITALE_AUTOGRAD_DERIVATIVE_CHECKS_H_

#include <span>
#include <string>
#include <string_view>

#include "autograd/backward.h"
#include "autograd/grad.h"
#include "core/graph/variable.h"

namespace bitale {

// "W float32 (784, 10), made at mlp.cc:12".
std::string describe(const Variable& variable);

// GradientError, beginning with `what`, unless every one is defined. `role` names them: "wrt".
void require_defined(std::string_view what, std::string_view role, const Variables& variables,
                     SourceSite site);

// GradientError unless every one is defined and floating.
void require_floating(std::string_view what, std::string_view role, const Variables& variables,
                      SourceSite site);

// GradientError unless there are as many `derivatives` as `variables`, each of its dtype and rank.
// Returns them fitted to the variables' dims.
Variables require_derivatives(std::string_view what, std::string_view role,
                              const Variables& derivatives, const Variables& variables,
                              SourceSite site);

// Raises, warns or keeps quiet about a derivative that is missing.
void report_disconnected(Disconnected mode, const std::string& message);

// Why no gradient goes from `outputs` to `wrt`, in a line.
std::string why_disconnected(const Variables& outputs, const Variable& wrt,
                             const Variables& constants, std::span<const GradientCut> cuts);

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_DERIVATIVE_CHECKS_H_
