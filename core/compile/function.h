// `function`: from expressions to something that can be called.
//
//   Variable x = matrix("x"), w = shared(...);
//   Variable cost = mean(sqr(dot(x, w)));
//   Function train = function({x}, cost, {.updates = {{w, w - 0.1 * grad(cost, w)}}});
//   float c = train(batch).item<float>();
//
// Updates read the old values of shared variables and are applied after all outputs are computed; a
// call that throws leaves every shared variable unchanged. Calls from several threads are safe,
// also of different functions that share variables. Compiling for the shapes of a call happens at
// the first call with those shapes.

#ifndef BITALE_CORE_COMPILE_FUNCTION_H_
#define BITALE_CORE_COMPILE_FUNCTION_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/compile/memory_report.h"
#include "core/compile/mode.h"
#include "core/compile/profile.h"
#include "core/compile/results.h"
#include "core/graph/printer.h"
#include "core/graph/variable.h"
#include "core/tensor/tensor.h"

namespace bitale {

class CompiledFunction;

using Updates = std::vector<std::pair<Variable, Variable>>;
using Givens = std::vector<std::pair<Variable, Variable>>;

struct InOptions {
  // Taken when a call leaves this input out.
  std::optional<Tensor> default_value = {};
  // The name for calls by name; the variable's own name if empty.
  std::string name = "";
};

// An input of a function.
struct In {
  In(const Variable& variable, InOptions options = {})  // NOLINT: a variable is an input
      : variable(variable), options(std::move(options)) {}
  Variable variable;
  InOptions options;
};

struct OutOptions {
  // The result is the function's own memory, valid until its next call.
  bool borrow = false;
};

// An output of a function.
struct Out {
  Out(const Variable& variable, OutOptions options = {})  // NOLINT: a variable is an output
      : variable(variable), options(options) {}
  Variable variable;
  OutOptions options;
};

// The outputs: one variable, or a list.
class Outs {
 public:
  Outs(const Variable& variable) : outs_{Out(variable)} {}                         // NOLINT
  Outs(const Out& out) : outs_{out} {}                                             // NOLINT
  Outs(std::initializer_list<Out> outs) : outs_(outs) {}                           // NOLINT
  Outs(std::vector<Out> outs) : outs_(std::move(outs)) {}                          // NOLINT
  Outs(const Variables& variables) : outs_(variables.begin(), variables.end()) {}  // NOLINT
  const std::vector<Out>& list() const { return outs_; }

 private:
  std::vector<Out> outs_;
};

// The inputs: a list of variables or of In.
class Ins {
 public:
  Ins(std::initializer_list<In> ins) : ins_(ins) {}                              // NOLINT
  Ins(const Variables& variables) : ins_(variables.begin(), variables.end()) {}  // NOLINT
  Ins(std::vector<In> ins) : ins_(std::move(ins)) {}                             // NOLINT
  const std::vector<In>& list() const { return ins_; }

 private:
  std::vector<In> ins_;
};

enum class OnUnusedInput : uint8_t { kRaise, kWarn, kIgnore };

struct FunctionOptions {
  // New values of shared variables.
  Updates updates = {};
  // Expressions that stand in for variables of the graph, such as slices of shared data sets: of
  // the variable's dtype and rank, and at every call of its fixed dims (ShapeError).
  Givens givens = {};
  OnUnusedInput on_unused_input = OnUnusedInput::kRaise;
  // Leave the state of random streams as it is.
  bool no_default_updates = false;
  // Cast arguments also to dtypes that do not hold all their values: floats to narrower floats,
  // integers to any dtype. Values change as Tensor::cast() changes them. A float for an integer or
  // a bool is refused all the same.
  bool allow_input_downcast = false;
  Mode mode = {};
  std::string name = "";
  // Time every kernel call; see Function::profile().
  bool profile = false;
  // The most bytes that one call may take (MemoryReport::peak_bytes); 0 for no limit. Where shapes
  // would need more, cheap values are computed again rather than kept; where that is not enough,
  // the call is an OutOfMemoryError that says how much it would take, and how long the arguments'
  // first axis may be for it to fit, where it is theirs to choose.
  size_t max_bytes = 0;
  // Programs kept for different shapes; the least recently used goes first, and the third that goes
  // is told of on stderr.
  size_t cache_limit = 64;
};

// A C++ number: no tensor, so that passing one allocates nothing.
struct Number {
  DType dtype = DType::kInt64;
  union {
    int64_t integer = 0;  // of signed integers
    uint64_t natural;     // of unsigned ones and bool
    double real;          // of floats
  };

