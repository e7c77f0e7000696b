// An average pool behind a convolution becomes part of the convolution, and so do their gradients.
//
// The average of neighbouring windows' values is the value of one larger window, whose filter is
// the convolution's, spread: added up at all places that the pool averages, over their number.
// There are as few such windows as the pool gives values. With filters of 5 by 5 behind which 2 by
// 2 values are averaged, a pooled value takes 6 * 6 multiplications instead of 4 * 5 * 5.
//
// Spreading is the pullback of an average pool of step 1 over the larger filters.

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/graph/inputs.h"
#include "core/rewrite/pattern.h"
#include "core/rewrite/rule.h"
#include "ops/conv/conv2d.h"
#include "ops/conv/conv2d_geometry_internal.h"
#include "ops/pool/pool.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// What one tap of a spread filter costs, in multiplications: it is written, packed, and read again.
constexpr int64_t kWorkOfTap = 16;

// The types of a convolution's result and filters, which say what is known of its lengths.
struct Lengths {
  const TensorType& convolved;
  const TensorType& filters;

  bool are_known() const {
    return convolved.dims[2].is_fixed() && convolved.dims[3].is_fixed() &&
           filters.dims[2].is_fixed() && filters.dims[3].is_fixed();
  }
  // An unknown batch is taken for one image.
  int64_t batch() const { return convolved.dims[0].is_fixed() ? convolved.dims[0].length() : 1; }
};

// The convolution that gives what is pooled.
class PooledConv2d {
 public:
  // Nothing, after a refusal, unless it exists and is less work.
  static std::optional<PooledConv2d> find(const Conv2dOptions& conv, const PoolWindow& pool,
                                          PoolMode mode, const Lengths& lengths,
                                          const RuleContext& context, const Apply* where) {
    const auto refuse = [&](const char* why) { return context.refuse(why, where); };
    if (!lengths.are_known()) return refuse("lengths are known at a call only");
    PooledConv2d pooled(conv, pool, mode);
    std::array<std::pair<int64_t, int64_t>, 2> pads;
    int64_t windows = lengths.batch(), taps = 1, taps_before = 1;
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t length = lengths.convolved.dims[2 + axis].length();
      const Conv2dAxis before(conv, axis, lengths.filters.dims[2 + axis].length());
      if (pool.ws[axis] > 1 && (before.stride() > 1 || before.dilation() > 1)) {
        return refuse("windows that lie apart have no filter in common");
      }
      const int64_t whole = (length - pool.ws[axis]) / pool.stride[axis] + 1;
      if (length < pool.ws[axis] || pool.pad[axis] > 0 ||
          pool.output_length(axis, length) != whole) {
        return refuse("the pool's windows are not all whole");
      }
      pooled.taps_[axis] = before.taps() + pool.ws[axis] - 1;
      pooled.options_.subsample[axis] = before.stride() * pool.stride[axis];
      pads[axis] = {before.before(), before.after()};
      windows *= whole;
      taps *= pooled.taps_[axis];
      taps_before *= before.taps() * pool.stride[axis];
    }
    pooled.options_.border_mode = BorderMode(pads[0], pads[1]);
    if (taps >= taps_before) return refuse("the windows grow by as much as they become fewer");
    if (windows * (taps_before - taps) < kWorkOfTap * taps) {
      return refuse("there are too few windows to spread filters for");
    }
    return pooled;
  }

  const Conv2dOptions& options() const { return options_; }
  // Height and width of the spread filters.
  Variable taps(size_t axis) const { return scalar_constant_int(DType::kInt64, taps_[axis]); }

  Variable spread(const Variable& filters) const {
    return apply_one(std::make_shared<AveragePoolGradOp>(places_, mode_),
                     {filters, taps(0), taps(1)});
  }
  // The transpose of spread().
  Variable gather(const Variable& spread_filters) const {
    return apply_one(std::make_shared<AveragePoolOp>(places_, mode_), {spread_filters});
  }

 private:
  PooledConv2d(const Conv2dOptions& conv, const PoolWindow& pool, PoolMode mode)
      : options_(conv), places_{pool.ws, {1, 1}, {0, 0}, true}, mode_(mode) {}

  Conv2dOptions options_;
  PoolWindow places_;
  PoolMode mode_;
  std::array<int64_t, 2> taps_ = {0, 0};
};

