#include "ops/random/random_draw.h"

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/random/philox_functors.h"

namespace bitale {
namespace {

bool is_state(const TensorType& type) {
  return type.dtype == DType::kUint32 && type.rank() == 1 &&
         compatible(type.dims[0], Dim(philox::kStateWords));
}

TensorType state_type() { return {DType::kUint32, {Dim(philox::kStateWords)}}; }

bool draws_floats(Distribution distribution) {
  return distribution == Distribution::kUniform || distribution == Distribution::kNormal;
}

}  // namespace

std::string_view RandomDrawOp::name() const {
  switch (distribution_) {
    case Distribution::kUniform:
      return "random_uniform";
    case Distribution::kNormal:
      return "random_normal";
    case Distribution::kIntegers:
      return "random_integers";
    case Distribution::kPermutation:
      break;
  }
  return "random_permutation";
}

Traits RandomDrawOp::traits() const {
  return {.can_raise = distribution_ == Distribution::kIntegers, .random_draw = true};
}

std::vector<TensorType> RandomDrawOp::infer_types(const TypeContext& context) const {
  if (context.size() < first_length()) {
    context.type_error(absl::StrCat("a draw of ", std::string(name()), " needs ", first_length(),
                                    " operands before the dims, got ", context.size()));
  }
  if (!is_state(context.type(0))) {
    context.type_error(absl::StrCat("a random state is uint32 (6,), not ", context.type(0).str()),
                       "RandomStreams makes such states; initial_random_state(seed, index) gives "
                       "their values");
  }
  for (size_t i = 1; i < first_length(); ++i) {
    if (context.type(i) != TensorType{DType::kInt64, {}}) {
      context.type_error(
          absl::StrCat("bounds of random integers are int64 scalars, not ", context.type(i).str()),
          "cast(x, DType::kInt64)");
    }
  }
  if (draws_floats(distribution_)) {
    if (dtype_ != DType::kFloat32 && dtype_ != DType::kFloat64) {
      context.type_error(
          absl::StrCat("samples are float32 or float64, not ", std::string(name_of(dtype_))),
          "draw float32 and cast the sample");
    }
  } else if (dtype_ != DType::kInt64) {
    context.type_error(absl::StrCat("samples are int64, not ", std::string(name_of(dtype_))),
                       "cast the sample");
  }
  if (distribution_ == Distribution::kPermutation && lengths_.size() != 1) {
    context.shape_error(absl::StrCat("a permutation has one dim, not ", lengths_.size()));
  }
  check_lengths(context, lengths_, first_length(), /*allow_inferred=*/false);
  return {state_type(), {dtype_, static_lengths(context, lengths_, first_length())}};
}

void RandomDrawOp::infer_shape(ShapeContext& context) const {
  context.require_equal(context.dim(0, 0), philox::kStateWords, "a random state has six words");
  context.set_dims(0, {philox::kStateWords});
  context.set_dims(1, length_expressions(context, lengths_, first_length()));
}

Variables RandomDrawOp::pullback(const PullbackContext& context) const {
  return Variables(context.inputs.size());
}

Variables RandomDrawOp::pushforward(const PushforwardContext& context) const {
  return Variables(context.outputs.size());
}

DrawResult draw(Distribution distribution, const Variable& state, const ShapeItems& dims,
                DType dtype, const Variables& parameters, SourceSite site) {
  Variables operands = {state};
  operands.insert(operands.end(), parameters.begin(), parameters.end());
  append_lengths(dims, operands);
  const Variables results = apply_op(
      std::make_shared<RandomDrawOp>(distribution, dtype, encode_lengths(dims)), operands, site);
  return {results[0], results[1]};
}

Tensor initial_random_state(uint64_t seed, uint64_t index) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  const auto high = [](uint64_t x) { return static_cast<uint32_t>(x >> 32); };
  const philox::Block key =
      philox::encrypt({{low(seed), high(seed)}, {low(index), high(index), 0, 0}});
  return Tensor::of<uint32_t>({key.word[0], key.word[1], 0, 0, 0, 0});
}

}  // namespace bitale
