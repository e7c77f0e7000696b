// Weights that a function does not update lie there in the form that its kernels read, and follow
// every new value nevertheless.

#include <memory>
#include <string>
#include <vector>

#include "core/compile/function.h"
#include "core/compile/lower.h"
#include "core/graph/inputs.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/shared.h"
#include "core/runtime/program.h"
#include "core/tensor/container.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// A function of an input and of weights, given as a shared variable and as another input.
struct Layer {
  const char* form;  // of the weights, as dumps show it
  Dims input, weights;
  Variable (*apply)(const Variable& x, const Variable& w);
};

std::vector<Layer> layers() {
  return {
      {"right_panels",
       {30, 50},
       {50, 40},
       [](const Variable& x, const Variable& w) { return dot(x, w); }},
      {"right_panels",
       {30, 50},
       {50, 40},
       [](const Variable& x, const Variable& w) { return dot(x, w) + 1.0; }},
      {"right_panels",
       {2, 700},
       {700, 33},
       [](const Variable& x, const Variable& w) { return dot(x, w); }},
      {"filter_panels",
       {3, 4, 9, 8},
       {7, 4, 2, 3},
       [](const Variable& x, const Variable& w) { return conv2d(x, w); }},
      {"filter_panels",
       {3, 4, 9, 8},
       {6, 2, 3, 2},
       [](const Variable& x, const Variable& w) {
         return conv2d(x, w, {.border_mode = "half", .num_groups = 2, .filter_flip = false});
       }},
      {"filter_columns",
       {3, 16, 9, 7},
       {32, 16, 2, 3},
       [](const Variable& x, const Variable& w) { return conv2d(x, w); }},
      {"filter_columns",
       {3, 32, 9, 7},
       {30, 16, 3, 2},
       [](const Variable& x, const Variable& w) {
         return conv2d(x, w, {.subsample = {2, 2}, .num_groups = 2, .filter_flip = false});
       }},
      {"filter_panels",
       {3, 40, 9, 8},
       {20, 40, 3, 4},
       [](const Variable& x, const Variable& w) {
         return pool_2d(conv2d(x, w), {2, 2});
       }},
  };
}

Variable input_like(DType dtype, const Dims& shape, const char* name) {
  SymbolicDims dims;
  for (const int64_t length : shape) dims.push_back(Dim(length));
  return tensor(dtype, dims, name);
}

TEST(PackedWeights, AreReadByFunctionsThatDoNotUpdateThem) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Layer& layer : layers()) {
      SCOPED_TRACE(std::string(layer.form) + " " + to_string(layer.weights));
      const Variable x = input_like(dtype, layer.input, "x");
      const Variable given = input_like(dtype, layer.weights, "given");
      const Tensor value = random_tensor(layer.input, -1, 1, 1).cast(dtype);
      const Tensor first = random_tensor(layer.weights, -1, 1, 2).cast(dtype);
      const Tensor second = random_tensor(layer.weights, -1, 1, 3).cast(dtype);
      const Variable w = shared(first, "w");
      const Function packed = function({x}, layer.apply(x, w));
      const Function plain = function({x, given}, layer.apply(x, given));
      const Function update = function({}, {}, {.updates = {{w, w + w}}});

      EXPECT_TRUE(same_bits(packed(value).only(), plain(value, first).only()));
      EXPECT_THAT(packed.program_dump(), HasSubstr(layer.form));
      EXPECT_THAT(plain.program_dump(), Not(HasSubstr(layer.form)));
      const uint64_t conversions = w.container()->conversion_count();
      packed(value);
      EXPECT_EQ(w.container()->conversion_count(), conversions) << "nothing changed";

      update();
      const Tensor doubled = eval(given + given, {{given, first}});
      EXPECT_TRUE(same_bits(packed(value).only(), plain(value, doubled).only()));
      EXPECT_EQ(w.container()->conversion_count(), conversions + 1);
      EXPECT_TRUE(same_bits(get_value(w), doubled));

      set_value(w, second);
      EXPECT_TRUE(same_bits(packed(value).only(), plain(value, second).only()));
    }
  }
}

TEST(PackedWeights, AreNotForFunctionsThatUpdateThem) {
  for (const Layer& layer : layers()) {
    const Variable x = input_like(DType::kFloat32, layer.input, "x");
    const Variable w = shared(random_tensor(layer.weights, -1, 1, 2).cast(DType::kFloat32), "w");
    const Function step = function({x}, layer.apply(x, w), {.updates = {{w, w + w}}});
    step(random_tensor(layer.input, -1, 1, 1).cast(DType::kFloat32));
    EXPECT_THAT(step.program_dump(), Not(HasSubstr(layer.form)));
  }
}

// Who looks at operands sees them as they are.
TEST(PackedWeights, AreNotForModesThatLookAtOperands) {
  const Layer layer = layers()[0];
  const Variable x = input_like(DType::kFloat32, layer.input, "x");
  const Variable w = shared(random_tensor(layer.weights, -1, 1, 2).cast(DType::kFloat32), "w");
  for (const Mode& mode : {kDebugMode, kNanGuardMode}) {
    const Function checked = function({x}, layer.apply(x, w), {.mode = mode});
    checked(random_tensor(layer.input, -1, 1, 1).cast(DType::kFloat32));
    EXPECT_THAT(checked.program_dump(), Not(HasSubstr(layer.form)));
  }
}

