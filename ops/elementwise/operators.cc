#include "ops/elementwise/operators.h"

#include "ops/elementwise/elementwise.h"

namespace bitale {

Variable operator+(VariableOperand a, Operand b) { return add(a, b); }
Variable operator+(ValueOperand a, VariableOperand b) { return add(a, b); }
Variable operator-(VariableOperand a, Operand b) { return sub(a, b); }
Variable operator-(ValueOperand a, VariableOperand b) { return sub(a, b); }
Variable operator*(VariableOperand a, Operand b) { return mul(a, b); }
Variable operator*(ValueOperand a, VariableOperand b) { return mul(a, b); }
Variable operator/(VariableOperand a, Operand b) { return true_div(a, b); }
Variable operator/(ValueOperand a, VariableOperand b) { return true_div(a, b); }
Variable operator%(VariableOperand a, Operand b) { return mod(a, b); }
Variable operator%(ValueOperand a, VariableOperand b) { return mod(a, b); }
Variable operator-(VariableOperand x) { return neg(x); }

Variable operator<(VariableOperand a, Operand b) { return lt(a, b); }
Variable operator<(ValueOperand a, VariableOperand b) { return lt(a, b); }
Variable operator<=(VariableOperand a, Operand b) { return le(a, b); }
Variable operator<=(ValueOperand a, VariableOperand b) { return le(a, b); }
Variable operator>(VariableOperand a, Operand b) { return gt(a, b); }
Variable operator>(ValueOperand a, VariableOperand b) { return gt(a, b); }
Variable operator>=(VariableOperand a, Operand b) { return ge(a, b); }
Variable operator>=(ValueOperand a, VariableOperand b) { return ge(a, b); }

}  // namespace bitale
