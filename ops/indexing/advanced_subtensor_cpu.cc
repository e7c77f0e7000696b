#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/element_access_cpu.h"

namespace bitale {
namespace {

// Bytes of a block that are worth another thread.
constexpr int64_t kBytesPerBlock = int64_t{1} << 18;

// The indexed tensor as (outer, places, inner), the arrays as `entries` numbers each that name a
// place together. Places are resolved, and refused, before anything is read or written.
class IndexedPlaces {
 public:
  IndexedPlaces(const KernelCall& call, int64_t axis, size_t first) : first_(first), axis_(axis) {
    const Dims& shape = call.inputs[0].shape;
    const size_t arrays = call.inputs.size() - first;
    const auto begin = static_cast<size_t>(axis);
    for (size_t i = 0; i < shape.size(); ++i) {
      (i < begin ? outer_ : i < begin + arrays ? places_ : inner_) *= shape[i];
    }
    for (size_t i = 0; i < arrays; ++i) {
      lengths_.push_back(shape[begin + i]);
      readers_.push_back(index_reader(call.inputs[first + i].dtype));
    }
    entries_ = call.inputs[first].size();
  }

  int64_t outer() const { return outer_; }
  int64_t places() const { return places_; }
  int64_t inner() const { return inner_; }
  int64_t entries() const { return entries_; }
  size_t workspace_bytes() const { return static_cast<size_t>(entries_) * sizeof(int64_t); }

  // The place of each entry, in the workspace. ExecutionError for an index out of range.
  const int64_t* resolve(const KernelFrame& frame) const {
    auto* places = static_cast<int64_t*>(frame.workspace);
    for (int64_t entry = 0; entry < entries_; ++entry) {
      int64_t place = 0;
      for (size_t i = 0; i < lengths_.size(); ++i) {
        const int64_t length = lengths_[i];
        const int64_t index = readers_[i](frame.inputs[first_ + i], entry);
        if (index >= length || index < -length) refuse(index, i);
        place = place * length + (index < 0 ? index + length : index);
      }
      places[entry] = place;
    }
    return places;
  }

 private:
  [[noreturn]] void refuse(int64_t index, size_t array) const {
    throw KernelFailure(
        absl::StrCat("index ", index, " is out of range for axis ",
                     axis_ + static_cast<int64_t>(array), " of length ", lengths_[array]),
        "valid indices run from -length to length - 1");
  }

  size_t first_;
  int64_t axis_;
  int64_t outer_ = 1;
  int64_t places_ = 1;
  int64_t inner_ = 1;
  int64_t entries_ = 0;
  std::vector<int64_t> lengths_;
  std::vector<IndexReader> readers_;
};

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(const KernelCall& call)
      : places_(call, call.op_as<AdvancedSubtensorOp>().axis(), 1),
        run_bytes_(places_.inner() * static_cast<int64_t>(size_of(call.outputs[0].dtype))) {
    const int64_t per_entry = run_bytes_ == 0 ? 1 : run_bytes_;
    entries_per_block_ = (kBytesPerBlock + per_entry - 1) / per_entry;
  }

  void run(const KernelFrame& frame) const override {
    const int64_t* places = places_.resolve(frame);
    if (run_bytes_ == 0) return;
    const int64_t entries = places_.entries();
    parallel_ranges(places_.outer() * entries, entries_per_block_, [&](int64_t begin, int64_t end) {
      const char* in = frame.input<char>(0);
      char* out = frame.output<char>(0);
      const int64_t outer_bytes = places_.places() * run_bytes_;
      int64_t outer = begin / entries;
      int64_t entry = begin % entries;
      for (int64_t i = begin; i < end; ++i) {
        copy_run(out + i * run_bytes_, in + outer * outer_bytes + places[entry] * run_bytes_);
        if (++entry == entries) {
          entry = 0;
          ++outer;
        }
      }
    });
  }

