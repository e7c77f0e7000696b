#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {
namespace {

using Ints = std::span<const IntExpr>;

const ScalarOp kEq = {.name = "eq",
                      .arity = 2,
                      .rule = DTypeRule::kCompare,
                      .commutative = true,
                      .on_integers = [](Ints x) { return equal(x[0], x[1]); }};
const ScalarOp kNeq = {.name = "neq",
                       .arity = 2,
                       .rule = DTypeRule::kCompare,
                       .commutative = true,
                       .on_integers = [](Ints x) { return 1 - equal(x[0], x[1]); }};
const ScalarOp kLt = {
    .name = "lt", .arity = 2, .rule = DTypeRule::kCompare, .on_integers = [](Ints x) {
      return less(x[0], x[1]);
    }};
const ScalarOp kLe = {
    .name = "le", .arity = 2, .rule = DTypeRule::kCompare, .on_integers = [](Ints x) {
      return 1 - less(x[1], x[0]);
    }};
const ScalarOp kGt = {
    .name = "gt", .arity = 2, .rule = DTypeRule::kCompare, .on_integers = [](Ints x) {
      return less(x[1], x[0]);
    }};
const ScalarOp kGe = {
    .name = "ge", .arity = 2, .rule = DTypeRule::kCompare, .on_integers = [](Ints x) {
      return 1 - less(x[0], x[1]);
    }};
const ScalarOp kIsnan = {.name = "isnan", .arity = 1, .rule = DTypeRule::kCompare};
const ScalarOp kIsinf = {.name = "isinf", .arity = 1, .rule = DTypeRule::kCompare};

const ScalarOp kLogicalAnd = {.name = "logical_and",
                              .arity = 2,
                              .rule = DTypeRule::kLogic,
                              .commutative = true,
                              .on_integers = [](Ints x) { return x[0] * x[1]; }};
const ScalarOp kLogicalOr = {.name = "logical_or",
                             .arity = 2,
                             .rule = DTypeRule::kLogic,
                             .commutative = true,
                             .on_integers = [](Ints x) { return max(x[0], x[1]); }};
const ScalarOp kLogicalXor = {.name = "logical_xor",
                              .arity = 2,
                              .rule = DTypeRule::kLogic,
                              .commutative = true,
                              .on_integers = [](Ints x) { return 1 - equal(x[0], x[1]); }};
const ScalarOp kLogicalNot = {
    .name = "logical_not", .arity = 1, .rule = DTypeRule::kLogic, .on_integers = [](Ints x) {
      return 1 - x[0];
    }};

const ScalarOp kBitwiseAnd = {
    .name = "bitwise_and", .arity = 2, .rule = DTypeRule::kBits, .commutative = true};
const ScalarOp kBitwiseOr = {
    .name = "bitwise_or", .arity = 2, .rule = DTypeRule::kBits, .commutative = true};
const ScalarOp kBitwiseXor = {
    .name = "bitwise_xor", .arity = 2, .rule = DTypeRule::kBits, .commutative = true};
const ScalarOp kBitwiseNot = {.name = "bitwise_not", .arity = 1, .rule = DTypeRule::kBits};

}  // namespace

Variable eq(Operand a, Operand b) { return apply_scalar(kEq, {a, b}); }
Variable neq(Operand a, Operand b) { return apply_scalar(kNeq, {a, b}); }
Variable lt(Operand a, Operand b) { return apply_scalar(kLt, {a, b}); }
Variable le(Operand a, Operand b) { return apply_scalar(kLe, {a, b}); }
Variable gt(Operand a, Operand b) { return apply_scalar(kGt, {a, b}); }
Variable ge(Operand a, Operand b) { return apply_scalar(kGe, {a, b}); }
Variable isnan(Operand x) { return apply_scalar(kIsnan, {x}); }
Variable isinf(Operand x) { return apply_scalar(kIsinf, {x}); }

Variable logical_and(Operand a, Operand b) { return apply_scalar(kLogicalAnd, {a, b}); }
Variable logical_or(Operand a, Operand b) { return apply_scalar(kLogicalOr, {a, b}); }
Variable logical_xor(Operand a, Operand b) { return apply_scalar(kLogicalXor, {a, b}); }
Variable logical_not(Operand x) { return apply_scalar(kLogicalNot, {x}); }

Variable bitwise_and(Operand a, Operand b) { return apply_scalar(kBitwiseAnd, {a, b}); }
Variable bitwise_or(Operand a, Operand b) { return apply_scalar(kBitwiseOr, {a, b}); }
Variable bitwise_xor(Operand a, Operand b) { return apply_scalar(kBitwiseXor, {a, b}); }
Variable bitwise_not(Operand x) { return apply_scalar(kBitwiseNot, {x}); }

}  // namespace bitale
