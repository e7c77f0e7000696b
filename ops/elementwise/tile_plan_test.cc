// Which steps of a group become chains in registers, and which stay functions.

#include "gtest/gtest.h"
#include "ops/elementwise/tile_plan_cpu.h"

namespace bitale {
namespace {

using cpu::row_chain::StepKind;

TileStep step(std::initializer_list<int> operands, std::optional<StepKind> kind, int output = -1) {
  TileStep s{.arity = static_cast<int>(operands.size()),
             .output = output,
             .compute_as = DType::kFloat32,
             .in = DType::kFloat32,
             .out = DType::kFloat32,
             .chain_step = kind};
  std::copy(operands.begin(), operands.end(), s.operands);
  return s;
}

OperandLayout layout(const Dims& shape) {
  return {DType::kFloat32, shape, contiguous_strides(shape)};
}

TileGroup group(const std::vector<Dims>& inputs, const std::vector<TileStep>& steps) {
  std::vector<OperandLayout> layouts;
  for (const Dims& dims : inputs) layouts.push_back(layout(dims));
  return {layouts, inputs[0], std::vector<DType>(inputs.size() + steps.size(), DType::kFloat32),
          steps, false};
}

std::vector<StepKind> kinds(const TileInstruction& chain) {
  std::vector<StepKind> result;
  for (const TileInstruction::Link& link : chain.links) result.push_back(link.kind);
  return result;
}

constexpr auto kNoChain = std::nullopt;
const Dims kImages = {4, 3, 10, 20};
const Dims kNumbers = {1, 3, 1, 1};

TEST(TilePlan, SimpleStepsThatFollowEachOtherAreOneChain) {
  const TileGroup g = group(
      {kImages, kImages},
      {step({0, 1}, StepKind::kAdd), step({1, 2}, StepKind::kSub), step({3}, StepKind::kSqr, 0)});
  ASSERT_EQ(g.instructions.size(), 1);
  EXPECT_EQ(kinds(g.instructions[0]),
            (std::vector{StepKind::kAdd, StepKind::kSubFrom, StepKind::kSqr, StepKind::kStore}));
  EXPECT_FALSE(g.instructions[0].has_rows);
  EXPECT_EQ(g.reads(g.instructions[0]), (std::vector{0, 1, 1}));
  EXPECT_EQ(g.instructions[0].writes(), std::vector{4});
}

TEST(TilePlan, OneStepOfWholeOperandsIsAFunction) {
  const TileGroup g = group({kImages, kImages}, {step({0, 1}, StepKind::kMul, 0)});
  ASSERT_EQ(g.instructions.size(), 1);
  EXPECT_FALSE(g.instructions[0].is_chain());
}

TEST(TilePlan, OperandsThatNeedNotBeCopiedMakeAChainOfOneStep) {
  for (const Dims& operand : {kNumbers, Dims{}, Dims{10, 20}}) {
    const bool is_row = operand == Dims{10, 20};
    const TileGroup g =
        group({is_row ? Dims{4, 10, 20} : kImages, operand}, {step({0, 1}, StepKind::kMul, 0)});
    ASSERT_EQ(g.instructions.size(), 1);
    EXPECT_TRUE(g.instructions[0].is_chain());
    EXPECT_EQ(g.instructions[0].has_rows, !operand.empty());
    EXPECT_EQ(g.reads(g.instructions[0]), std::vector{0});
  }
}

TEST(TilePlan, RowsThatAreTooShortForChainsAreCopied) {
  const TileGroup g = group({{4, 3, 7, 9}, kNumbers}, {step({0, 1}, StepKind::kMul, 0)});
  EXPECT_FALSE(g.instructions[0].is_chain());
  EXPECT_EQ(g.rows.row_length(), 0);
}

TEST(TilePlan, OtherFunctionsPartChains) {
  const TileGroup g =
      group({kImages, kImages},
            {step({0, 1}, StepKind::kAdd), step({2}, StepKind::kNeg), step({3}, kNoChain),
             step({4}, StepKind::kAbs), step({5, 1}, StepKind::kMul, 0)});
  ASSERT_EQ(g.instructions.size(), 3);
  EXPECT_TRUE(g.instructions[0].is_chain());
  EXPECT_FALSE(g.instructions[1].is_chain());
  EXPECT_TRUE(g.instructions[2].is_chain());
}

TEST(TilePlan, FunctionsThatRunOnPacksAreStepsOfChains) {
  const TileGroup g =
      group({kImages, kNumbers}, {step({0, 1}, StepKind::kAdd), step({2}, StepKind::kTanh, 0)});
  ASSERT_EQ(g.instructions.size(), 1);
  EXPECT_TRUE(g.instructions[0].is_chain());
  EXPECT_TRUE(g.instructions[0].has_functions);
  EXPECT_FALSE(group({kImages}, {step({0}, StepKind::kTanh, 0)}).instructions[0].is_chain());
}

TEST(TilePlan, WhatOthersReadIsStoredOnTheWay) {
  const TileGroup g =
      group({kImages, kImages}, {step({0, 1}, StepKind::kSub, 1), step({2}, StepKind::kSqr),
                                 step({2, 3}, StepKind::kMul, 0)});
  ASSERT_EQ(g.instructions.size(), 1);
  EXPECT_EQ(kinds(g.instructions[0]), (std::vector{StepKind::kSub, StepKind::kStore, StepKind::kSqr,
                                                   StepKind::kMul, StepKind::kStore}));
  EXPECT_EQ(g.instructions[0].writes(), (std::vector{2, 4}));
  EXPECT_EQ(g.outputs, (std::vector{4, 2}));
}

TEST(TilePlan, ChainsAreNoLongerThanTheyMayBe) {
  std::vector<TileStep> steps = {step({0}, StepKind::kNeg)};
  for (int i = 1; i < 40; ++i) steps.push_back(step({i}, StepKind::kNeg, i == 39 ? 0 : -1));
  const TileGroup g = group({kImages}, steps);
  EXPECT_EQ(g.instructions.size(), 3);
  for (const TileInstruction& chain : g.instructions) {
    EXPECT_LE(chain.links.size(), cpu::row_chain::kMostSteps);
  }
}

}  // namespace
}  // namespace bitale
