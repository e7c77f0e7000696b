// Elementwise functions of floats.

#include "ops/elementwise/elementwise.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Unary = Variable (*)(Operand);
using Binary = Variable (*)(Operand, Operand);

// Values between `low` and `high`, whose `gap` from each other and from 0 keeps steps of finite
// differences on one side of kinks.
Row unary(const char* name, Unary f, double low = -1, double high = 1,
          std::map<Column, Hole> holes = {}) {
  return {.name = name,
          .cases = {{.name = "matrix",
                     .inputs = {random_tensor({3, 4}, low, high)},
                     .build = [f](const Variables& v) { return f(v[0]); }},
                    {.name = "scalar",
                     .inputs = {random_tensor({}, low, high, 5)},
                     .build = [f](const Variables& v) { return f(v[0]); }}},
          .holes = std::move(holes)};
}

Row binary(const char* name, Binary f, double low = -1, double high = 1,
           std::map<Column, Hole> holes = {}) {
  const auto build = [f](const Variables& v) { return f(v[0], v[1]); };
  return {
      .name = name,
      .cases = {{.name = "equal shapes",
                 .inputs = {random_tensor({3, 4}, low, high), random_tensor({3, 4}, low, high, 2)},
                 .build = build},
                {.name = "both broadcast",
                 .inputs = {random_tensor({3, 1}, low, high), random_tensor({4}, low, high, 2)},
                 .build = build},
                {.name = "of itself",
                 .inputs = {random_tensor({3}, low, high)},
                 .build = [f](const Variables& v) { return f(v[0], v[0] * v[0]); }}},
      .holes = std::move(holes)};
}

Case ternary_case(const char* name, std::vector<Tensor> inputs,
                  Variable (*f)(Operand, Operand, Operand)) {
  return {.name = name, .inputs = std::move(inputs), .build = [f](const Variables& v) {
            return f(v[0], v[1], v[2]);
          }};
}

}  // namespace