// Whether nobody else needs elements of what `reader` reads first.
bool is_only_reader(const RuleContext& context, const Apply& reader) {
  const auto uses = context.graph().uses(reader.input(0));
  return std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
    return use.user == &reader ||
           (use.user != nullptr && !use.user->op().needs_elements(use.index));
  });
}

std::optional<Variables> fold_pool(const Apply& apply, const RuleContext& context) {
  const Apply* conv = made_by(apply.input(0), "conv2d");
  if (conv == nullptr) return std::nullopt;
  if (!is_only_reader(context, apply)) {
    return context.refuse("the convolved values are needed by themselves", conv);
  }
  const auto& pool = static_cast<const AveragePoolOp&>(apply.op());
  const auto pooled = PooledConv2d::find(
      static_cast<const Conv2dOp&>(conv->op()).options(), pool.window(), pool.mode(),
      {apply.input(0).type(), conv->input(1).type()}, context, conv);
  if (!pooled) return std::nullopt;
  return replace_with(apply, apply_one(std::make_shared<Conv2dOp>(pooled->options()),
                                       {conv->input(0), pooled->spread(conv->input(1))}));
}

// The pooled convolution of `apply`, a gradient of one that was pooled; `pool` pulls back what was
// pooled. A gradient that others need too is less work nevertheless.
std::optional<PooledConv2d> find_pooled(const Apply& apply, const Apply& pool,
                                        const TensorType& filters, const RuleContext& context) {
  const auto& op = static_cast<const AveragePoolGradOp&>(pool.op());
  return PooledConv2d::find(static_cast<const Conv2dBaseOp&>(apply.op()).options(), op.window(),
                            op.mode(), {pool.output(0).type(), filters}, context, &pool);
}

std::optional<Variables> fold_grad_inputs(const Apply& apply, const RuleContext& context) {
  const Apply* pool = made_by(apply.input(0), "average_pool_grad");
  if (pool == nullptr) return std::nullopt;
  const Variable filters = apply.input(1);
  const auto pooled = find_pooled(apply, *pool, filters.type(), context);
  if (!pooled) return std::nullopt;
  return replace_with(
      apply, apply_one(std::make_shared<Conv2dGradInputsOp>(pooled->options()),
                       {pool->input(0), pooled->spread(filters), apply.input(2), apply.input(3)}));
}

std::optional<Variables> fold_grad_weights(const Apply& apply, const RuleContext& context) {
  const Apply* pool = made_by(apply.input(1), "average_pool_grad");
  if (pool == nullptr) return std::nullopt;
  const auto pooled = find_pooled(apply, *pool, apply.output(0).type(), context);
  if (!pooled) return std::nullopt;
  const Variable spread =
      apply_one(std::make_shared<Conv2dGradWeightsOp>(pooled->options()),
                {apply.input(0), pool->input(0), pooled->taps(0), pooled->taps(1)});
  return replace_with(apply, pooled->gather(spread));
}

// --- Examples ------------------------------------------------------------------------------------

constexpr PoolOptions kAverage = {.mode = PoolMode::kAverageExcPad};

Variable average(const Variable& x, int64_t size) { return pool_2d(x, {size, size}, kAverage); }

// The pullback of average() for planes of 8 by 8.
Variable share_out(const Variable& g, const PoolWindow& window) {
  const Variable size = scalar_constant_int(DType::kInt64, 8);
  return apply_one(std::make_shared<AveragePoolGradOp>(window, kAverage.mode), {g, size, size});
}

