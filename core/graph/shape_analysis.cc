#include "core/graph/shape_analysis.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/error.h"
#include "core/base/intern.h"
#include "core/graph/analysis_reader.h"
#include "core/graph/traversal.h"
#include "core/tensor/tensor.h"

namespace bitale {

bool may_be_host_integers(const TensorType& type) {
  if (!is_discrete(type.dtype)) return false;
  if (type.rank() == 0) return true;
  return type.rank() == 1 && type.dims[0].is_fixed() && type.dims[0].length() <= kMostHostIntegers;
}

// Takes down what a shape rule states.
class AnalysisContext final : public AnalysisReader {
 public:
  using AnalysisReader::AnalysisReader;

  void set_dims(size_t output, IntExprs dims) override {
    const Variable variable = apply_.output(output);
    const TensorType& type = variable.type();
    if (static_cast<int64_t>(dims.size()) != type.rank()) {
      throw CompileError(absl::StrCat("the shape rule of ", apply_.op().str(), " gave ",
                                      dims.size(), " dims for an output of rank ", type.rank()));
    }
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const Dim& known = type.dims[axis];
      if (known.is_named()) {
        analysis_.named_outputs_.push_back({&known.name(), dims[axis], variable});
      }
      if (!known.is_fixed() ||
          (dims[axis].is_constant() && dims[axis].constant() == known.length()))
        continue;
      require_equal(dims[axis], known.length(), "a dim differs from its static length", "");
      dims[axis] = known.length();
    }
    // Dims that were stated beforehand (a program's concrete ones) stay.
    analysis_.dims_.try_emplace(variable, std::move(dims));
  }
  void set_value(size_t output, IntExprs elements) override {
    const Variable variable = apply_.output(output);
    if (may_be_host_integers(variable.type())) {
      analysis_.values_.try_emplace(variable, std::move(elements));
    }
  }
  void require_equal(IntExpr a, IntExpr b, const char* what, const char* hint) override {
    if (a.same_as(b)) return;
    analysis_.checks_.push_back({a, b, apply_.output(0), what, hint});
  }
  void require(IntExpr condition, const char* what, const char* hint) override {
    const IntExpr holds = min(max(condition, 0), 1);
    if (holds.same_as(1)) return;
    analysis_.checks_.push_back({holds, 1, apply_.output(0), what, hint, /*is_condition=*/true});
  }
};

std::string what_failed(std::string_view what, bool is_condition, int64_t left, int64_t right) {
  const std::string text(what);
  if (is_condition) return text;
  if (text.find("$left") == std::string::npos)
    return absl::StrCat(text, ": ", left, " and ", right);
  return absl::StrReplaceAll(text,
                             {{"$left", absl::StrCat(left)}, {"$right", absl::StrCat(right)}});
}

IntExpr ShapeAnalysis::new_symbol(IntSymbol::Kind kind, const Variable& variable, size_t index) {
  symbols_.push_back({kind, variable, index});
  return ints_.new_symbol();
}

void ShapeAnalysis::analyze_leaf(const Variable& leaf) {
  if (!analyzed_.insert(leaf).second) return;
  const TensorType& type = leaf.type();
  const auto stated = dims_.find(leaf);
  IntExprs dims;
  for (size_t axis = 0; axis < type.dims.size(); ++axis) {
    const Dim& dim = type.dims[axis];
    if (stated != dims_.end()) {
      // A name stands for what was stated beforehand (a program's concrete dims).
      if (dim.is_named()) named_.emplace(&dim.name(), stated->second[axis]);
    } else if (dim.is_fixed()) {
      dims.push_back(dim.length());
    } else if (dim.is_named()) {
      auto it = named_.find(&dim.name());
      if (it == named_.end()) {
        it = named_.emplace(&dim.name(), new_symbol(IntSymbol::Kind::kNamed, leaf, axis)).first;
      }
      dims.push_back(it->second);
    } else {
      dims.push_back(new_symbol(IntSymbol::Kind::kDim, leaf, axis));
    }
  }
  dims_.try_emplace(leaf, std::move(dims));
  if (!may_be_host_integers(type)) return;
  const size_t count = type.rank() == 0 ? 1 : static_cast<size_t>(type.dims[0].length());
  IntExprs values;
  const std::vector<int64_t> constants =
      leaf.is_constant() ? leaf.value().to_vector<int64_t>() : std::vector<int64_t>();
  for (size_t i = 0; i < count; ++i) {
    values.push_back(leaf.is_constant() ? IntExpr(constants[i])
                                        : new_symbol(IntSymbol::Kind::kValue, leaf, i));
  }
  values_.try_emplace(leaf, std::move(values));
}

void ShapeAnalysis::analyze(std::span<const Variable> outputs) {
  for (const Variable& output : outputs) {
    if (output.owner() == nullptr) analyze_leaf(output);
  }
  for (Apply* apply : topological_order(outputs)) {
    if (!analyzed_.insert(apply->output(0)).second) continue;
    for (const Variable& input : apply->inputs()) {
      if (input.owner() == nullptr) analyze_leaf(input);
    }
    AnalysisContext context(*this, *apply);
    apply->op().infer_shape(context);
    for (size_t i = 0; i < apply->output_count(); ++i) {
      if (!dims_.contains(apply->output(i))) {
        throw CompileError(absl::StrCat("the shape rule of ", apply->op().str(),
                                        " says nothing about output ", i));
      }
    }
  }
  check_named_outputs();
}

// The name may come from a leaf that is analysed later than the output, hence at the end.
void ShapeAnalysis::check_named_outputs() {
  for (const NamedOutput& named : named_outputs_) {
    const auto [it, first] = named_.emplace(named.name, named.length);
    if (first || it->second.same_as(named.length)) continue;
    const std::string what = absl::StrCat("dim ", *named.name, " has two lengths");
    checks_.push_back({named.length, it->second, named.output, intern(what)->c_str(),
                       "a name stands for one length within one function"});
  }
  named_outputs_.clear();
}

const IntExprs& ShapeAnalysis::dims(const Variable& variable) {
  const auto it = dims_.find(variable);
  if (it != dims_.end()) return it->second;
  analyze({&variable, 1});
  return dims_.at(variable);
}

const IntExprs* ShapeAnalysis::find_value(const Variable& variable) const {
  const auto it = values_.find(variable);
  return it == values_.end() ? nullptr : &it->second;
}

IntExpr ShapeAnalysis::value(const Variable& variable, size_t element) {
  const auto it = values_.find(variable);
  if (it != values_.end()) return it->second[element];
  if (!is_discrete(variable.dtype()) || variable.rank() > 1) {
    throw CompileError(absl::StrCat("a dim depends on the value of ", variable.str(), " of type ",
                                    variable.type().str(), ", which is no integer scalar or vector",
                                    "\n  made at: ", variable.site().str()));
  }
  const IntExprs& length = dims(variable);
  if (variable.rank() == 1 && !length[0].is_constant()) {
    throw CompileError(
        absl::StrCat("dims cannot come from the integer vector ", variable.str(),
                     ": its length is not fixed\n  made at: ", variable.site().str()));
  }
  const int64_t count = variable.rank() == 0 ? 1 : length[0].constant();
  IntExprs values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(new_symbol(IntSymbol::Kind::kOpaque, variable, static_cast<size_t>(i)));
  }
  return (values_[variable] = std::move(values))[element];
}

}  // namespace bitale