std::vector<Row> elementwise_rows() {
  const std::map<Column, Hole> no_bool = {{Column::kBool, kBoolRefused}};
  std::vector<Row> rows = {unary("abs", abs),
                           unary("acos", acos, -0.9, 0.9),
                           unary("asin", asin, -0.9, 0.9),
                           unary("atan", atan),
                           unary("ceil", ceil),
                           unary("cos", cos),
                           unary("cosh", cosh),
                           unary("erf", erf),
                           unary("erfc", erfc),
                           unary("exp", exp),
                           unary("expm1", expm1),
                           unary("floor", floor),
                           unary("log", log, 0.5, 2),
                           unary("log10", log10, 0.5, 2),
                           unary("log1p", log1p, -0.5, 2),
                           unary("log2", log2, 0.5, 2),
                           unary("neg", neg, -1, 1, no_bool),
                           unary("relu", relu),
                           unary("round", round),
                           unary("sgn", sgn, -1, 1, no_bool),
                           unary("sigmoid", sigmoid),
                           unary("sin", sin),
                           unary("sinh", sinh),
                           unary("softplus", softplus),
                           unary("sqr", sqr),
                           unary("sqrt", sqrt, 0.5, 2),
                           unary("tan", tan),
                           unary("tanh", tanh),
                           unary("trunc", trunc),
                           binary("add", add),
                           binary("atan2", atan2, 0.3, 1),
                           binary("int_div", int_div, 0.3, 2, no_bool),
                           binary("maximum", maximum),
                           binary("minimum", minimum),
                           binary("mod", mod, 0.3, 2, no_bool),
                           binary("mul", mul),
                           binary("pow", pow, 0.4, 0.65, no_bool),
                           binary("sub", sub, -1, 1, no_bool),
                           binary("true_div", true_div, 0.5, 2)};
  rows.push_back(
      {.name = "clip",
       .cases = {ternary_case("scalar bounds",
                              {distinct_tensor({3, 4}), Tensor(-0.33), Tensor(0.27)}, clip),
                 ternary_case("bounds broadcast",
                              {distinct_tensor({3, 4}), random_tensor({3, 1}, -0.5, -0.1),
                               random_tensor({4}, 0.1, 0.5)},
                              clip)}});
  rows.push_back({.name = "elu",
                  .cases = {{.name = "alpha 1",
                             .inputs = {distinct_tensor({3, 4})},
                             .build = [](const Variables& v) { return elu(v[0]); }},
                            {.name = "alpha an operand",
                             .inputs = {distinct_tensor({3, 4}), Tensor(0.7)},
                             .build = [](const Variables& v) { return elu(v[0], v[1]); }}}});
  rows.push_back({.name = "leaky_relu",
                  .cases = {{.name = "alpha 0.01",
                             .inputs = {distinct_tensor({3, 4})},
                             .build = [](const Variables& v) { return leaky_relu(v[0]); }},
                            {.name = "alpha an operand",
                             .inputs = {distinct_tensor({3, 4}), random_tensor({4}, 0.1, 0.5)},
                             .build = [](const Variables& v) { return leaky_relu(v[0], v[1]); }}}});
  rows.push_back({.name = "where",
                  .cases = {ternary_case("scalar condition",
                                         {Tensor::of<bool>({true, false, true}), random_tensor({3}),
                                          random_tensor({3}, -1, 1, 2)},
                                         where),
                            ternary_case("all broadcast",
                                         {Tensor::of<bool>({{true}, {false}}),
                                          random_tensor({1, 4}), random_tensor({}, -1, 1, 2)},
                                         where)}});
  rows.push_back({.name = "cast",
                  .cases = {{.name = "to int8",
                             .inputs = {random_tensor({3, 4}, 0.1, 0.9)},
                             .build = [](const Variables& v) { return cast(v[0], DType::kInt8); }},
                            {.name = "to float32 and back to float64",
                             .inputs = {random_tensor({3, 4})},
                             .build =
                                 [](const Variables& v) {
                                   return cast(cast(v[0], DType::kFloat32), DType::kFloat64);
                                 },
                             .twin = [](const Variables& v) { return v[0] * 1; }}}});
  rows.push_back({.name = "second",
                  .cases = {{.name = "scalar to matrix",
                             .inputs = {random_tensor({3, 4}), random_tensor({}, -1, 1, 2)},
                             .build = [](const Variables& v) { return second(v[0], v[1]); }},
                            {.name = "vector to matrix",
                             .inputs = {random_tensor({3, 1}), random_tensor({4}, -1, 1, 2)},
                             .build = [](const Variables& v) { return second(v[0], v[1]); }}}});
  return rows;
}

std::vector<Row> discrete_elementwise_rows() {
  const std::map<Column, Hole> discrete = no_derivatives(kDiscreteResult);
  const std::map<Column, Hole> bits =
      no_derivatives(kDiscreteRefused, {{Column::kFloat32, kFloatsRefused},
                                        {Column::kFloat64, kFloatsRefused},
                                        {Column::kHalf, kFloatsRefused}});
  std::vector<Row> rows;
  for (const auto& [name, f] : {std::pair<const char*, Binary>{"eq", eq},
                                {"neq", neq},
                                {"lt", lt},
                                {"le", le},
                                {"gt", gt},
                                {"ge", ge},
                                {"logical_and", logical_and},
                                {"logical_or", logical_or},
                                {"logical_xor", logical_xor}}) {
    rows.push_back(binary(name, f, -1, 1, discrete));
  }
  for (const auto& [name, f] : {std::pair<const char*, Unary>{"isnan", isnan},
                                {"isinf", isinf},
                                {"logical_not", logical_not}}) {
    rows.push_back(unary(name, f, -1, 1, discrete));
  }
  for (const auto& [name, f] : {std::pair<const char*, Binary>{"bitwise_and", bitwise_and},
                                {"bitwise_or", bitwise_or},
                                {"bitwise_xor", bitwise_xor}}) {
    rows.push_back(binary(name, f, -1, 1, bits));
  }
  rows.push_back(unary("bitwise_not", bitwise_not, -1, 1, bits));
  // What float64 has no words for.
  for (Row& row : rows) {
    for (Case& c : row.cases) c.agrees = !row.name.starts_with("bitwise");
  }
  return rows;
}

}  // namespace bitale::ledger
