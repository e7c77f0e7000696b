#include "core/graph/function_graph.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/graph/variable_node.h"

namespace bitale {
namespace {

[[noreturn]] void broken_invariant(std::string_view what) {
  throw CompileError(absl::StrCat("the graph breaks an invariant: ", std::string(what)));
}

constexpr std::string_view kCycle = "a node comes before its producer: there is a cycle";

// The body of a loop or a branch, and the bodies inside it.
void verify_inner_graph(const Op& op) {
  const std::span<const Variable> inputs = op.inner_inputs();
  absl::flat_hash_set<Variable> known(inputs.begin(), inputs.end());
  const auto check = [&](const Variable& variable) {
    if (variable.is_constant() || known.contains(variable)) return;
    if (variable.is_output()) broken_invariant(kCycle);
    broken_invariant(absl::StrCat("the graph inside ", op.str(), " needs ", variable.str(),
                                  ", which is not among its inputs"));
  };
  for (const Apply* apply : topological_order(op.inner_outputs())) {
    for (const Variable& input : apply->inputs()) check(input);
    for (size_t i = 0; i < apply->output_count(); ++i) known.insert(apply->output(i));
    verify_inner_graph(apply->op());
  }
  for (const Variable& output : op.inner_outputs()) check(output);
}

// Writes into the type of a node of ours what the replaced variable's type knew beyond it. A dim is
// never narrowed to 1 here: consumers decided on broadcasting when they were built.
void keep_knowledge(const Variable& from, const Variable& to) {
  if (!to.is_output()) return;
  SymbolicDims& dims = to.node()->type.dims;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const Dim known = meet(from.type().dims[axis], dims[axis]);
    if (!(known == Dim(1))) dims[axis] = known;
  }
}

void check_types(const Variable& from, const Variable& to, std::string_view reason) {
  bool fits = from.dtype() == to.dtype() && from.rank() == to.rank();
  for (int64_t axis = 0; fits && axis < from.rank(); ++axis) {
    const Dim& a = from.type().dims[axis];
    const Dim& b = to.type().dims[axis];
    // Two different names may turn out to be one length, so only fixed lengths can contradict.
    fits = !(a.is_fixed() && b.is_fixed() && a.length() != b.length());
  }
  if (fits) return;
  throw CompileError(absl::StrCat("rule ", std::string(reason), " replaced ", from.str(),
                                  " of type ", from.type().str(), " by type ", to.type().str(),
                                  "\n  at: ", from.site().str()));
}

// Searched from the back: a node is dropped soon after its last use was added.
void take_out(std::vector<Use>& uses, const Use& use) {
  const auto found = std::find(uses.rbegin(), uses.rend(), use);
  *found = uses.back();
  uses.pop_back();
}

void take_out(std::vector<Use>& uses, const std::vector<Use>& gone) {
  constexpr size_t kFew = 4;
  if (gone.size() <= kFew) {
    for (const Use& use : gone) take_out(uses, use);
    return;
  }
  absl::flat_hash_set<const Apply*> users;
  for (const Use& use : gone) users.insert(use.user);
  // Nodes made together lie together: most others are told apart by their address alone.
  const auto [first, last] =
      std::minmax_element(gone.begin(), gone.end(),
                          [](const Use& a, const Use& b) { return std::less<>()(a.user, b.user); });
  const Apply* const low = first->user;
  const Apply* const high = last->user;
  size_t i = uses.size();
  for (size_t left = gone.size(); left > 0; --left) {
    do {
      --i;
    } while (std::less<>()(uses[i].user, low) || std::less<>()(high, uses[i].user) ||
             !users.contains(uses[i].user));
    uses[i] = uses.back();
    uses.pop_back();
  }
}

}  // namespace

FunctionGraph::FunctionGraph(std::span<const Variable> outputs, Replacements replacements)
    : clones_(std::move(replacements)) {
  outputs_ = clone_graph_unchecked(outputs, clones_);
  for (const Variable& output : outputs_) output_types_.push_back(output.type());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    import(outputs_[i]);
    add_use(outputs_[i], {nullptr, i});
  }
}

std::span<const Use> FunctionGraph::uses(const Variable& variable) const {
  const auto it = uses_.find(variable.node());
  if (it == uses_.end()) return {};
  return it->second;
}

void FunctionGraph::import(const Variable& variable) {
  std::vector<Apply*> pending;
  auto enter = [&](const Variable& v) {
    if (v.owner() != nullptr && applies_.insert(v.owner()).second) pending.push_back(v.owner());
  };
  enter(variable);
  while (!pending.empty()) {
    Apply* apply = pending.back();
    pending.pop_back();
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      add_use(apply->input(i), {apply, i});
      enter(apply->input(i));
    }
    if (listener_) listener_(apply);
  }
}

void FunctionGraph::add_use(const Variable& variable, Use use) {
  uses_[variable.node()].push_back(use);
}

void FunctionGraph::remove_use(const Variable& variable, Use use, std::vector<Apply*>& maybe_dead) {
  const auto it = uses_.find(variable.node());
  std::vector<Use>& uses = it->second;
  take_out(uses, use);
  if (uses.empty()) {
    uses_.erase(it);
    if (variable.owner() != nullptr) maybe_dead.push_back(variable.owner());
  }
}

