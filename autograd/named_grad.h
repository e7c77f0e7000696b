// grad() and rop() in the name of the entry points that are made of them. Not for users.

#ifndef BITALE_AUTOGRAD_NAMED_GRAD_H_
#define BITALE_AUTOGRAD_NAMED_GRAD_H_

#include <string_view>

#include "autograd/grad.h"
#include "autograd/pushforward.h"

namespace bitale {

// What the user called, for the first words of errors: "hessian".
struct EntryPoint {
  std::string_view name;
  // What the user asked to differentiate, and its role; not defined() if it is the cost itself.
  std::string_view role = "cost";
  Variable differentiated = {};
};

Variables named_grad(const EntryPoint& entry, const Variable& cost, const Variables& wrt,
                     const GradOptions& options, SourceSite site);

Variables named_rop(const EntryPoint& entry, const Variables& outputs, const Variables& wrt,
                    const Variables& tangents, const RopOptions& options, SourceSite site);

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_NAMED_GRAD_H_
