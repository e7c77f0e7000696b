// What the ledger demands of kernels and formulas.

#include <functional>

#include "absl/strings/str_cat.h"
#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/traversal.h"
#include "gtest/gtest.h"
#include "ops/cpu/single_kernel.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

std::vector<Tensor> evaluate(const Variables& inputs, const Variables& outputs,
                             const std::vector<Tensor>& values) {
  const Function f =
      function(inputs, outputs, {.on_unused_input = OnUnusedInput::kIgnore, .mode = kFastCompile});
  const Results results = f.call(std::vector<Arg>(values.begin(), values.end()));
  return {results.begin(), results.end()};
}

// The outputs of a case and their gradients.
Variables with_gradients(const BuiltCase& built) {
  Variables results = built.outputs, outputs, wrt;
  for (const Variable& v : built.outputs) {
    if (is_floating(v.dtype())) outputs.push_back(v);
  }
  for (const Variable& v : built.inputs) {
    if (is_floating(v.dtype())) wrt.push_back(v);
  }
  if (outputs.empty() || wrt.empty()) return results;
  const Variables gradients =
      lop(outputs, wrt, outputs, {.disconnected_inputs = Disconnected::kIgnore});
  results.insert(results.end(), gradients.begin(), gradients.end());
  return results;
}

// Each registration of `apply`'s op on `device` that takes the call, against those of its rank.
void expect_no_tie(const Apply& apply, const std::vector<OperandLayout>& inputs,
                   const std::vector<OperandLayout>& outputs, DeviceKind device) {
  const KernelCall call{apply.op(), apply, inputs, outputs};
  std::map<int, const char*> taken;
  for (const KernelRegistration* kernel : kernels_of(apply.op().name(), device)) {
    if (kernel->supports != nullptr && kernel->supports(call) != nullptr) continue;
    const auto [other, first] = taken.emplace(kernel->rank, kernel->name);
    EXPECT_TRUE(first) << "kernels " << kernel->name << " and " << other->second << " of rank "
                       << kernel->rank << " both take a call of " << apply.op().str();
  }
}

class Kernels : public ::testing::TestWithParam<const Row*> {};

// Visits each call of a kernel that the row's cases and their gradients make: the application, its
// operands and results.
void for_each_call(const Row& row, DType dtype,
                   const std::function<void(const Apply& apply, const std::vector<Tensor>& inputs,
                                            const std::vector<Tensor>& outputs)>& visit) {
  for (const Case& c : row.cases) {
    BuiltCase built = build_case(row, c);
    if (built.dtype != dtype && !row.holes.contains(Column::kFloat32)) {
      built = {.dtype = dtype, .values = inputs_as(c, dtype)};
      built.inputs = variables_for(built.values);
      built.outputs = c.outputs(built.inputs, dtype);
    }
    const Variables graph = with_gradients(built);
    const std::vector<Apply*> applications = topological_order(graph);
    Variables operands;
    for (const Apply* apply : applications) {
      operands.insert(operands.end(), apply->inputs().begin(), apply->inputs().end());
      const Variables outputs = apply->outputs();
      operands.insert(operands.end(), outputs.begin(), outputs.end());
    }
    if (operands.empty()) continue;
    const std::vector<Tensor> values = evaluate(built.inputs, operands, built.values);
    auto next = values.begin();
    for (const Apply* apply : applications) {
      const auto inputs_end = next + static_cast<ptrdiff_t>(apply->inputs().size());
      const auto outputs_end = inputs_end + static_cast<ptrdiff_t>(apply->output_count());
      visit(*apply, {next, inputs_end}, {inputs_end, outputs_end});
      next = outputs_end;
    }
  }
}

std::vector<OperandLayout> layouts_of(const std::vector<Tensor>& tensors) {
  std::vector<OperandLayout> layouts;
  for (const Tensor& tensor : tensors) {
    layouts.push_back({tensor.dtype(), tensor.shape(), tensor.strides()});
  }
  return layouts;
}

