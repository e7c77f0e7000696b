#include "autograd/hessian.h"

#include "autograd/jacobian.h"
#include "autograd/named_grad.h"

namespace bitale {

Variables hessian(const Variable& cost, const Variables& wrt, const GradOptions& options,
                  SourceSite site) {
  const Variables gradients = named_grad({"hessian"}, cost, wrt, options, site);
  // The gradient of a linear cost does not depend on wrt.
  GradOptions second = options;
  second.disconnected_inputs = Disconnected::kIgnore;
  second.known_grads = {};
  Variables results;
  for (size_t i = 0; i < wrt.size(); ++i) {
    results.push_back(gradients[i].defined() ? jacobian(gradients[i], wrt[i], second, site)
                                             : Variable());
  }
  return results;
}

Variable hessian(const Variable& cost, const Variable& wrt, const GradOptions& options,
                 SourceSite site) {
  return hessian(cost, Variables{wrt}, options, site)[0];
}

}  // namespace bitale
