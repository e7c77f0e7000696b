// The value of a shared variable: one authoritative copy, and conversions to other devices and
// layouts cached by version.
//
// Who reads holds a shared lock on mutex(), who writes an exclusive one; `function` takes them for
// a whole call, get_value and set_value for themselves. Users see the strided host form only.

#ifndef BITALE_CORE_TENSOR_CONTAINER_H_
#define BITALE_CORE_TENSOR_CONTAINER_H_

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "core/tensor/layout.h"

namespace bitale {

class SharedContainer {
 public:
  // Starts with `value`, taken over as it is if contiguous, else copied: the caller copies where
  // nobody else may see writes.
  explicit SharedContainer(Tensor value);

  SharedContainer(const SharedContainer&) = delete;
  SharedContainer& operator=(const SharedContainer&) = delete;

  // Locks are taken in the order of ids, so that calls cannot block each other in a circle.
  uint64_t id() const { return id_; }
  std::shared_mutex& mutex() const { return mutex_; }

  DType dtype() const { return dtype_; }
  // --- The caller holds mutex() for the calls below, exclusively for those that write. ---

  const Dims& shape() const { return shape_; }
  // Grows with every write.
  uint64_t version() const { return version_; }
  // Grows whenever an address that address() gave becomes invalid.
  uint64_t generation() const { return generation_; }

  // The value in this form, converted if its cached copy is older than the authoritative one.
  // A packed form is a vector. Reading may convert: the cache has a lock of its own.
  Tensor read(Device device = kCpu, Layout layout = {});
  // The copy in this form, current, for writing in place. Call wrote() afterwards.
  Tensor begin_write(Device device = kCpu, Layout layout = {});
  // Makes the copy in this form the authoritative one.
  void wrote(Device device = kCpu, Layout layout = {});
  // Replaces the value, also by one of another shape: copies the elements, into the memory that is
  // there if the shape is the same.
  void assign(const Tensor& value);
  // Replaces the value by `value` itself: its memory becomes the container's. A strided one is
  // copied first.
  void adopt(const Tensor& value);

  // How many conversions between forms have happened: profiles and tests read it.
  uint64_t conversion_count() const { return conversions_; }

 private:
  struct Form {
    Device device;
    Layout layout;
    uint64_t version;
    Tensor tensor;
  };
  Form& find_form(Device device, Layout layout);
  void bring_up_to_date(Form& form);

  const uint64_t id_;
  mutable std::shared_mutex mutex_;
  std::mutex cache_mutex_;
  DType dtype_;
  Dims shape_;
  uint64_t version_ = 1;
  uint64_t generation_ = 1;
  uint64_t conversions_ = 0;
  std::vector<Form> forms_;
};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_CONTAINER_H_