void FunctionGraph::replace(std::span<const Replacement> replacements, std::string_view reason) {
  std::vector<Apply*> maybe_dead;
  // Keeps dropped nodes whole until every replacement is done.
  Variables keep_alive;
  for (const auto& [from, to] : replacements) {
    if (!to.defined() || from == to) continue;
    check_types(from, to, reason);
    const auto it = uses_.find(from.node());
    // Nobody would hold on to nodes that take the place of what is not used.
    if (it == uses_.end()) continue;
    const std::vector<Use> uses = std::move(it->second);
    uses_.erase(it);
    if (observer_) observer_(from, to, reason);
    keep_alive.push_back(from);
    keep_knowledge(from, to);
    if (!from.name().empty() && to.is_output() && to.name().empty()) to.named(from.name());
    import(to);
    if (from.owner() != nullptr && to.owner() != nullptr && from.owner() != to.owner() &&
        from.site().source.known()) {
      Apply& kept = *to.owner();
      const auto is_that_of_from = [&](const Site& site) {
        return site.source.line == from.site().source.line &&
               std::string_view(site.source.file) == from.site().source.file;
      };
      constexpr size_t kMostMerged = 4;
      if (!is_that_of_from(kept.site_) && kept.merged_sites().size() < kMostMerged &&
          std::ranges::none_of(kept.merged_sites(), is_that_of_from)) {
        if (!kept.merged_sites_) kept.merged_sites_ = std::make_unique<std::vector<Site>>();
        kept.merged_sites_->push_back(from.site());
      }
    }
    for (const Use& use : uses) {
      // A replacement may itself be built on what it replaces (x -> specify_shape(x)).
      if (use.user != nullptr && use.user == to.owner()) {
        add_use(from, use);
        continue;
      }
      if (use.user == nullptr) {
        outputs_[use.index] = to;
      } else {
        use.user->inputs_[use.index] = to;
        if (listener_) listener_(use.user);
      }
      add_use(to, use);
    }
    if (from.owner() != nullptr && uses_.find(from.node()) == uses_.end()) {
      maybe_dead.push_back(from.owner());
    }
    if (to.owner() != nullptr && uses_.find(to.node()) == uses_.end()) {
      maybe_dead.push_back(to.owner());
    }
  }
  drop_dead(std::move(maybe_dead));
}

void FunctionGraph::drop_dead(std::vector<Apply*> maybe_dead) {
  // Looking for one use after the other would be quadratic in the uses of a variable that a whole
  // group of dropped nodes reads: those are taken out together at the end.
  constexpr size_t kFew = 8;
  absl::flat_hash_map<VariableNode*, std::vector<Use>> lost;
  std::vector<Variable> graveyard;  // nodes die together at the end, after the walk
  while (!maybe_dead.empty()) {
    Apply* apply = maybe_dead.back();
    maybe_dead.pop_back();
    if (!applies_.contains(apply)) continue;
    bool used = false;
    for (size_t i = 0; i < apply->output_count() && !used; ++i) {
      used = uses_.contains(apply->output(i).node());
    }
    if (used) continue;
    graveyard.push_back(apply->output(0));
    applies_.erase(apply);
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      const Variable& input = apply->input(i);
      const auto it = uses_.find(input.node());
      if (it->second.size() <= kFew) {
        remove_use(input, {apply, i}, maybe_dead);
        continue;
      }
      std::vector<Use>& gone = lost[input.node()];
      gone.push_back({apply, i});
      if (gone.size() < it->second.size()) continue;
      lost.erase(input.node());
      uses_.erase(it);
      if (input.owner() != nullptr) maybe_dead.push_back(input.owner());
    }
  }
  for (const auto& [node, gone] : lost) take_out(uses_.find(node)->second, gone);
}

void FunctionGraph::verify() const {
  const std::vector<Apply*> order = topological_order();
  absl::flat_hash_set<Apply*> reachable;
  size_t operand_count = 0;
  for (Apply* apply : order) {
    if (!applies_.contains(apply)) broken_invariant("a reachable node is not registered");
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      const Variable& input = apply->input(i);
      if (input.owner() != nullptr && !reachable.contains(input.owner())) {
        broken_invariant(kCycle);
      }
      const auto known = uses(input);
      if (std::count(known.begin(), known.end(), Use{apply, i}) != 1) {
        broken_invariant(absl::StrCat("operand ", i, " of ", apply->op().str(),
                                      " is not among the uses of its variable"));
      }
      ++operand_count;
    }
    verify_inner_graph(apply->op());
    reachable.insert(apply);
  }
  if (reachable.size() != applies_.size()) broken_invariant("an unreachable node is registered");
  size_t use_count = 0;
  for (const auto& [node, uses] : uses_) use_count += uses.size();
  if (use_count != operand_count + outputs_.size()) {
    broken_invariant("a use is registered that no operand is");
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const auto known = uses(outputs_[i]);
    if (std::count(known.begin(), known.end(), Use{nullptr, i}) != 1) {
      broken_invariant(absl::StrCat("output ", i, " is not among the uses of ", outputs_[i].str()));
    }
    if (outputs_[i].dtype() != output_types_[i].dtype ||
        outputs_[i].rank() != output_types_[i].rank()) {
      broken_invariant(absl::StrCat("output ", i, " changed its type from ", output_types_[i].str(),
                                    " to ", outputs_[i].type().str()));
    }
  }
}

}  // namespace bitale
