// What a builder accepts where a variable is meant: a Variable, a Tensor, or a C++ number.
//
// The converting constructors capture the caller's line, so `x + y` and `dot(x, w)` know where the
// user wrote them. C++ numbers are weak: they take the dtype of the variables beside them and never
// upcast; a number that the dtype cannot hold exactly (for integers) is a TypeError. A number
// beyond the largest int64 is a uint64 constant.

#ifndef BITALE_CORE_GRAPH_OPERAND_H_
#define BITALE_CORE_GRAPH_OPERAND_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "core/graph/variable.h"
#include "core/tensor/tensor.h"

namespace bitale {

class Operand {
 public:
  Operand(const Variable& variable,  // NOLINT: conversion is the purpose
          SourceSite site = SourceSite::current())
      : variable_(variable), site_(site) {}
  // A constant, as constant() makes it.
  Operand(const Tensor& value, SourceSite site = SourceSite::current());  // NOLINT
  template <std::floating_point T>
  Operand(T value, SourceSite site = SourceSite::current())  // NOLINT
      : weak_(Weak::kFloat), float_(static_cast<double>(value)), site_(site) {}
  template <std::integral T>
  Operand(T value, SourceSite site = SourceSite::current())  // NOLINT
      : weak_(std::same_as<T, bool> ? Weak::kBool : Weak::kInteger),
        integer_(static_cast<int64_t>(value)),
        site_(site) {
    if constexpr (std::unsigned_integral<T> && sizeof(T) == sizeof(int64_t)) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        *this = Operand(Tensor(value), site);
      }
    }
  }

  // False for a default-constructed Variable.
  bool is_defined() const { return is_weak() || variable_.defined(); }
  // A number without a dtype of its own.
  bool is_weak() const { return weak_ != Weak::kNone; }
  bool is_weak_float() const { return weak_ == Weak::kFloat; }
  SourceSite site() const { return site_; }

  // The variable; a number becomes a constant of its own default dtype (floatX, int64, bool).
  // TypeError for a default-constructed Variable.
  Variable variable() const;
  // The variable, or the number as a constant of `dtype`. TypeError (naming `op_name`) if `dtype`
  // cannot hold an integer number exactly. Numbers of a wider kind keep their own: a float one
  // beside a discrete dtype is a constant of floatX, an integer one beside bool is an int64.
  Variable variable_for(DType dtype, std::string_view op_name) const;

 private:
  enum class Weak : uint8_t { kNone, kBool, kInteger, kFloat };

  Variable variable_;
  Weak weak_ = Weak::kNone;
  int64_t integer_ = 0;
  double float_ = 0;
  SourceSite site_;
};

// The operands as variables: each number takes the promoted dtype of the variables beside it.
// TypeError where that dtype cannot hold the number or two variables have none in common.
Variables resolve_operands(std::string_view op_name, std::initializer_list<Operand> operands);
Variables resolve_operands(std::string_view op_name, std::span<const Operand> operands);

// A constant with a copy of `value`; "" for no name. TypeError for a Tensor without a value.
Variable constant(const Tensor& value, std::string name = "",
                  SourceSite site = SourceSite::current());
// A 0-d constant of `dtype`.
Variable scalar_constant(DType dtype, double value, SourceSite site = SourceSite::current());
Variable scalar_constant_int(DType dtype, int64_t value, SourceSite site = SourceSite::current());

// The number behind a 0-d (or one-element) constant, if `variable` is one.
std::optional<double> constant_scalar(const Variable& variable);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_OPERAND_H_
