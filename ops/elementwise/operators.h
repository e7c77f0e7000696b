// The operators on Variables: + - * / % - < <= > >= elementwise, with a Variable on at least one
// side and a Variable, a Tensor or a C++ number on the other. They are found by the Variable's
// namespace.
//
// == and != stay identity of nodes (eq() and neq() compare elements), and && || ! do not exist:
// they could neither short-circuit nor yield a bool. Use logical_and(), logical_or(),
// logical_not().

#ifndef BITALE_OPS_ELEMENTWISE_OPERATORS_H_
#define BITALE_OPS_ELEMENTWISE_OPERATORS_H_

#include <concepts>

#include "core/graph/operand.h"

namespace bitale {

// An operand that is a Variable.
class VariableOperand : public Operand {
 public:
  VariableOperand(const Variable& variable,  // NOLINT: conversion is the purpose
                  SourceSite site = SourceSite::current())
      : Operand(variable, site) {}
};

// An operand that is not: without the distinction, `2 + Tensor` would be symbolic.
class ValueOperand : public Operand {
 public:
  ValueOperand(const Tensor& value, SourceSite site = SourceSite::current())  // NOLINT
      : Operand(value, site) {}
  template <typename T>
  requires std::integral<T> || std::floating_point<T> ValueOperand(
      T value, SourceSite site = SourceSite::current())  // NOLINT
      : Operand(value, site) {}
};

// add, sub, mul, true_div, mod, neg.
Variable operator+(VariableOperand a, Operand b);
Variable operator+(ValueOperand a, VariableOperand b);
Variable operator-(VariableOperand a, Operand b);
Variable operator-(ValueOperand a, VariableOperand b);
Variable operator*(VariableOperand a, Operand b);
Variable operator*(ValueOperand a, VariableOperand b);
Variable operator/(VariableOperand a, Operand b);
Variable operator/(ValueOperand a, VariableOperand b);
Variable operator%(VariableOperand a, Operand b);
Variable operator%(ValueOperand a, VariableOperand b);
Variable operator-(VariableOperand x);

// lt, le, gt, ge.
Variable operator<(VariableOperand a, Operand b);
Variable operator<(ValueOperand a, VariableOperand b);
Variable operator<=(VariableOperand a, Operand b);
Variable operator<=(ValueOperand a, VariableOperand b);
Variable operator>(VariableOperand a, Operand b);
Variable operator>(ValueOperand a, VariableOperand b);
Variable operator>=(VariableOperand a, Operand b);
Variable operator>=(ValueOperand a, VariableOperand b);

Variable operator&&(VariableOperand a, Operand b) = delete;
Variable operator&&(ValueOperand a, VariableOperand b) = delete;
Variable operator||(VariableOperand a, Operand b) = delete;
Variable operator||(ValueOperand a, VariableOperand b) = delete;
Variable operator!(VariableOperand x) = delete;

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_OPERATORS_H_
