#include "core/tensor/tensor.h"

#include <cmath>
#include <limits>
#include <random>

#include "core/base/error.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

using Values = std::vector<int64_t>;

Values values_of(const Tensor& tensor) { return tensor.to_vector<int64_t>(); }

Tensor counting(const Dims& shape) {
  return Tensor::arange(DType::kInt64, element_count(shape)).reshape(shape);
}

// Python's range(length)[start:stop:step], by its definition.
Values sliced(int64_t length, std::optional<int64_t> start, std::optional<int64_t> stop,
              int64_t step) {
  const auto from_end = [&](int64_t i) { return i < 0 ? i + length : i; };
  int64_t begin = start ? from_end(*start) : (step > 0 ? 0 : length - 1);
  int64_t end = stop ? from_end(*stop) : (step > 0 ? length : -1);
  if (start && step < 0) begin = std::min(begin, length - 1);
  if (start && step > 0) begin = std::max<int64_t>(begin, 0);
  if (stop && end < 0) end = step > 0 ? 0 : -1;
  Values result;
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    if (i >= 0 && i < length) result.push_back(i);
  }
  return result;
}

TEST(Tensor, SlicesAsPythonDoes) {
  for (const int64_t length : {0, 1, 5}) {
    const Tensor x = Tensor::arange(DType::kInt64, length);
    for (int64_t start = -8; start <= 8; ++start) {
      for (int64_t stop = -8; stop <= 8; ++stop) {
        for (const int64_t step : {1, 2, 3, 7, -1, -2, -3, -7}) {
          // The outermost values stand for absent bounds.
          const auto a = start == -8 ? std::nullopt : std::optional<int64_t>(start);
          const auto b = stop == 8 ? std::nullopt : std::optional<int64_t>(stop);
          ASSERT_EQ(values_of(x.slice(0, a, b, step)), sliced(length, a, b, step))
              << length << " " << start << ":" << stop << ":" << step;
        }
      }
    }
  }
  EXPECT_THROW(counting({3}).slice(0, 0, 1, 0), ShapeError);
  EXPECT_THROW(counting({3}).slice(1, 0, 1), ShapeError);
}

TEST(Tensor, ViewsShareElementsAndCopiesDoNot) {
  const Tensor x = counting({3, 4});
  x.slice(0, 1, 2).at<int64_t>({0, 2}) = 100;
  EXPECT_EQ(x.at<int64_t>({1, 2}), 100);
  x.transpose().at<int64_t>({3, 0}) = 200;
  EXPECT_EQ(x.at<int64_t>({0, 3}), 200);
  x.select(1, -1).at<int64_t>({2}) = 300;
  EXPECT_EQ(x.at<int64_t>({2, 3}), 300);
  x.reshape({2, 6}).at<int64_t>({0, 0}) = 400;
  EXPECT_EQ(x.at<int64_t>({0, 0}), 400);
  x.copy().at<int64_t>({0, 0}) = 500;
  x.cast(DType::kInt64).at<int64_t>({0, 0}) = 500;
  EXPECT_EQ(x.at<int64_t>({0, 0}), 400);
  EXPECT_EQ(x.contiguous().storage(), x.storage());
  EXPECT_NE(x.transpose().contiguous().storage(), x.storage());
}

TEST(Tensor, TransposePutsAxesInOrder) {
  const Tensor x = counting({2, 3, 4});
  const Tensor y = x.transpose({2, 0, 1});
  EXPECT_EQ(y.shape(), (Dims{4, 2, 3}));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      for (int64_t k = 0; k < 4; ++k) {
        ASSERT_EQ(y.at<int64_t>({k, i, j}), x.at<int64_t>({i, j, k}));
        ASSERT_EQ(x.transpose().at<int64_t>({k, j, i}), x.at<int64_t>({i, j, k}));
      }
    }
  }
  EXPECT_THROW(x.transpose({0, 1}), ShapeError);
  EXPECT_THROW(x.transpose({0, 1, 1}), ShapeError);
}

