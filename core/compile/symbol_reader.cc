#include "core/compile/symbol_reader.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {
namespace {

// Element `index` of a host-integer variable: a scalar or a vector of any strides.
int64_t element_of(const void* data, DType dtype, const Dims& strides, size_t index) {
  const int64_t offset = strides.empty() ? 0 : strides[0] * static_cast<int64_t>(index);
  const auto* bytes = static_cast<const std::byte*>(data);
  int64_t value;
  copy_strided({}, DType::kInt64, &value, {}, dtype,
               bytes + offset * static_cast<int64_t>(size_of(dtype)), {});
  return value;
}

int64_t element_of(const Tensor& value, size_t index) {
  return element_of(value.raw_data(), value.dtype(), value.strides(), index);
}

}  // namespace

SymbolReader::SymbolReader(std::span<const IntSymbol> symbols, std::span<const In> inputs,
                           std::span<const Variable> shared) {
  absl::flat_hash_map<Variable, Source> sources;
  for (size_t i = 0; i < inputs.size(); ++i) {
    sources[inputs[i].variable] = {Source::Kind::kInput, false, static_cast<uint32_t>(i), 0};
  }
  for (size_t i = 0; i < shared.size(); ++i) {
    sources[shared[i]] = {Source::Kind::kShared, false, static_cast<uint32_t>(i), 0};
  }
  for (const IntSymbol& symbol : symbols) {
    if (symbol.kind == IntSymbol::Kind::kExternal) {
      sources_.push_back({});
      continue;
    }
    if (symbol.kind == IntSymbol::Kind::kOpaque && !sources.contains(symbol.variable)) {
      sources[symbol.variable] = {Source::Kind::kComputed, false,
                                  static_cast<uint32_t>(computed_.size()), 0};
      computed_.push_back(symbol.variable);
    }
    const auto it = sources.find(symbol.variable);
    if (it == sources.end()) {
      throw CompileError(
          absl::StrCat("an integer of the shape program has no source: ", symbol.variable.str(),
                       ", made at ", symbol.variable.site().str()));
    }
    Source source = it->second;
    source.is_dim = symbol.kind == IntSymbol::Kind::kDim || symbol.kind == IntSymbol::Kind::kNamed;
    source.index = static_cast<uint32_t>(symbol.index);
    source.dtype = symbol.variable.dtype();
    sources_.push_back(source);
  }
}

void SymbolReader::read(std::span<const Tensor> computed, CallState& state) const {
  state.symbols.resize(sources_.size());
  state.externals.clear();
  for (size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (source.kind == Source::Kind::kNone) continue;
    if (source.kind == Source::Kind::kShared) {
      SharedContainer& container = *state.shared[source.tensor];
      state.symbols[i] = source.is_dim ? container.shape()[source.index]
                                       : element_of(container.read(), source.index);
      continue;
    }
    if (source.kind == Source::Kind::kComputed) {
      const Tensor& tensor = computed[source.tensor];
      state.symbols[i] =
          source.is_dim ? tensor.shape()[source.index] : element_of(tensor, source.index);
      state.externals.push_back(state.symbols[i]);
      continue;
    }
    const BoundInput& input = state.inputs[source.tensor];
    state.symbols[i] = source.is_dim
                           ? input.shape()[source.index]
                           : element_of(input.data(), source.dtype, input.strides(), source.index);
  }
}

}  // namespace bitale