  // Of this dtype.
  Tensor tensor() const;
  // The number as one element of `dtype` at `to`; false, and nothing written, where that would
  // change the value otherwise than by rounding a float.
  bool write(DType dtype, void* to) const;
};

// One argument of a call: a tensor (or number), by position or by name.
class Arg {
 public:
  Arg(Tensor value) : value_(std::move(value)) {}  // NOLINT
  template <typename T>
  requires(kIsElementType<T> || std::integral<T>)
      Arg(T value)  // NOLINT: a number reads as a 0-d tensor
      : number_(to_number(value)), is_number_(true) {}
  Arg(const Results& results) : value_(results.only()) {}  // NOLINT
  Arg(std::string name, Arg value)
      : value_(std::move(value.value_)),
        name_(std::move(name)),
        number_(value.number_),
        is_number_(value.is_number_) {}

  Tensor value() const { return is_number_ ? number_.tensor() : value_; }
  const std::string& name() const { return name_; }
  // A C++ number: takes the input's dtype where that loses nothing.
  bool is_number() const { return is_number_; }
  const Number& number() const { return number_; }  // if is_number()
  const Tensor& tensor() const { return value_; }   // if not

 private:
  // That of `long long` and the like, which are no types of elements.
  template <typename T>
  using ElementType =
      std::conditional_t<kIsElementType<T>, T,
                         std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

  template <typename T>
  static Number to_number(T value) {
    Number number;
    number.dtype = dtype_of<ElementType<T>>;
    if constexpr (!std::integral<T>) {
      if constexpr (std::same_as<T, double>) {
        number.real = value;
      } else {
        number.real = static_cast<float>(value);
      }
    } else if constexpr (std::is_signed_v<T>) {
      number.integer = value;
    } else {
      number.natural = value;
    }
    return number;
  }

  Tensor value_;
  std::string name_;
  Number number_;
  bool is_number_ = false;
};

class Function {
 public:
  Function() = default;
  explicit Function(std::shared_ptr<CompiledFunction> compiled) : compiled_(std::move(compiled)) {}

  // Calls with arguments by position, by name, or both: f(x, Arg("rate", 0.1)). Those without a
  // name belong to the first inputs in order, wherever the others stand; inputs that a call leaves
  // out take their defaults.
  //
  // A tensor of another dtype, a default included, is cast where the input's dtype holds every
  // value of the tensor's (can_cast_losslessly()): float32 for float64, int32 for int64 or float64,
  // int16 for float32, bool for any. All others are refused unless .allow_input_downcast. A C++
  // number takes the input's dtype: rounded for a float; for an integer or a bool exactly, or it is
  // refused in the same way.
  //
  // TypeError for a missing, doubled or unknown argument and for a dtype or number that is refused,
  // ShapeError for another rank or length, ExecutionError where the run fails.
  template <typename... Args>
  Results operator()(Args&&... args) const {
    if constexpr (sizeof...(Args) == 0) {
      return call({});
    } else {
      const Arg list[] = {Arg(std::forward<Args>(args))...};
      return call(list);
    }
  }
  Results call(std::span<const Arg> args) const;

  const std::string& name() const;
  // The same function over other shared variables of equal types: `swap` maps old to new ones.
  // TypeError for a pair of other types, or one that the function does not use.
  Function copy(const Givens& swap = {}, std::string name = "",
                SourceSite site = SourceSite::current()) const;
  // Drops all programs and their memory; the next call compiles anew. Results that the caller holds
  // stay valid, calls in flight end as they would.
  void free() const;

  // The rewritten graph, before shapes are known: the outputs, then the new values of shared
  // variables. debugprint() and dot_graph() show it.
  Variables optimized_outputs() const;
  // The latest program as text.
  std::string program_dump() const;
  // Memory of the latest program; empty before the first call.
  MemoryReport memory() const;
  // Programs compiled so far, those dropped included.
  size_t compile_count() const;
  // Time per kernel since compiled with .profile; empty otherwise.
  Profile profile() const;

 private:
  std::shared_ptr<CompiledFunction> compiled_;
};

// Compiles. `outputs` may be {} for a function of updates alone. Throws CompileError for unused,
// missing or duplicate inputs, TypeError for updates and givens of another type.
Function function(const Ins& inputs, const Outs& outputs, FunctionOptions options = {},
                  SourceSite site = SourceSite::current());

// The function's rewritten graph as debugprint() of variables shows it.
std::string debugprint(const Function& function, PrintOptions options = {});
std::string dot_graph(const Function& function);

// The value of an expression, with values for the inputs it needs.
Tensor eval(const Variable& variable, const std::vector<std::pair<Variable, Tensor>>& inputs = {},
            Mode mode = {}, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_FUNCTION_H_
