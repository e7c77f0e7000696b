#include "core/compile/rematerialize.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/site.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

// What extends the life of an operand may save no less than this many times its bytes.
constexpr int64_t kLeastGain = 4;

class Lives {
 public:
  Lives(const FunctionGraph& graph, ShapeAnalysis& analysis, const std::vector<Apply*>& order)
      : graph_(graph), analysis_(analysis), order_(order) {
    for (size_t i = 0; i < order.size(); ++i) position_[order[i]] = static_cast<int32_t>(i);
    // Users come after producers, so that it is known who reads a view when its source asks.
    for (size_t i = order.size(); i-- > 0;) {
      for (size_t o = 0; o < order[i]->output_count(); ++o) find_reads(order[i]->output(o));
    }
  }

  // From the first to the last position at which somebody reads a variable or a view of it.
  struct Span {
    int32_t first;
    int32_t last;
  };

  int32_t begin(const Variable& variable) const { return position_.at(variable.owner()); }
  int32_t end(const Variable& variable) const { return reads_.at(variable.node()).last; }
  bool knows(const Apply* apply) const { return position_.contains(apply); }
  // When `use`, of an application that is known, reads.
  Span reads(const Use& use) const {
    const int32_t at = position_.at(use.user);
    if (!use.user->op().traits().view || use.index != 0) return {at, at};
    return reads_.at(use.user->output(0).node());
  }

  int64_t bytes(const Variable& variable) const {
    auto bytes = static_cast<int64_t>(size_of(variable.dtype()));
    for (const IntExpr& dim : analysis_.dims(variable)) {
      bytes *= dim.is_constant() ? dim.constant() : 1;
    }
    return bytes;
  }

  // The first position at which most bytes are in use.
  int32_t peak() const {
    std::vector<int64_t> change(order_.size() + 1);
    for (const Apply* apply : order_) {
      if (apply->op().traits().view) continue;  // lies in its source
      for (size_t o = 0; o < apply->output_count(); ++o) {
        const Variable output = apply->output(o);
        change[begin(output)] += bytes(output);
        change[end(output) + 1] -= bytes(output);
      }
    }
    int64_t in_use = 0, most = -1;
    int32_t at = 0;
    for (size_t i = 0; i < order_.size(); ++i) {
      in_use += change[i];
      if (in_use > most) {
        most = in_use;
        at = static_cast<int32_t>(i);
      }
    }
    return at;
  }

 private:
  void find_reads(const Variable& variable) {
    const int32_t made = position_.at(variable.owner());
    const auto last_of_all = static_cast<int32_t>(order_.size()) - 1;
    Span span{last_of_all, made};
    for (const Use& use : graph_.uses(variable)) {
      if (use.user == nullptr) {
        span.last = last_of_all;
      } else if (position_.contains(use.user)) {  // else nobody asks for the user
        const Span at = reads(use);
        span = {std::min(span.first, at.first), std::max(span.last, at.last)};
      }
    }
    reads_[variable.node()] = span;
  }

  const FunctionGraph& graph_;
  ShapeAnalysis& analysis_;
  const std::vector<Apply*>& order_;
  absl::flat_hash_map<const Apply*, int32_t> position_;
  absl::flat_hash_map<const VariableNode*, Span> reads_;
};

bool is_cheap(const Apply& apply) {
  const Traits traits = apply.op().traits();
  return traits.elementwise && !traits.can_raise && !traits.never_merge && !traits.view &&
         apply.output_count() == 1;
}

struct Candidate {
  Variable value;
  std::vector<Apply*> readers;  // after the peak
  int64_t gain = 0;             // bytes at the peak
};

// The readers of `value` after `peak`, views of it among them; none where it is needed at the peak.
std::vector<Apply*> late_readers(const FunctionGraph& graph, const Lives& lives,
                                 const Variable& value, int32_t peak) {
  std::vector<Apply*> readers;
  for (const Use& use : graph.uses(value)) {
    if (use.user == nullptr) return {};
    if (!lives.knows(use.user)) continue;
    const Lives::Span at = lives.reads(use);
    if (at.last < peak) continue;
    if (at.first <= peak) return {};
    if (std::ranges::find(readers, use.user) == readers.end()) readers.push_back(use.user);
  }
  return readers;
}

std::vector<Candidate> candidates_at(const FunctionGraph& graph, const Lives& lives,
                                     const std::vector<Apply*>& order, int32_t peak) {
  std::vector<Candidate> candidates;
  for (int32_t i = 0; i < peak; ++i) {
    if (!is_cheap(*order[i])) continue;
    Candidate candidate{order[i]->output(0), {}, 0};
    candidate.readers = late_readers(graph, lives, candidate.value, peak);
    if (candidate.readers.empty()) continue;
    const int64_t bytes = lives.bytes(candidate.value);
    candidate.gain = bytes;
    for (const Variable& operand : order[i]->inputs()) {
      if (operand.owner() != nullptr && lives.end(operand) <= peak) {
        candidate.gain -= lives.bytes(operand);
      }
    }
    if (candidate.gain * kLeastGain >= bytes * (kLeastGain - 1)) {
      candidates.push_back(std::move(candidate));
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.gain > b.gain; });
  return candidates;
}

void compute_again(FunctionGraph& graph, const Candidate& candidate) {
  const Apply& apply = *candidate.value.owner();
  const Variable again = reapply(apply, apply.inputs())[0];
  for (Apply* reader : candidate.readers) {
    Variables inputs(reader->inputs().begin(), reader->inputs().end());
    std::ranges::replace(inputs, candidate.value, again);
    const Variables outputs = reapply(*reader, inputs);
    std::vector<FunctionGraph::Replacement> pairs;
    for (size_t o = 0; o < outputs.size(); ++o) pairs.push_back({reader->output(o), outputs[o]});
    graph.replace(pairs, "rematerialize");
  }
}

}  // namespace

bool rematerialize(FunctionGraph& graph, ShapeAnalysis& analysis, const std::vector<Apply*>& order,
                   int64_t excess) {
  const Lives lives(graph, analysis, order);
  const std::vector<Candidate> candidates = candidates_at(graph, lives, order, lives.peak());
  // One that reads another's value, or is read together with it, waits for the next time.
  std::vector<const Apply*> touched;
  const auto is_touched = [&](const Apply* apply) {
    return std::ranges::find(touched, apply) != touched.end();
  };
  bool changed = false;
  for (const Candidate& candidate : candidates) {
    if (excess <= 0) break;
    if (is_touched(candidate.value.owner()) || std::ranges::any_of(candidate.readers, is_touched)) {
      continue;
    }
    touched.push_back(candidate.value.owner());
    touched.insert(touched.end(), candidate.readers.begin(), candidate.readers.end());
    for (const Variable& operand : candidate.value.owner()->inputs()) {
      if (operand.owner() != nullptr) touched.push_back(operand.owner());
    }
    compute_again(graph, candidate);
    excess -= candidate.gain;
    changed = true;
  }
  if (changed) analysis.analyze(graph.outputs());
  return changed;
}

}  // namespace bitale
