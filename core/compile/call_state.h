// What one call of a function knows before its program runs.

#ifndef BITALE_CORE_COMPILE_CALL_STATE_H_
#define BITALE_CORE_COMPILE_CALL_STATE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/tensor/container.h"
#include "core/tensor/tensor.h"

namespace bitale {

// The value of one input in one call: the caller's tensor, one made for this call, or a number. All
// lie on the host.
class BoundInput {
 public:
  bool defined() const { return tensor_ != nullptr || is_number_; }
  // `tensor` outlives the call.
  void bind(const Tensor& tensor) { tensor_ = &tensor; }
  void own(Tensor tensor) { tensor_ = &owned_.emplace(std::move(tensor)); }
  // Room for an element of any dtype, which the caller fills.
  void* bind_number() {
    is_number_ = true;
    return number_.data();
  }
  void clear() {
    owned_.reset();
    tensor_ = nullptr;
    is_number_ = false;
  }

  const Dims& shape() const { return tensor_ != nullptr ? tensor_->shape() : scalar(); }
  const Dims& strides() const { return tensor_ != nullptr ? tensor_->strides() : scalar(); }
  bool is_contiguous() const { return tensor_ == nullptr || tensor_->is_contiguous(); }
  void* data() const { return tensor_ != nullptr ? tensor_->raw_data() : number_.data(); }

 private:
  static const Dims& scalar() {
    static const Dims none;
    return none;
  }

  const Tensor* tensor_ = nullptr;
  bool is_number_ = false;
  alignas(8) mutable std::array<std::byte, 8> number_ = {};  // programs only read arguments
  std::optional<Tensor> owned_;
};

struct CallState {
  std::span<const BoundInput> inputs;    // in the order of the function's inputs
  std::vector<SharedContainer*> shared;  // of its shared variables, locked
  std::vector<int64_t> symbols;          // of the shape program
  std::vector<int64_t> registers;        // of the key's expressions
  std::vector<int64_t> externals;        // integers that a program reads at run time
  std::vector<int64_t> key;              // which program serves this call
  std::chrono::nanoseconds compiling{};  // time that went into making that program
  // What `inputs` are, unless they are another call's.
  std::vector<BoundInput> bound;

  // Empties everything; memory stays for the next call.
  void clear() {
    inputs = {};
    shared.clear();
    symbols.clear();
    registers.clear();
    externals.clear();
    key.clear();
    compiling = {};
    for (BoundInput& input : bound) input.clear();
  }
};

// States of earlier calls, for reuse. Thread-safe.
class CallStates {
 public:
  class Returner {
   public:
    explicit Returner(CallStates* states = nullptr) : states_(states) {}
    void operator()(CallState* state) const {
      state->clear();
      states_->give_back(state);
    }

   private:
    CallStates* states_;
  };
  using Lease = std::unique_ptr<CallState, Returner>;

  Lease acquire() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!idle_.empty()) {
        CallState* state = idle_.back().release();
        idle_.pop_back();
        return Lease(state, Returner(this));
      }
    }
    return Lease(new CallState, Returner(this));
  }

 private:
  void give_back(CallState* state) {
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.emplace_back(state);
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<CallState>> idle_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_CALL_STATE_H_
