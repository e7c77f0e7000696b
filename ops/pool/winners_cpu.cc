#include "ops/pool/winners_cpu.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pool/winners_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::pool_cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
// A vector of one lane has no even and odd ones.
bool takes_rows_of(int64_t) { return false; }
void plane_of_winners(const Lengths&, const float*, int32_t*) {}
#else

// A row of windows of 2 by 2, as many at a time as D has lanes, of which `count` has no fewer: the
// last ones may be looked at twice. `first` is the position of the first window's first element.
template <typename D>
HWY_ATTR void row_of_winners(D d, const float* upper, const float* lower, int64_t count,
                             int32_t first, int32_t width, int32_t* winners) {
  const hn::RebindToSigned<D> integers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto wins = [](auto value, auto best) HWY_ATTR {
    return hn::And(hn::Not(hn::Le(value, best)), hn::Eq(best, best));
  };
  const auto one = hn::Set(integers, 1);
  for (int64_t done = 0; done < count; done += lanes) {
    const int64_t i = std::min(done, count - lanes);
    const auto upper_low = hn::LoadU(d, upper + 2 * i),
               upper_high = hn::LoadU(d, upper + 2 * i + lanes);
    const auto lower_low = hn::LoadU(d, lower + 2 * i),
               lower_high = hn::LoadU(d, lower + 2 * i + lanes);
    const auto top_left = hn::ConcatEven(d, upper_high, upper_low);
    const auto top_right = hn::ConcatOdd(d, upper_high, upper_low);
    const auto bottom_left = hn::ConcatEven(d, lower_high, lower_low);
    const auto bottom_right = hn::ConcatOdd(d, lower_high, lower_low);
    const auto right_of_top = wins(top_right, top_left);
    const auto right_of_bottom = wins(bottom_right, bottom_left);
    const auto top = hn::IfThenElse(right_of_top, top_right, top_left);
    const auto bottom = hn::IfThenElse(right_of_bottom, bottom_right, bottom_left);
    const auto below = wins(bottom, top);
    const auto top_column = hn::IfThenElseZero(hn::RebindMask(integers, right_of_top), one);
    const auto bottom_column =
        hn::IfThenElse(hn::RebindMask(integers, right_of_bottom), hn::Set(integers, width + 1),
                       hn::Set(integers, width));
    const auto corner = hn::IfThenElse(hn::RebindMask(integers, below), bottom_column, top_column);
    const auto column = hn::Iota(integers, static_cast<int32_t>(i));
    const auto start = hn::Add(hn::Add(column, column), hn::Set(integers, first));
    hn::StoreU(hn::Add(start, corner), integers, winners + i);
  }
}

// Whether rows of this many windows can be taken.
HWY_ATTR bool takes_rows_of(int64_t count) {
  return static_cast<int64_t>(hn::Lanes(hn::CappedTag<float, 4>())) <= count;
}

HWY_ATTR void plane_of_winners(const Lengths& l, const float* image, int32_t* winners) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 4> four;
  const bool is_long = l.output_width >= static_cast<int64_t>(hn::Lanes(whole));
  for (int64_t row = 0; row < l.output_height; ++row) {
    const float* upper = image + 2 * row * l.width;
    const auto first = static_cast<int32_t>(2 * row * l.width);
    const auto width = static_cast<int32_t>(l.width);
    if (is_long) {
      row_of_winners(whole, upper, upper + l.width, l.output_width, first, width, winners);
    } else {
      row_of_winners(four, upper, upper + l.width, l.output_width, first, width, winners);
    }
    winners += l.output_width;
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace bitale::pool_cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::pool_cpu {
namespace {

HWY_EXPORT(takes_rows_of);
HWY_EXPORT(plane_of_winners);

// Whether all windows are whole ones of 2 by 2, side by side.
bool are_2x2(const Lengths& l) {
  const PoolWindow& w = l.window;
  return w.ws[0] == 2 && w.ws[1] == 2 && w.stride[0] == 2 && w.stride[1] == 2 && w.pad[0] == 0 &&
         w.pad[1] == 0 && 2 * l.output_height <= l.height && 2 * l.output_width <= l.width;
}

template <typename T>
void find_one_by_one(const Lengths& l, const T* image, int32_t* winners) {
  l.for_each_window([&](const Window& w, int64_t position) {
    winners[position] = static_cast<int32_t>(argmax(l, w, image));
  });
}

}  // namespace

template <>
void find_winners(const Lengths& l, const float* image, int32_t* winners) {
  if (are_2x2(l) && HWY_DYNAMIC_DISPATCH(takes_rows_of)(l.output_width)) {
    HWY_DYNAMIC_DISPATCH(plane_of_winners)(l, image, winners);
  } else {
    find_one_by_one(l, image, winners);
  }
}

template <>
void find_winners(const Lengths& l, const double* image, int32_t* winners) {
  find_one_by_one(l, image, winners);
}

}  // namespace bitale::pool_cpu
#endif  // HWY_ONCE
