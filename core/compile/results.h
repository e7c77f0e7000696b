// What a compiled function returns.

#ifndef BITALE_CORE_COMPILE_RESULTS_H_
#define BITALE_CORE_COMPILE_RESULTS_H_

#include "absl/container/inlined_vector.h"
#include "core/base/error.h"
#include "core/base/site.h"
#include "core/tensor/tensor.h"

namespace bitale {

// The outputs of one call, in order. With a single output it reads like a Tensor:
// `float c = train(3).item<float>();`, `Tensor y = predict(x);`.
class Results {
 public:
  Results() = default;
  // `compiled_at`: where the function was made, for errors.
  explicit Results(SourceSite compiled_at) : compiled_at_(compiled_at) {}
  void push_back(Tensor tensor) { tensors_.push_back(std::move(tensor)); }

  size_t size() const { return tensors_.size(); }
  const Tensor& operator[](size_t i) const {
    if (i >= tensors_.size()) {
      throw ExecutionError("result " + std::to_string(i) + " of a function with " +
                           std::to_string(tensors_.size()) +
                           " outputs\n  compiled at: " + compiled_at_.str());
    }
    return tensors_[i];
  }
  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }

  // The only output. ExecutionError if there is not exactly one.
  const Tensor& only() const {
    if (tensors_.size() != 1) {
      throw ExecutionError("a function with " + std::to_string(tensors_.size()) +
                           " outputs was used as if it had one\n  compiled at: " +
                           compiled_at_.str() + "\n  hint: use results[i]");
    }
    return tensors_[0];
  }
  operator Tensor() const { return only(); }  // NOLINT: reads like the tensor it holds
  // The only element of the only output, cast to T; allocates nothing.
  template <typename T>
  requires kIsElementType<T> T item()
  const {
    T value;
    read_item(dtype_of<T>, &value);
    return value;
  }

 private:
  void read_item(DType dtype, void* to) const;

  absl::InlinedVector<Tensor, 4> tensors_;
  SourceSite compiled_at_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_RESULTS_H_