// Filters of 3 by 3 over images of 10 by 10, of which 2 by 2 values are averaged.
struct Example {
  Variable x = tensor(float_x(), {9, 3, 10, 10}, "x"), w = tensor(float_x(), {4, 3, 3, 3}, "w");
  Variable convolved = conv2d(x, w);
  Variable g = tensor(float_x(), {9, 4, 4, 4}, "g");
  Variable shared_out = share_out(g, {{2, 2}, {2, 2}, {0, 0}, true});
  // Averages of overlapping windows: nothing is gained.
  Variable every = tensor(float_x(), {9, 4, 7, 7}, "every");
  Variable overlapping = share_out(every, {{2, 2}, {1, 1}, {0, 0}, true});

  Conv2dOptions pooled = {.border_mode = 0, .subsample = {2, 2}};
  Variable spread = apply_one(
      std::make_shared<AveragePoolGradOp>(PoolWindow{{2, 2}, {1, 1}, {0, 0}, true}, kAverage.mode),
      {w, scalar_constant_int(DType::kInt64, 4), scalar_constant_int(DType::kInt64, 4)});
};

constexpr Rule kPool = {
    .name = "average_pool_of_conv2d",
    .phase = Phase::kSpecialize,
    .why = "averages of neighbours are the values of larger filters, of which fewer are needed",
    .op = "average_pool",
    .apply = fold_pool,
    .examples =
        [] {
          const Example e;
          return Examples{{{average(e.convolved, 2)}, {conv2d(e.x, e.spread, e.pooled)}}};
        },
    .counterexamples =
        [] {
          const Example e;
          const Variable any = tensor4("any");
          const Variable point = tensor(float_x(), {4, 3, 1, 1}, "point");
          const Variable image = tensor(float_x(), {1, 3, 4, 4}, "image");
          const auto pooled = [&](PoolOptions options) {
            options.mode = kAverage.mode;
            return pool_2d(e.convolved, {3, 3}, options);
          };
          return Graphs{{average(e.convolved, 2), e.convolved},
                        {average(conv2d(any, e.w), 2)},
                        {average(conv2d(e.x, e.w, {.subsample = {2, 2}}), 2)},
                        {average(conv2d(e.x, e.w, {.filter_dilation = {2, 2}}), 2)},
                        {average(e.convolved, 9)},
                        {average(conv2d(e.x, point), 2)},
                        {average(conv2d(image, e.w), 2)},
                        {pooled({.ignore_border = false})},
                        {pooled({.pad = {1, 1}})},
                        {pooled({.stride = {1, 1}})}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kInputs = {
    .name = "conv2d_grad_wrt_inputs_of_average_pool",
    .phase = Phase::kSpecialize,
    .why = "a gradient that neighbours share goes through the sum of their filters",
    .op = "conv2d_grad_wrt_inputs",
    .apply = fold_grad_inputs,
    .examples =
        [] {
          const Example e;
          return Examples{{{conv2d_grad_wrt_inputs(e.shared_out, e.w, 10, 10)},
                           {conv2d_grad_wrt_inputs(e.g, e.spread, 10, 10, e.pooled)}}};
        },
    .counterexamples =
        [] {
          const Example e;
          return Graphs{{conv2d_grad_wrt_inputs(e.convolved, e.w, 10, 10)},
                        {conv2d_grad_wrt_inputs(e.overlapping, e.w, 10, 10)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kWeights = {
    .name = "conv2d_grad_wrt_weights_of_average_pool",
    .phase = Phase::kSpecialize,
    .why = "a gradient that neighbours share meets the sum of what they saw",
    .op = "conv2d_grad_wrt_weights",
    .apply = fold_grad_weights,
    .examples =
        [] {
          const Example e;
          return Examples{{{conv2d_grad_wrt_weights(e.x, e.shared_out, 3, 3)},
                           {pool_2d(conv2d_grad_wrt_weights(e.x, e.g, 4, 4, e.pooled), {2, 2},
                                    {.stride = {1, 1}, .mode = kAverage.mode})}}};
        },
    .counterexamples =
        [] {
          const Example e;
          return Graphs{{conv2d_grad_wrt_weights(e.x, e.convolved, 3, 3)},
                        {conv2d_grad_wrt_weights(e.x, e.overlapping, 3, 3)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(kPool),
    RuleRegistrar(kInputs),
    RuleRegistrar(kWeights),
};

}  // namespace
}  // namespace bitale
