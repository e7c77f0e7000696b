// A function applied to every element of sequences: a loop without carried state.

#ifndef BITALE_OPS_CONTROL_MAP_H_
#define BITALE_OPS_CONTROL_MAP_H_

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/graph/op.h"

namespace bitale {

// Theano's map. `fn` is called once, while the graph is built, with one Variable per sequence (its
// element: the sequence without axis 0), then the `non_sequences`; what it returns says what
// happens to each element. Each result has the returned Variable's dtype, and its dims behind a new
// axis 0 as long as the sequences.
//
//   Variable norms = map([](const Variables& v) { return sum(v[0] * v[1]); }, {x}, {w});
//
// `fn` may use any other variables too; what does not depend on the elements is computed once,
// outside the loop (a random draw included). Sequences have rank >= 1 and equal lengths; length 0
// is allowed. Dims inside `fn` come from numbers and from dims of variables, not from values: a
// result whose dims depend on elements is a ShapeError, dims from an integer input are a
// CompileError, both at the call.
//
// Throws ShapeError for no sequence, a scalar sequence or lengths that differ (fixed: when built,
// else at the call), TypeError if `fn` returns an undefined Variable or none.
using MapFunction = std::function<Variables(const Variables& elements)>;
Variables map_all(const MapFunction& fn, const Variables& sequences,
                  const Variables& non_sequences = {}, SourceSite site = SourceSite::current());

// As map_all; returns one Variable if `fn` does, else Variables.
template <typename Fn>
requires std::invocable<Fn&, const Variables&>
auto map(Fn fn, const Variables& sequences, const Variables& non_sequences = {},
         SourceSite site = SourceSite::current()) {
  if constexpr (std::is_same_v<std::invoke_result_t<Fn&, const Variables&>, Variables>) {
    return map_all(fn, sequences, non_sequences, site);
  } else {
    return map_all([&fn](const Variables& v) { return Variables{fn(v)}; }, sequences, non_sequences,
                   site)[0];
  }
}

// Operands: `sequence_count` sequences, then non-sequences; inner_inputs() stand for an element of
// each sequence, then the non-sequences, and are all that inner_outputs() depend on.
class MapOp final : public Op {
 public:
  MapOp(size_t sequence_count, Variables inner_inputs, Variables inner_outputs);

  size_t sequence_count() const { return sequence_count_; }

  std::string_view name() const override { return "map"; }
  Attributes attributes() const override;
  Traits traits() const override { return {.can_raise = can_raise_}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override { return reads_[input]; }
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

  std::span<const Variable> inner_inputs() const override { return inner_inputs_; }
  std::span<const Variable> inner_outputs() const override { return inner_outputs_; }
  OpPtr with_inner_outputs(Variables outputs) const override;
  bool equals(const Op& other) const override;
  size_t hash() const override { return hash_; }

 private:
  size_t sequence_count_;
  Variables inner_inputs_;
  Variables inner_outputs_;
  std::vector<bool> reads_;
  bool can_raise_ = false;
  size_t hash_ = 0;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONTROL_MAP_H_
