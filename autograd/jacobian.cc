#include "autograd/jacobian.h"

#include "autograd/derivative_checks.h"
#include "autograd/named_grad.h"
#include "ops/control/map.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/indexing/index.h"
#include "ops/shape/reshape.h"
#include "ops/shape/shape_item.h"

namespace bitale {

Variables jacobian(const Variable& expression, const Variables& wrt, const GradOptions& options,
                   SourceSite site) {
  require_floating("jacobian", "expression", {expression}, site);
  require_floating("jacobian", "wrt", wrt, site);
  GradOptions row_options = options;
  row_options.undefined_if_disconnected = false;
  SiteScope scope(site, "");
  const Variable flat = flatten(expression, 1);
  Variables rows = map_all(
      [&](const Variables& elements) {
        return named_grad({"jacobian", "expression", expression}, flat[elements[0]], wrt,
                          row_options, site);
      },
      {arange(length_of(flat, 0), site)}, {}, site);
  if (expression.rank() == 1) return rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    ShapeItems dims = lengths_of(expression);
    for (const ShapeItem& length : lengths_of(wrt[i])) dims.push_back(length);
    rows[i] = reshape(rows[i], dims);
  }
  return rows;
}

Variable jacobian(const Variable& expression, const Variable& wrt, const GradOptions& options,
                  SourceSite site) {
  return jacobian(expression, Variables{wrt}, options, site)[0];
}

}  // namespace bitale
