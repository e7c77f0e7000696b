// What a function demands of the dims and host integers of a call, and how it says that they do not
// fit.

#ifndef BITALE_CORE_COMPILE_CALL_CHECKS_H_
#define BITALE_CORE_COMPILE_CALL_CHECKS_H_

#include <span>
#include <string>
#include <vector>

#include "core/base/site.h"
#include "core/compile/function.h"
#include "core/graph/shape_analysis.h"

namespace bitale {

class CallChecks {
 public:
  CallChecks() = default;
  // The checks that `analysis`, which must outlive this, has collected, and those of pairs of
  // .givens whose value knows less of its dims than the variable: the graph was built for the
  // variable's. `function` is what errors call the function.
  CallChecks(ShapeAnalysis& analysis, const Givens& wider_givens, std::string function,
             SourceSite compiled_at);

  // Expressions that are 1 where a check on values holds, such as an index within its axis. Checks
  // on dims alone are not among them: they hold for all calls with those dims.
  std::vector<IntExpr> conditions_on_values() const;

  // Throws ShapeError for the first check that the call's `symbols` break.
  void check(std::span<const int64_t> symbols) const;
  // Throws OutOfMemoryError for the first of `variables` that is too large for any memory: sizes in
  // bytes would overflow. `lengths`: of all their axes, one variable after the other.
  void check_sizes(const Variables& variables, std::span<const int64_t> lengths) const;

 private:
  // A length that what stands in for a variable must have.
  struct GivenCheck {
    Variable variable;
    Variable value;
    size_t axis;
    IntExpr length;  // of the value
  };

  std::vector<int64_t> evaluate(std::span<const IntExpr> expressions,
                                std::span<const int64_t> symbols) const;
  void check_givens(std::span<const int64_t> symbols) const;
  // "operand 0: x float32 (2, 3), made at ..." for each operand of `apply`, as lines.
  std::string describe_operands_at(const Apply& apply, std::span<const int64_t> symbols) const;

  ShapeAnalysis* analysis_ = nullptr;
  std::vector<GivenCheck> givens_;
  std::string function_;
  SourceSite compiled_at_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_CALL_CHECKS_H_
