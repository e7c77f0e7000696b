// Nothing that is an op lies outside the ledger: not in the sources, not in the registry, not in
// graphs that gradients and rules make.

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <typeinfo>

#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/compile/kernel_registry.h"
#include "gtest/gtest.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Names = std::set<std::string>;

// Functions in public headers that build no formula of their own, and why.
const std::map<std::string, std::string>& helpers() {
  static const auto& map = *new std::map<std::string, std::string>{
      {"apply_scalar", "builds any elementwise node"},
      {"apply_to", "copies a node with another operand"},
      {"consider_constant", "Theano's older name of disconnected_grad"},
      {"integers", "random_integers from a stream"},
      {"map_all", "map with several results"},
      {"max_pool_2d", "pool_2d with the window's size as the stride"},
      {"normal", "random_normal from a stream, scaled and shifted"},
      {"permutation", "random_permutation from a stream"},
      {"push_first", "the pushforward of ops that are linear in one operand"},
      {"reduce", "sum, prod, max, min, any, all, argmax and argmin by kind"},
      {"restore_axes", "reduced axes as axes of length 1, for pullbacks"},
      {"sum_broadcast_axes", "the gradient of a broadcast operand"},
      {"sum_to_type", "the gradient of a broadcast operand"},
      {"uniform", "random_uniform from a stream, scaled and shifted"},
      {"zero_partial", "the derivative of piecewise constant functions"}};
  return map;
}

Names names_of(const std::vector<Row>& rows) {
  Names names;
  for (const Row& row : rows) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " has two rows";
  }
  return names;
}

std::string class_of(const Op& op) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(typeid(op).name(), nullptr, nullptr, &status), std::free);
  const std::string full = text.get();
  return full.substr(full.rfind("::") + 2);
}

// The graph of each case with first and second gradients, as built and as rules leave it.
void for_each_op(const std::vector<Row>& rows, const std::function<void(const Op&)>& visit) {
  for (const Row& row : rows) {
    for (const Case& c : row.cases) {
      const BuiltCase built = build_case(row, c);
      Variables all = built.outputs, outputs, wrt;
      for (const Variable& v : built.outputs) {
        if (is_floating(v.dtype())) outputs.push_back(v);
      }
      for (const Variable& v : built.inputs) {
        if (is_floating(v.dtype())) wrt.push_back(v);
      }
      const GradOptions ignore{.disconnected_inputs = Disconnected::kIgnore};
      if (!outputs.empty() && !wrt.empty()) {
        const Variables first = lop(outputs, wrt, outputs, ignore);
        const Variables second = lop(first, wrt, first, ignore);
        all.insert(all.end(), first.begin(), first.end());
        all.insert(all.end(), second.begin(), second.end());
      }
      for (const Apply* apply : all_applications(all)) visit(apply->op());
      const Function f = function(built.inputs, all, {.on_unused_input = OnUnusedInput::kIgnore});
      const Variables optimized = f.optimized_outputs();
      for (const Apply* apply : all_applications(optimized)) visit(apply->op());
    }
  }
}

TEST(Completeness, EveryOpNameInTheSourcesHasARowAndEveryRowANameThere) {
  EXPECT_EQ(names_of(op_rows()), op_names_in_sources());
}

TEST(Completeness, EveryKernelIsOfAnOpWithARow) {
  const Names rows = names_of(op_rows());
  for (const KernelRegistration* kernel : all_kernels()) {
    EXPECT_TRUE(rows.contains(kernel->op)) << kernel->name << " of " << kernel->op;
  }
}

TEST(Completeness, GradientsAndRulesMakeOnlyOpsWithARowAndReachEveryOpClass) {
  const Names rows = names_of(op_rows());
  Names classes, missing;
  for (const std::vector<Row>* list : {&op_rows(), &builder_rows()}) {
    for_each_op(*list, [&](const Op& op) {
      classes.insert(class_of(op));
      if (!rows.contains(std::string(op.name()))) missing.emplace(op.name());
    });
  }
  EXPECT_EQ(missing, Names());
  EXPECT_EQ(classes, op_classes_in_sources());
}

TEST(Completeness, EveryBuilderIsAnOpOrAFormulaWithARowOrAHelper) {
  const Names builders = builders_in_sources();
  Names ops = names_of(op_rows());
  const Names formulas = names_of(builder_rows());
  for (const std::string& name : builders) {
    EXPECT_EQ(ops.contains(name) + formulas.contains(name) + helpers().contains(name), 1)
        << name << " is listed in none or several of: ops, formulas, helpers";
  }
  for (const std::string& name : formulas) EXPECT_TRUE(builders.contains(name)) << name;
  for (const auto& [name, why] : helpers()) EXPECT_TRUE(builders.contains(name)) << name;
}

}  // namespace
}  // namespace bitale::ledger
