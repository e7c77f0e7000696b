#include "core/compile/function.h"

#include "core/base/error.h"
#include "core/compile/compiled_function.h"

namespace bitale {
namespace {

CompiledFunction& checked(const std::shared_ptr<CompiledFunction>& compiled) {
  if (compiled == nullptr) throw ExecutionError("call of a default-constructed Function");
  return *compiled;
}

}  // namespace

Results Function::call(std::span<const Arg> args) const { return checked(compiled_).call(args); }
const std::string& Function::name() const { return checked(compiled_).options().name; }
Function Function::copy(const Givens& swap, std::string name, SourceSite site) const {
  return Function(checked(compiled_).copy(swap, std::move(name), site));
}
void Function::free() const { checked(compiled_).free(); }
Variables Function::optimized_outputs() const {
  return checked(compiled_).symbolic().graph->outputs();
}
std::string Function::program_dump() const { return checked(compiled_).program_dump(); }
MemoryReport Function::memory() const { return checked(compiled_).memory(); }
size_t Function::compile_count() const { return checked(compiled_).compile_count(); }
Profile Function::profile() const { return checked(compiled_).profile(); }

std::string debugprint(const Function& function, PrintOptions options) {
  return debugprint(function.optimized_outputs(), options);
}
std::string dot_graph(const Function& function) { return dot_graph(function.optimized_outputs()); }

Function function(const Ins& inputs, const Outs& outputs, FunctionOptions options,
                  SourceSite site) {
  return Function(std::make_shared<CompiledFunction>(inputs, outputs, std::move(options), site));
}

Tensor eval(const Variable& variable, const std::vector<std::pair<Variable, Tensor>>& inputs,
            Mode mode, SourceSite site) {
  Variables variables;
  std::vector<Arg> args;
  for (const auto& [input, value] : inputs) {
    variables.push_back(input);
    args.emplace_back(value);
  }
  FunctionOptions options;
  options.mode = std::move(mode);
  options.on_unused_input = OnUnusedInput::kIgnore;
  return function(variables, variable, std::move(options), site).call(args).only();
}

}  // namespace bitale