TEST_P(Kernels, OfOneRankNeverTakeTheSameCall) {
  for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
    for_each_call(*GetParam(), dtype,
                  [](const Apply& apply, const std::vector<Tensor>& inputs,
                     const std::vector<Tensor>& outputs) {
                    std::vector<Tensor> strided;
                    for (const Tensor& input : inputs) strided.push_back(strided_copy(input));
                    for (DeviceKind device : {DeviceKind::kCpu, DeviceKind::kCuda}) {
                      expect_no_tie(apply, layouts_of(inputs), layouts_of(outputs), device);
                      expect_no_tie(apply, layouts_of(strided), layouts_of(outputs), device);
                    }
                  });
  }
}

TEST_P(Kernels, ThatTakeOneCallGiveTheSame) {
  for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
    for_each_call(*GetParam(), dtype,
                  [](const Apply& apply, const std::vector<Tensor>& inputs,
                     const std::vector<Tensor>& outputs) {
                    const auto kernels = kernels_of(apply.op().name(), DeviceKind::kCpu);
                    if (kernels.size() < 2 || outputs.size() != 1) return;
                    for (const KernelRegistration* registration : kernels) {
                      cpu::SingleKernel kernel(*registration, apply.output(0), inputs,
                                               outputs[0].shape());
                      if (!kernel.made()) continue;
                      EXPECT_TRUE(close_to(kernel.run(), outputs[0])) << registration->name;
                    }
                  });
  }
}

// Rules and kernels under the eyes of DebugMode, gradients included.
TEST_P(Kernels, AndRulesPassDebugMode) {
  for (const Case& c : GetParam()->cases) {
    const BuiltCase built = build_case(*GetParam(), c);
    const Function f = function(built.inputs, with_gradients(built),
                                {.on_unused_input = OnUnusedInput::kIgnore, .mode = kDebugMode});
    EXPECT_NO_THROW(f.call(std::vector<Arg>(built.values.begin(), built.values.end()))) << c.name;
  }
}

TEST_P(Kernels, OrAFormulaOrAViewStandBehindEveryOp) {
  const Row& row = *GetParam();
  for (const Case& c : row.cases) {
    size_t uses = 0;
    const BuiltCase built = build_case(row, c);
    for (const Apply* apply : all_applications(built.outputs)) {
      if (apply->op().name() != row.name) continue;
      ++uses;
      const Traits traits = apply->op().traits();
      const bool has_one =
          !kernels_of(row.name, DeviceKind::kCpu).empty() || traits.composite || traits.view;
      EXPECT_NE(has_one, !row.lowered_as.empty())
          << row.name << ": lowered_as is for what has no kernel, formula or view";
      EXPECT_EQ(traits.internal, !row.stands_for.empty())
          << row.name << ": ops that only rules create say what they stand for";
    }
    EXPECT_GT(uses, 0u) << "case \"" << c.name << "\" does not use " << row.name;
  }
}

// A composite's formula, computed beside it.
TEST_P(Kernels, GiveWhatTheFormulaGives) {
  const Row& row = *GetParam();
  for (const Case& c : row.cases) {
    for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
      if (row.holes.contains(Column::kFloat64)) continue;
      const std::vector<Tensor> values = inputs_as(c, dtype);
      const Variables inputs = variables_for(values);
      const Variables outputs = c.outputs(inputs, dtype);
      for (const Apply* apply : topological_order(outputs)) {
        if (!apply->op().traits().composite) continue;
        const Variables formula = apply->op().formula(apply->inputs());
        for (size_t i = 0; i < formula.size(); ++i) {
          EXPECT_EQ(formula[i].dtype(), apply->output(i).dtype()) << apply->op().str();
          const std::vector<Tensor> both = evaluate(inputs, {apply->output(i), formula[i]}, values);
          EXPECT_TRUE(close_to(both[0], both[1])) << apply->op().str();
        }
      }
    }
  }
}

std::vector<const Row*> rows() {
  std::vector<const Row*> result;
  for (const Row& row : op_rows()) result.push_back(&row);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Of, Kernels, ::testing::ValuesIn(rows()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bitale::ledger