// All shapes of 24 elements, over views of all kinds: the row-major order never changes.
TEST(Tensor, ReshapeKeepsRowMajorOrderWhateverTheStrides) {
  const Tensor base = counting({4, 6});
  const Tensor views[] = {
      base,
      base.transpose(),
      counting({2, 3, 4}).transpose({1, 0, 2}),
      counting({8, 6}).slice(0, std::nullopt, std::nullopt, 2),
      counting({4, 12}).slice(1, std::nullopt, std::nullopt, -2),
      counting({24}).slice(0, std::nullopt, std::nullopt, -1),
      counting({1, 4, 1, 6}).transpose({2, 1, 0, 3}),
      counting({4, 1}).broadcast_to({4, 6}),
      counting({6}).broadcast_to({4, 6}),
      counting({3, 4, 4}).slice(2, 1, 3),
  };
  const Dims shapes[] = {{24},       {4, 6},       {6, 4}, {2, 3, 4}, {2, 2, 6},
                         {1, 24, 1}, {2, 2, 2, 3}, {-1},   {3, -1},   {12, 1, 2}};
  for (const Tensor& view : views) {
    for (const Dims& shape : shapes) {
      const Tensor reshaped = view.reshape(shape);
      ASSERT_EQ(values_of(reshaped), values_of(view))
          << to_string(view.shape()) << " " << to_string(shape);
      ASSERT_EQ(reshaped.size(), 24);
    }
  }
  EXPECT_EQ(counting({3, 4, 4}).slice(2, 1, 3).reshape({12, 2}).strides(), (Dims{4, 1}))
      << "a view where the strides allow one";
}

TEST(Tensor, ReshapeRefusesOtherCounts) {
  EXPECT_THROW(counting({6}).reshape({4}), ShapeError);
  EXPECT_THROW(counting({6}).reshape({4, -1}), ShapeError);
  EXPECT_THROW(counting({6}).reshape({-1, -1}), ShapeError);
  EXPECT_EQ(counting({0, 3}).reshape({3, 0}).shape(), (Dims{3, 0}));
  EXPECT_EQ(Tensor(2.0).reshape({1, 1}).shape(), (Dims{1, 1}));
}

