#include "ops/random/random_streams.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/random/random_draw.h"

namespace bitale {
namespace {

bool is_number(const Operand& parameter, double number) {
  return parameter.is_weak() && constant_scalar(parameter.variable()) == number;
}

// Refuses numbers and constants with an element that does not fit; what calls bring is not looked
// at.
void require_each(const Operand& parameter, bool (*fits)(double), std::string_view what,
                  SourceSite site) {
  if (!parameter.is_defined() || !parameter.variable().is_constant()) return;
  for (const double element : parameter.variable().value().to_vector<double>()) {
    if (fits(element)) continue;
    throw GraphError(absl::StrCat(std::string(what), ", but is ", element,
                                  "\n  at: ", resolve_site(site).str()));
  }
}

}  // namespace

RandomStreams::RandomStreams(uint64_t seed) : seed_(seed) {}

Variable RandomStreams::new_state(SourceSite site) {
  const size_t index = states_.size();
  states_.push_back(shared(initial_random_state(seed_, index), absl::StrCat("random_state_", index),
                           {.borrow = true}, site));
  return states_.back();
}

void RandomStreams::reseed(uint64_t seed) {
  seed_ = seed;
  for (size_t i = 0; i < states_.size(); ++i) set_value(states_[i], initial_random_state(seed, i));
}

Variable RandomStreams::uniform(ShapeItems dims, Operand low, Operand high, DType dtype,
                                SourceSite site) {
  SiteScope scope(site, "uniform");
  Variable u = draw(Distribution::kUniform, new_state(site), dims, dtype, {}, site).sample;
  if (is_number(low, 0) && is_number(high, 1)) return u;
  const Variable from = low.variable_for(dtype, "uniform");
  const Variable to = high.variable_for(dtype, "uniform");
  return add(from, mul(sub(to, from), u));
}

Variable RandomStreams::normal(ShapeItems dims, Operand mean, Operand stddev, DType dtype,
                               SourceSite site) {
  SiteScope scope(site, "normal");
  require_each(
      stddev, [](double x) { return x >= 0; }, "normal: stddev must not be negative", site);
  Variable z = draw(Distribution::kNormal, new_state(site), dims, dtype, {}, site).sample;
  if (!is_number(stddev, 1)) z = mul(stddev.variable_for(dtype, "normal"), z);
  if (!is_number(mean, 0)) z = add(mean.variable_for(dtype, "normal"), z);
  return z;
}

Variable RandomStreams::bernoulli(ShapeItems dims, Operand p, DType dtype, SourceSite site) {
  SiteScope scope(site, "bernoulli");
  require_each(
      p, [](double x) { return x >= 0 && x <= 1; }, "bernoulli: p must lie between 0 and 1", site);
  const bool wide = !p.is_weak() && p.variable().dtype() == DType::kFloat64;
  const DType drawn = wide ? DType::kFloat64 : DType::kFloat32;
  const Variable u = draw(Distribution::kUniform, new_state(site), dims, drawn, {}, site).sample;
  return cast(lt(u, p.variable_for(drawn, "bernoulli")), dtype);
}

Variable RandomStreams::integers(ShapeItems dims, Operand low, Operand high, SourceSite site) {
  SiteScope scope(site, "integers");
  const auto bound = [](const Operand& operand) {
    const Variable v = operand.variable_for(DType::kInt64, "integers");
    return is_integer(v.dtype()) && v.dtype() != DType::kUint64 ? cast(v, DType::kInt64) : v;
  };
  return draw(Distribution::kIntegers, new_state(site), dims, DType::kInt64,
              {bound(low), bound(high)}, site)
      .sample;
}

Variable RandomStreams::permutation(ShapeItem n, SourceSite site) {
  SiteScope scope(site, "permutation");
  return draw(Distribution::kPermutation, new_state(site), {n}, DType::kInt64, {}, site).sample;
}

}  // namespace bitale
