// map on the CPU: its inner program, run once per element.

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/shape_analysis.h"
#include "core/runtime/program.h"
#include "core/tensor/device_memory.h"
#include "ops/control/map.h"

namespace bitale {
namespace {

constexpr size_t round_up(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

int64_t integer_at(const void* address, DType dtype, size_t index) {
  return visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(static_cast<const T*>(address)[index]);
    } else {
      return int64_t{0};
    }
  });
}

// The conditions of inner shape rules that depend on values, such as an index being in range.
// Programs do not check those: they run only after a function has checked its arguments.
class ElementChecks {
 public:
  ElementChecks(const MapOp& op, std::span<const Dims> inner_dims) {
    ShapeAnalysis analysis;
    for (size_t i = 0; i < inner_dims.size(); ++i) {
      analysis.set_dims(op.inner_inputs()[i], IntExprs(inner_dims[i].begin(), inner_dims[i].end()));
    }
    analysis.analyze(op.inner_outputs());
    for (const IntSymbol& symbol : analysis.symbols()) {
      Source source;
      for (size_t i = 0; i < op.inner_inputs().size(); ++i) {
        if (symbol.variable == op.inner_inputs()[i]) {
          source = {i, symbol.index, symbol.variable.dtype()};
        }
      }
      sources_.push_back(source);
    }
    std::vector<bool> known;
    for (const IntGraph::Node& node : analysis.ints().nodes()) {
      const auto at = [&](int32_t id) { return id < 0 || known[static_cast<size_t>(id)]; };
      known.push_back(node.op == IntOp::kConstant ? true
                      : node.op == IntOp::kSymbol
                          ? sources_[static_cast<size_t>(node.value)].input != kUnknown
                          : at(node.a) && at(node.b) && at(node.c));
    }
    const auto is_known = [&](const IntExpr& expression) {
      return expression.is_constant() || known[static_cast<size_t>(expression.id())];
    };
    std::vector<IntExpr> sides;
    for (const ShapeCheck& check : analysis.checks()) {
      if (check.left.is_constant() && check.right.is_constant()) continue;  // checked by lowering
      if (!is_known(check.left) || !is_known(check.right)) continue;
      sides.push_back(check.left);
      sides.push_back(check.right);
      const Apply& apply = *check.output.owner();
      messages_.push_back({std::string(apply.op().name()), check.what, check.is_condition,
                           check.hint, describe_operands(apply.inputs()), apply.site().str()});
    }
    program_ = IntProgram(analysis.ints(), sides);
  }

  bool empty() const { return messages_.empty(); }
  size_t scratch_count() const {
    return sources_.size() + program_.register_count() + program_.result_count();
  }

  void run(void* const* inner_inputs, int64_t element, int64_t* scratch) const {
    const std::span<int64_t> symbols(scratch, sources_.size());
    const std::span<int64_t> registers(symbols.end(), program_.register_count());
    const std::span<int64_t> results(registers.end(), program_.result_count());
    for (size_t i = 0; i < sources_.size(); ++i) {
      const Source& source = sources_[i];
      symbols[i] = source.input == kUnknown
                       ? 0
                       : integer_at(inner_inputs[source.input], source.dtype, source.index);
    }
    program_.evaluate(symbols, registers, results);
    for (size_t i = 0; i < messages_.size(); ++i) {
      if (results[2 * i] != results[2 * i + 1]) {
        fail(messages_[i], element, results[2 * i], results[2 * i + 1]);
      }
    }
  }

 private:
  static constexpr size_t kUnknown = static_cast<size_t>(-1);
  struct Source {
    size_t input = kUnknown;
    size_t index = 0;
    DType dtype = DType::kInt64;
  };
  struct Message {
    std::string op;
    std::string what;
    bool is_condition;
    std::string hint;
    std::string operands;
    std::string site;
  };