TEST(Tensor, BroadcastRepeatsAxesOfLengthOne) {
  EXPECT_EQ(values_of(Tensor::of<int64_t>({{1}, {2}}).broadcast_to({2, 3})),
            (Values{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(values_of(Tensor(int64_t{5}).broadcast_to({2, 2})), (Values{5, 5, 5, 5}));
  EXPECT_EQ(counting({1, 3}).broadcast_to({0, 3}).size(), 0);
  EXPECT_THROW(counting({2, 3}).broadcast_to({3, 3}), ShapeError);
  EXPECT_THROW(counting({2, 3}).broadcast_to({3}), ShapeError);
}

TEST(Tensor, CastsConvertAsCppDoes) {
  const Tensor x = Tensor::of<double>({-1.75, 0, 0.5, 200});
  EXPECT_EQ(x.cast(DType::kInt32).to_vector<int32_t>(), (std::vector<int32_t>{-1, 0, 0, 200}));
  EXPECT_EQ(x.cast(DType::kBool).to_vector<int>(), (std::vector<int>{1, 0, 1, 1}));
  EXPECT_EQ(Tensor::of<int32_t>({257, -1}).cast(DType::kUint8).to_vector<int>(),
            (std::vector<int>{1, 255}));
  EXPECT_EQ(Tensor::of<float>({0.1f}).cast(DType::kFloat16).item<float>(), 0.0999755859375f);
  EXPECT_EQ(Tensor::of<double>({NAN}).cast(DType::kBool).item<bool>(), true);
  EXPECT_EQ(Tensor::of<uint64_t>({~uint64_t{0}}).cast(DType::kFloat64).item<double>(), 0x1p64);
  // Values out of range give some element, not undefined behaviour.
  for (const DType to : kAllDTypes) {
    Tensor::of<double>({NAN, INFINITY, -1e300, 1e19, -1}).cast(to);
    Tensor::of<float>({NAN, -INFINITY, 1e30f}).cast(to);
  }
}

TEST(Tensor, EveryDtypeCastsToEveryOther) {
  for (const DType from : kAllDTypes) {
    for (const DType to : kAllDTypes) {
      const Tensor x = Tensor::of<int64_t>({0, 1, 1, 0}).cast(from);
      EXPECT_EQ(x.dtype(), from);
      EXPECT_EQ(values_of(x.cast(to)), (Values{0, 1, 1, 0})) << name_of(from) << name_of(to);
      EXPECT_EQ(values_of(x.slice(0, std::nullopt, std::nullopt, -2).cast(to)), (Values{0, 1}));
    }
  }
}

TEST(Tensor, AssignWritesThroughStrides) {
  const Tensor x = Tensor::zeros(DType::kInt64, {3, 4});
  x.slice(1, 0, std::nullopt, 2).assign(counting({2, 3}).transpose());
  EXPECT_EQ(values_of(x), (Values{0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0}));
  x.slice(0, 3, 3).assign(Tensor::empty(DType::kInt64, {0, 4}));
  EXPECT_THROW(x.assign(counting({4, 3})), ShapeError);
  EXPECT_THROW(x.assign(Tensor::zeros(DType::kInt32, {3, 4})), TypeError);
}

TEST(Tensor, ZeroSizeTensorsWorkEverywhere) {
  const Tensor x = Tensor::zeros(DType::kFloat32, {2, 0, 3});
  EXPECT_EQ(x.size(), 0);
  EXPECT_EQ(x.bytes(), 0u);
  EXPECT_TRUE(x.is_contiguous());
  EXPECT_TRUE(x.transpose().is_contiguous());
  EXPECT_TRUE(same_bits(x, x.copy()));
  EXPECT_TRUE(all_close(x, x));
  EXPECT_EQ(x.cast(DType::kInt8).shape(), (Dims{2, 0, 3}));
  EXPECT_EQ(x.slice(0, 1, 2).shape(), (Dims{1, 0, 3}));
  EXPECT_EQ(x.select(2, 0).shape(), (Dims{2, 0}));
  EXPECT_TRUE(x.to_vector<float>().empty());
  EXPECT_THROW(x.select(1, 0), ShapeError);
  EXPECT_THROW(x.item<float>(), ShapeError);
}

TEST(Tensor, CreationFillsAndChecks) {
  EXPECT_EQ(values_of(Tensor::ones(DType::kBool, {3})), (Values{1, 1, 1}));
  EXPECT_EQ(Tensor::full(DType::kBFloat16, {2}, 1.5).to_vector<float>(),
            (std::vector<float>{1.5f, 1.5f}));
  EXPECT_EQ(values_of(Tensor::arange(DType::kUint8, 4)), (Values{0, 1, 2, 3}));
  EXPECT_EQ(Tensor::from(std::vector<bool>{true, false}, {2}).dtype(), DType::kBool);
  EXPECT_THROW(Tensor::of<float>({{1, 2}, {3}}), ShapeError);
  EXPECT_THROW(Tensor::from(std::vector<float>{1, 2, 3}, {2}), ShapeError);
  EXPECT_THROW(Tensor::empty(DType::kFloat32, {2, -1}), ShapeError);
  EXPECT_FALSE(Tensor().defined());
}

TEST(Tensor, AccessChecksDtypeAndBounds) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(x.at<int64_t>({-1, -1}), 5);
  EXPECT_THROW(x.at<int64_t>({2, 0}), ShapeError);
  EXPECT_THROW(x.at<int64_t>({0, -4}), ShapeError);
  EXPECT_THROW(x.at<int64_t>({0}), ShapeError);
  EXPECT_THROW(x.at<int32_t>({0, 0}), TypeError);
  EXPECT_THROW(x.data<float>(), TypeError);
  EXPECT_THROW(x.item<float>(), ShapeError);
  EXPECT_EQ(Tensor(int64_t{3}).item<float>(), 3.0f);
  EXPECT_EQ(x.dim(-1), 3);
  EXPECT_THROW(x.dim(2), ShapeError);
  EXPECT_THROW(x.select(0, 2), ShapeError);
}

TEST(SameBits, TellsZerosApartAndNansNot) {
  const Tensor zero = Tensor::of<double>({0.0, 1});
  EXPECT_TRUE(same_bits(zero, zero.copy()));
  EXPECT_FALSE(same_bits(zero, Tensor::of<double>({-0.0, 1})));
  const double other_nan = std::bit_cast<double>(uint64_t{0xfff8000000000123});
  EXPECT_TRUE(same_bits(Tensor::of<double>({NAN}), Tensor::of<double>({other_nan})));
  EXPECT_FALSE(same_bits(Tensor::of<double>({NAN}), Tensor::of<double>({1.0})));
  EXPECT_FALSE(same_bits(Tensor::of<double>({1}), Tensor::of<float>({1})));
  EXPECT_FALSE(same_bits(counting({2, 3}), counting({3, 2})));
  EXPECT_TRUE(same_bits(counting({2, 3}).transpose(), counting({2, 3}).transpose().copy()));
  EXPECT_FALSE(same_bits(counting({3}), Tensor::of<int64_t>({0, 1, 3})));
}

TEST(AllClose, FollowsNumpysRule) {
  const Tensor one = Tensor::of<double>({1.0});
  EXPECT_TRUE(all_close(one, Tensor::of<double>({1.0 + 0.99e-5})));
  EXPECT_FALSE(all_close(one, Tensor::of<double>({1.0 + 1.1e-5})));
  EXPECT_TRUE(all_close(Tensor::of<double>({1e-9}), Tensor::of<double>({0.0})));
  EXPECT_FALSE(all_close(Tensor::of<double>({1e-7}), Tensor::of<double>({0.0})));
  EXPECT_TRUE(all_close(Tensor::of<double>({INFINITY}), Tensor::of<double>({INFINITY})));
  EXPECT_FALSE(all_close(Tensor::of<double>({INFINITY}), Tensor::of<double>({-INFINITY})));
  EXPECT_FALSE(all_close(Tensor::of<double>({INFINITY}), Tensor::of<double>({1e300})));
  EXPECT_FALSE(all_close(Tensor::of<double>({NAN}), Tensor::of<double>({NAN})));
  EXPECT_TRUE(all_close(Tensor::of<double>({NAN}), Tensor::of<double>({NAN}), 1e-5, 1e-8, true));
  EXPECT_FALSE(all_close(Tensor::of<double>({1, 1}), one));
}

TEST(Assign, ReadsAnotherViewOfItsMemoryFirst) {
  const Tensor x = Tensor::of<double>({1, 2, 3, 4});
  x.assign(x.slice(0, {}, {}, -1));
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{4, 3, 2, 1}));
  const Tensor m = Tensor::of<double>({{1, 2}, {3, 4}});
  m.assign(m.transpose());
  EXPECT_EQ(m.to_vector<double>(), (std::vector<double>{1, 3, 2, 4}));
}

TEST(Assign, RefusesAViewThatRepeatsElements) {
  const Tensor row = Tensor::of<double>({1}).broadcast_to({4});
  EXPECT_THROW(row.assign(Tensor::of<double>({1, 2, 3, 4})), ShapeError);
}

TEST(BroadcastTo, RefusesNegativeLengths) {
  EXPECT_THROW(Tensor::of<double>({1, 2}).broadcast_to({-3, 2}), ShapeError);
}

TEST(Slice, TakesTheLargestSteps) {
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();
  const Tensor x = Tensor::of<double>({1, 2, 3});
  EXPECT_EQ(x.slice(0, {}, {}, kLargest).to_vector<double>(), std::vector<double>{1});
  EXPECT_EQ(x.slice(0, {}, {}, kSmallest).to_vector<double>(), std::vector<double>{3});
}

TEST(UndefinedTensor, ThrowsWhereAValueIsNeeded) {
  const Tensor none;
  EXPECT_THROW(none.copy(), TypeError);
  EXPECT_THROW(none.device(), TypeError);
  EXPECT_THROW(same_bits(none, none), TypeError);
}

}  // namespace
}  // namespace bitale