// A vector meets each weight once: there is nothing to arrange.
TEST(PackedWeights, AreNotForVectors) {
  const Variable x = input_like(DType::kFloat32, {50}, "x");
  const Variable w = shared(random_tensor({50, 40}, -1, 1, 2).cast(DType::kFloat32), "w");
  const Function f = function({x}, dot(x, w));
  f(random_tensor({50}, -1, 1, 1).cast(DType::kFloat32));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("right_panels")));
}

// Two functions that want different forms, and the plain value besides.
TEST(PackedWeights, MayLieThereInSeveralForms) {
  const Variable x = input_like(DType::kFloat64, {3, 4, 9, 8}, "x");
  const Variable w = shared(random_tensor({6, 4, 3, 2}, -1, 1, 2), "w");
  const Function turned = function({x}, conv2d(x, w));
  const Function upright = function({x}, conv2d(x, w, {.filter_flip = false}));
  const Tensor value = random_tensor({3, 4, 9, 8}, -1, 1, 1);
  const auto expect_all = [&](const Tensor& weights) {
    const Variable given = input_like(DType::kFloat64, {6, 4, 3, 2}, "given");
    EXPECT_TRUE(
        same_bits(turned(value).only(), eval(conv2d(x, given), {{x, value}, {given, weights}})));
    EXPECT_TRUE(same_bits(upright(value).only(), eval(conv2d(x, given, {.filter_flip = false}),
                                                      {{x, value}, {given, weights}})));
    EXPECT_TRUE(same_bits(get_value(w), weights));
  };
  expect_all(get_value(w));
  const Tensor other = random_tensor({6, 4, 3, 2}, -1, 1, 5);
  set_value(w, other);
  expect_all(other);
}

// The forms in which a program of x and w binds w.
std::vector<std::string> bound_forms(const Variable& output, const Variable& x, const Variable& w) {
  ShapeAnalysis analysis;
  LowerRequest request;
  const auto bind = [&](const Variable& leaf, Region region) {
    Dims shape;
    for (const Dim& dim : leaf.type().dims) shape.push_back(dim.length());
    analysis.set_dims(leaf, IntExprs(shape.begin(), shape.end()));
    request.bindings.push_back({leaf, region, 0, shape, contiguous_strides(shape)});
  };
  bind(x, Region::kInput);
  bind(w, Region::kShared);
  request.outputs = {output};
  request.analysis = &analysis;
  const std::shared_ptr<const Program> program = lower(request);
  std::vector<std::string> forms;
  for (const SharedSlot& slot : program->shared) forms.emplace_back(slot.layout.name());
  return forms;
}

// Every call binds all forms of its program: nobody should pay for one that no kernel reads.
TEST(PackedWeights, AreBoundInTheFormsThatKernelsReadAlone) {
  for (const Layer& layer : layers()) {
    const Variable x = input_like(DType::kFloat32, layer.input, "x");
    const Variable w = shared(random_tensor(layer.weights, -1, 1, 2).cast(DType::kFloat32), "w");
    const Variable y = layer.apply(x, w);
    EXPECT_THAT(bound_forms(y, x, w), ElementsAre(layer.form));
    EXPECT_THAT(bound_forms(sum(y) + sum(w), x, w), UnorderedElementsAre(layer.form, "strided"));
    EXPECT_THAT(bound_forms(sum(w), x, w), ElementsAre("strided"));
  }
}

TEST(PackedWeights, AreListedInTheReportOfMemory) {
  for (const Layer& layer : layers()) {
    const Variable x = input_like(DType::kFloat32, layer.input, "x");
    const Variable w = shared(random_tensor(layer.weights, -1, 1, 2).cast(DType::kFloat32), "w");
    const Function f = function({x}, {layer.apply(x, w), sum(w)});
    EXPECT_TRUE(f.memory().packed.empty());
    f(random_tensor(layer.input, -1, 1, 1).cast(DType::kFloat32));

    const MemoryReport report = f.memory();
    ASSERT_EQ(report.packed.size(), 1u);
    const PackedShared& packed = report.packed[0];
    EXPECT_EQ(packed.variable, "w");
    EXPECT_EQ(packed.dtype, DType::kFloat32);
    EXPECT_EQ(packed.shape, layer.weights);
    EXPECT_EQ(packed.form, layer.form);
    EXPECT_GE(packed.bytes, sizeof(float) * static_cast<size_t>(element_count(layer.weights)));
    EXPECT_EQ(report.packed_bytes, packed.bytes);
    EXPECT_EQ(report.peak_bytes,
              report.workspace_bytes + report.device_arena_bytes + report.output_bytes);
    EXPECT_THAT(report.str(), HasSubstr("packed forms held by shared variables: " +
                                        std::to_string(packed.bytes) + " bytes\n  w float32 " +
                                        to_string(layer.weights) + " as " + layer.form + ": "));
  }
}

}  // namespace
}  // namespace bitale
