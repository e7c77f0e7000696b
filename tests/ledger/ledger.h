// The op ledger: every op, and every builder that is a formula over ops, with cases for it and with
// what it does not do.
//
// A row is walked through all columns. What it does not do is a hole, listed with the reason; a
// hole that the walk does not find, or finds filled, is a failure. The table in ops/README.md is
// made of the same rows.

#ifndef BITALE_TESTS_LEDGER_LEDGER_H_
#define BITALE_TESTS_LEDGER_LEDGER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/variable.h"
#include "core/tensor/tensor.h"
#include "tests/support/op_test.h"

namespace bitale::ledger {

enum class Column : uint8_t {
  kFloat32,  // runs, and equals float64 up to rounding; derivatives too
  kFloat64,  // runs, the same in FAST_COMPILE and FAST_RUN and on strided inputs, as all dtypes do
  kHalf,     // float16 and bfloat16 run, and equal float64 up to rounding
  kInteger,  // int8, int32, int64 and uint8 run, and equal float64
  kBool,
  kPullback,        // by finite differences in float64
  kSecondGradient,  // the gradient of the gradient, by finite differences
  kPushforward,     // <pushforward(t), g> == <t, pullback(g)>, and finite differences
};
inline constexpr Column kColumns[] = {
    Column::kFloat32, Column::kFloat64,  Column::kHalf,           Column::kInteger,
    Column::kBool,    Column::kPullback, Column::kSecondGradient, Column::kPushforward};
std::string_view name_of(Column column);

// What a walk through a column finds.
enum class Verdict : uint8_t {
  kHolds,
  kNothingToDo,  // no operand takes the dtype; nothing floating to differentiate
  kRefused,      // a TypeError or CompileError
  kDiffers,      // anything else
};
std::string_view name_of(Verdict verdict);

struct Hole {
  Verdict verdict;  // what the walk has to find
  const char* reason;
};

// One use of an op or builder. Floating inputs are given in float64 and take the column's dtype;
// discrete ones keep theirs.
struct Case {
  std::string name = "";
  std::vector<Tensor> inputs = {};
  ListFunction<Variable, Variable> build = {};
  // For builders that take a dtype instead of operands of one.
  std::function<Variables(const Variables& inputs, DType dtype)> build_as = {};
  // Whether other dtypes give float64's values but for rounding. Random draws do not, and values
  // that integers cannot hold.
  bool agrees = true;
  // A function with the same derivatives, where float32 inside leaves finite
  // differences no digits.
  ListFunction<Variable, Variable> twin = {};

  Variables outputs(const Variables& v, DType dtype) const {
    return build_as ? build_as(v, dtype) : build(v);
  }
};

struct Row {
  // The op's name; for formulas the builder's.
  std::string name;
  std::vector<Case> cases;
  std::map<Column, Hole> holes = {};
  // Of ops that only rules create: what they stand for. Its formula must give the same.
  std::string stands_for = "";
  // Of ops without kernel, formula or view: the instruction that lowering makes of them.
  std::string lowered_as = "";
};

// Rows of ops, sorted by name, and of builders without an op of their own.
const std::vector<Row>& op_rows();
const std::vector<Row>& builder_rows();

// --- Rows by family (rows_*.cc) -----------------------------------------------------------------
std::vector<Row> elementwise_rows();
std::vector<Row> discrete_elementwise_rows();
std::vector<Row> reduction_rows();
std::vector<Row> product_rows();
std::vector<Row> softmax_rows();
std::vector<Row> shape_rows();
std::vector<Row> indexing_rows();
std::vector<Row> other_rows();
std::vector<Row> formula_rows();

// --- Reasons that several rows share ------------------------------------------------------------
inline constexpr Hole kDiscreteResult = {Verdict::kNothingToDo, "discrete result"};
inline constexpr Hole kDiscreteOperands = {Verdict::kNothingToDo, "no floating operand"};
inline constexpr Hole kFloatsRefused = {Verdict::kRefused, "floats are refused"};
inline constexpr Hole kDiscreteRefused = {Verdict::kRefused, "discrete dtypes are refused"};
inline constexpr Hole kBoolRefused = {Verdict::kRefused, "bool is refused"};
inline constexpr Hole kHalfRefused = {Verdict::kRefused,
                                      "no kernel for two-byte floats: cast first"};

// `holes` with the same reason for pullback, second gradient and pushforward.
std::map<Column, Hole> no_derivatives(Hole hole, std::map<Column, Hole> holes = {});

// --- The walk -----------------------------------------------------------------------------------

struct Finding {
  Verdict verdict = Verdict::kHolds;
  std::string report = "";
};
// The worst of the row's cases; kNothingToDo only if all are.
Finding walk(const Row& row, Column column);

// Inputs of `c` with floating ones as `dtype`: rounded to it, or for discrete dtypes small integers
// other than 0 (bool: the sign).
std::vector<Tensor> inputs_as(const Case& c, DType dtype);
// Variables for values: dims unknown, but lengths of 1, which are fixed.
Variables variables_for(const std::vector<Tensor>& inputs);

// The graph of a case in the first dtype that the row takes, with its inputs.
struct BuiltCase {
  DType dtype = DType::kFloat64;
  std::vector<Tensor> values = {};
  Variables inputs = {};
  Variables outputs = {};
};
BuiltCase build_case(const Row& row, const Case& c);
// All applications under `outputs`, those of inner graphs included.
std::vector<const Apply*> all_applications(const Variables& outputs);

// --- What the sources say (run-time files of the test)
// --------------------------------------------

// Names that op classes and scalar records give themselves.
std::set<std::string> op_names_in_sources();
// Classes below Op that no other class is derived from.
std::set<std::string> op_classes_in_sources();
// Functions that public headers of ops/ declare and that return Variables, and the draws of
// RandomStreams, which take the sample's dims first.
std::set<std::string> builders_in_sources();

// --- The table ----------------------------------------------------------------------------------

// Markdown, as it stands in ops/README.md.
std::string ledger_table();

}  // namespace bitale::ledger

#endif  // BITALE_TESTS_LEDGER_LEDGER_H_