  size_t workspace_bytes() const override { return places_.workspace_bytes(); }
  bool can_raise() const override { return true; }

 private:
  void copy_run(char* to, const char* from) const {
    // Single elements are the common case: p[arange(n), y].
    switch (run_bytes_) {
      case 4:
        std::memcpy(to, from, 4);
        return;
      case 8:
        std::memcpy(to, from, 8);
        return;
      default:
        std::memcpy(to, from, static_cast<size_t>(run_bytes_));
    }
  }

  IndexedPlaces places_;
  int64_t run_bytes_;
  int64_t entries_per_block_ = 1;
};

// Entries are written one after the other, so that the last set wins and sums have one order; the
// axes before the indexed ones do not meet and may run at once.
template <typename T, bool kIncrement>
class ScatterKernel final : public Kernel {
 public:
  explicit ScatterKernel(const KernelCall& call)
      : places_(call, call.op_as<WriteAdvancedSubtensorOp>().axis(), 2),
        bytes_(static_cast<size_t>(call.outputs[0].size()) * sizeof(T)) {
    const int64_t per_outer = places_.entries() * places_.inner() * int64_t{sizeof(T)};
    outer_per_block_ = per_outer == 0 ? 1 : (kBytesPerBlock + per_outer - 1) / per_outer;
  }

  void run(const KernelFrame& frame) const override {
    const int64_t* places = places_.resolve(frame);
    if (frame.outputs[0] != frame.inputs[0] && bytes_ > 0) {
      std::memcpy(frame.outputs[0], frame.inputs[0], bytes_);
    }
    parallel_ranges(places_.outer(), outer_per_block_, [&](int64_t begin, int64_t end) {
      const int64_t inner = places_.inner();
      for (int64_t outer = begin; outer < end; ++outer) {
        T* out = frame.output<T>(0) + outer * places_.places() * inner;
        const T* value = frame.input<T>(1) + outer * places_.entries() * inner;
        for (int64_t entry = 0; entry < places_.entries(); ++entry, value += inner) {
          T* to = out + places[entry] * inner;
          for (int64_t i = 0; i < inner; ++i) {
            to[i] = kIncrement ? add_elements(to[i], value[i]) : value[i];
          }
        }
      }
    });
  }

  size_t workspace_bytes() const override { return places_.workspace_bytes(); }
  bool can_raise() const override { return true; }
  bool may_overwrite(size_t, size_t input) const override { return input == 0; }

 private:
  IndexedPlaces places_;
  size_t bytes_;
  int64_t outer_per_block_ = 1;
};

std::unique_ptr<const Kernel> make_gather(KernelMaker& maker) {
  return std::make_unique<GatherKernel>(maker.call());
}

// Setting moves bits: one type per element size does.
std::unique_ptr<const Kernel> make_set(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  switch (size_of(call.outputs[0].dtype)) {
    case 1:
      return std::make_unique<ScatterKernel<uint8_t, false>>(call);
    case 2:
      return std::make_unique<ScatterKernel<uint16_t, false>>(call);
    case 4:
      return std::make_unique<ScatterKernel<uint32_t, false>>(call);
    default:
      return std::make_unique<ScatterKernel<uint64_t, false>>(call);
  }
}

std::unique_ptr<const Kernel> make_inc(KernelMaker& maker) {
  return visit_dtype(maker.call().outputs[0].dtype, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return std::make_unique<ScatterKernel<T, true>>(maker.call());
  });
}

const KernelRegistrar gather_runs({.op = "advanced_subtensor",
                                   .name = "gather_runs",
                                   .make = make_gather});
const KernelRegistrar scatter_set({.op = "advanced_set_subtensor",
                                   .name = "scatter_set",
                                   .make = make_set});
const KernelRegistrar scatter_add({.op = "advanced_inc_subtensor",
                                   .name = "scatter_add",
                                   .make = make_inc});

}  // namespace
}  // namespace bitale