  [[noreturn]] static void fail(const Message& message, int64_t element, int64_t left,
                                int64_t right) {
    throw ShapeError(absl::StrCat(
        message.op, ": ", what_failed(message.what, message.is_condition, left, right),
        ", at element ", element, " of map\n", message.operands, "  at: ", message.site,
        message.hint.empty() ? "" : "\n  hint: ", message.hint));
  }

  std::vector<Source> sources_;  // one per symbol
  std::vector<Message> messages_;
  IntProgram program_;
};

class MapKernel final : public Kernel {
 public:
  explicit MapKernel(KernelMaker& maker) {
    const KernelCall& call = maker.call();
    const MapOp& op = call.op_as<MapOp>();
    length_ = call.inputs[0].shape[0];
    std::vector<Dims> inner_dims;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const OperandLayout& layout = call.inputs[i];
      const bool moves = i < op.sequence_count();
      inner_dims.emplace_back(layout.shape.begin() + (moves ? 1 : 0), layout.shape.end());
      const size_t bytes =
          static_cast<size_t>(element_count(inner_dims.back())) * size_of(layout.dtype);
      input_steps_.push_back(moves ? bytes : 0);
    }
    for (const OperandLayout& layout : call.outputs) {
      const Dims shape(layout.shape.begin() + 1, layout.shape.end());
      output_steps_.push_back(static_cast<size_t>(element_count(shape)) * size_of(layout.dtype));
    }
    // Without elements nothing runs, and the inner dims need not make sense.
    if (length_ == 0) return;
    program_ = maker.lower_inner(inner_dims);
    checks_ = std::make_unique<ElementChecks>(op, inner_dims);
    can_raise_ = !checks_->empty();
    for (const Instruction& instruction : program_->instructions) {
      can_raise_ = can_raise_ || instruction.kernel->can_raise();
    }
  }

  bool can_raise() const override { return can_raise_; }

  size_t workspace_bytes() const override {
    if (length_ == 0) return 0;
    return round_up(program_->workspace_bytes()) +
           round_up(checks_->scratch_count() * sizeof(int64_t)) +
           (input_steps_.size() + output_steps_.size()) * sizeof(void*);
  }

  void run(const KernelFrame& frame) const override {
    if (length_ == 0) return;
    auto* cursor = static_cast<std::byte*>(frame.workspace) + round_up(program_->workspace_bytes());
    auto* scratch = reinterpret_cast<int64_t*>(cursor);
    cursor += round_up(checks_->scratch_count() * sizeof(int64_t));
    const std::span<void*> inputs(reinterpret_cast<void**>(cursor), input_steps_.size());
    const std::span<void*> outputs(inputs.end(), output_steps_.size());
    std::copy_n(frame.inputs, inputs.size(), inputs.begin());
    std::copy_n(frame.outputs, outputs.size(), outputs.begin());
    const ProgramBindings bindings{inputs, {}, outputs, {}, frame.workspace};
    for (int64_t element = 0; element < length_; ++element) {
      if (!checks_->empty()) checks_->run(inputs.data(), element, scratch);
      run_program(*program_, bindings, frame.observer);
      advance(inputs, input_steps_);
      advance(outputs, output_steps_);
    }
  }

 private:
  static void advance(std::span<void*> addresses, const std::vector<size_t>& steps) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      if (steps[i] != 0) addresses[i] = static_cast<std::byte*>(addresses[i]) + steps[i];
    }
  }

  int64_t length_ = 0;
  std::vector<size_t> input_steps_;  // bytes per element; 0 for non-sequences
  std::vector<size_t> output_steps_;
  std::shared_ptr<const Program> program_;
  std::unique_ptr<ElementChecks> checks_;
  bool can_raise_ = false;
};

const KernelRegistrar registrar({.op = "map",
                                 .name = "map_loop",
                                 .kind = KernelKind::kPortable,
                                 .make = [](KernelMaker& maker) -> std::unique_ptr<const Kernel> {
                                   return std::make_unique<MapKernel>(maker);
                                 }});

}  // namespace
}  // namespace bitale
