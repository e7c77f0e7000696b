#include "core/tensor/strided_copy.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/dim.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

// A layout over a buffer: from `start` on, `size` elements in all.
struct Place {
  Dims strides;
  int64_t start = 0;
  int64_t size = 0;
};

// The place of a tensor of `shape` whose axes are laid out innermost last in the order `order`,
// each walked with `step` (negative: from its end) over room for |step| times its length, plus
// `gap` elements after each innermost axis.
Place place_of(const Dims& shape, const std::vector<size_t>& order, const Dims& steps,
               int64_t gap) {
  Place place;
  place.strides.resize(shape.size());
  int64_t extent = 1;
  for (size_t i = order.size(); i-- > 0;) {
    const size_t axis = order[i];
    const int64_t step = steps[axis];
    place.strides[axis] = step * extent;
    if (step < 0) place.start -= (shape[axis] - 1) * step * extent;
    extent *= step == 0 ? 1 : shape[axis] * (step < 0 ? -step : step);
    if (i + 1 == order.size()) extent += gap;
  }
  place.size = extent;
  return place;
}

template <typename Visit>
void for_each_element(const Dims& shape, Visit&& visit) {
  Dims index(shape.size(), 0);
  for (int64_t n = element_count(shape); n > 0; --n) {
    visit(index);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

int64_t offset(const Place& place, const Dims& index) {
  int64_t result = place.start;
  for (size_t axis = 0; axis < index.size(); ++axis) result += index[axis] * place.strides[axis];
  return result;
}

// What a copy leaves is what a loop over all indices leaves, beside the block as well.
template <typename T>
void expect_copies(const Dims& shape, const Place& to, const Place& from) {
  std::vector<T> source(static_cast<size_t>(from.size));
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<T>(i * 2654435761u >> 3);
  std::vector<T> target(static_cast<size_t>(to.size), T{77});
  std::vector<T> expected = target;
  for_each_element(shape, [&](const Dims& index) {
    expected[static_cast<size_t>(offset(to, index))] =
        source[static_cast<size_t>(offset(from, index))];
  });
  const StridedCopy copy(sizeof(T), shape, to.strides, from.strides);
  // Of nothing there is no start.
  copy.run(source.empty() ? nullptr : source.data() + from.start,
           target.empty() ? nullptr : target.data() + to.start);
  EXPECT_TRUE(target == expected) << sizeof(T) << " bytes, shape " << to_string(shape) << ", to "
                                  << to_string(to.strides) << ", from " << to_string(from.strides);
}

void expect_copies_words(const Dims& shape, const Place& to, const Place& from) {
  expect_copies<uint8_t>(shape, to, from);
  expect_copies<uint16_t>(shape, to, from);
  expect_copies<uint32_t>(shape, to, from);
  expect_copies<uint64_t>(shape, to, from);
}

const Dims kShapes[] = {{5, 7},     {1, 1},      {3, 1},     {0, 4},    {64, 64},   {33, 3},
                        {2, 40},    {100, 2},    {90, 4},    {17, 16},  {19, 31},   {3, 130},
                        {200, 5},   {70, 130},   {9, 5000},  {5000, 9}, {10001, 2}, {3, 5, 7},
                        {40, 2, 2}, {2, 33, 17}, {5, 1, 70}, {17, 3, 3}};

TEST(StridedCopy, MovesBetweenAnyOrdersOfAxes) {
  for (const Dims& shape : kShapes) {
    const Dims ones(shape.size(), 1);
    std::vector<size_t> natural, reversed;
    for (size_t i = 0; i < shape.size(); ++i) {
      natural.push_back(i);
      reversed.insert(reversed.begin(), i);
    }
    for (const int64_t gap : {0, 1, 5}) {
      expect_copies_words(shape, place_of(shape, natural, ones, 0),
                          place_of(shape, reversed, ones, gap));
      expect_copies_words(shape, place_of(shape, natural, ones, gap),
                          place_of(shape, natural, ones, 0));
      expect_copies_words(shape, place_of(shape, reversed, ones, gap),
                          place_of(shape, natural, ones, 3));
      expect_copies_words(shape, place_of(shape, reversed, ones, 0),
                          place_of(shape, reversed, ones, gap));
    }
  }
}

TEST(StridedCopy, MovesFromAndToEveryStep) {
  for (const Dims& shape : kShapes) {
    std::vector<size_t> natural;
    for (size_t i = 0; i < shape.size(); ++i) natural.push_back(i);
    const Dims ones(shape.size(), 1);
    for (const int64_t step : {-5, -3, -2, -1, 0, 2, 3, 4, 5}) {
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        Dims steps = ones;
        steps[axis] = step;
        expect_copies_words(shape, place_of(shape, natural, ones, 0),
                            place_of(shape, natural, steps, 0));
        if (step == 0) continue;  // writes no element twice
        expect_copies_words(shape, place_of(shape, natural, steps, 2),
                            place_of(shape, natural, ones, 0));
      }
    }
  }
}

TEST(StridedCopy, FillsFromOneElement) {
  expect_copies_words({300, 41}, place_of({300, 41}, {0, 1}, {1, 1}, 0),
                      place_of({300, 41}, {0, 1}, {0, 0}, 0));
  expect_copies_words({}, place_of({}, {}, {}, 0), place_of({}, {}, {}, 0));
}

TEST(StridedCopy, MovesPermutedImages) {
  const Dims shape = {3, 9, 4, 21};
  const Dims ones = {1, 1, 1, 1};
  const std::vector<size_t> orders[] = {{0, 2, 3, 1}, {0, 3, 1, 2}, {3, 2, 1, 0}, {1, 0, 3, 2}};
  for (const auto& order : orders) {
    expect_copies_words(shape, place_of(shape, {0, 1, 2, 3}, ones, 0),
                        place_of(shape, order, ones, 0));
    expect_copies_words(shape, place_of(shape, order, ones, 0),
                        place_of(shape, {0, 1, 2, 3}, ones, 0));
  }
}

TEST(StridedCopy, PartsTogetherAreTheWhole) {
  const Dims shape = {300, 501};
  const StridedCopy copy(4, shape, contiguous_strides(shape), {1, 300});
  ASSERT_GT(copy.parts(), 1);
  std::vector<uint32_t> source(300 * 501), target(source.size()), whole(source.size());
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<uint32_t>(i);
  for (int64_t part = copy.parts(); part-- > 0;) {
    copy.run_parts(part, part + 1, source.data(), target.data());
  }
  copy.run(source.data(), whole.data());
  EXPECT_TRUE(target == whole);
}

TEST(StridedCopy, MovesAPlaceOntoItself) {
  const Dims shape = {40, 30};
  std::vector<uint32_t> values(40 * 30);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i);
  const std::vector<uint32_t> before = values;
  StridedCopy(4, shape, {1, 40}, {1, 40}).run(values.data(), values.data());
  StridedCopy(4, shape, {30, 1}, {30, 1}).run(values.data(), values.data());
  EXPECT_TRUE(values == before);
}

}  // namespace
}  // namespace bitale
