// A value: elements of one dtype, a shape, strides, and storage on one device.
//
// Copying a Tensor copies the handle; both handles see the same elements. Views (transpose, slice,
// reshape of contiguous tensors, ...) share storage as numpy's do; `copy()` makes new storage.
// Strides are in elements and may be zero (broadcast) or negative (reversed).

#ifndef BITALE_CORE_TENSOR_TENSOR_H_
#define BITALE_CORE_TENSOR_TENSOR_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/tensor/storage.h"

namespace bitale {

class Tensor {
 public:
  // No value: defined() is false, and what asks for elements or a device throws TypeError.
  Tensor() = default;
  // A view of `storage`, its first element `offset` elements from the start.
  Tensor(std::shared_ptr<Storage> storage, DType dtype, Dims shape, Dims strides, int64_t offset);
  // A 0-d tensor on the CPU; the dtype is the C++ type's.
  template <typename T>
  requires kIsElementType<T> Tensor(T value)
      : Tensor(empty(dtype_of<T>, {})) {  // NOLINT: a number reads as a 0-d tensor
    *data<T>() = value;
  }

  // --- Creation. Shapes must not be negative (ShapeError). -------------------------------------

  static Tensor empty(DType dtype, Dims shape, Device device = kCpu);
  static Tensor zeros(DType dtype, Dims shape);
  static Tensor ones(DType dtype, Dims shape);
  // `value` is cast to `dtype`.
  static Tensor full(DType dtype, Dims shape, double value);
  // 0, 1, ..., count-1.
  static Tensor arange(DType dtype, int64_t count);
  // Elements in row-major order. ShapeError unless their count fits `shape`.
  template <typename T>
  static Tensor from(std::span<const T> values, Dims shape);
  template <typename T>
  static Tensor from(const std::vector<T>& values, Dims shape) {
    return from(std::span<const T>(values), std::move(shape));
  }
  // A vector: Tensor::of<float>({1, 2, 3}).
  template <typename T>
  static Tensor of(std::initializer_list<T> values) {
    return from(std::span<const T>(values.begin(), values.size()),
                {static_cast<int64_t>(values.size())});
  }
  // A matrix: Tensor::of<float>({{1, 2}, {3, 4}}). ShapeError for ragged rows.
  template <typename T>
  static Tensor of(std::initializer_list<std::initializer_list<T>> rows);

  // --- What it is ------------------------------------------------------------------------------

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Dims& shape() const { return shape_; }
  // In elements.
  const Dims& strides() const { return strides_; }
  int64_t offset() const { return offset_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  // Negative axes count from the end. ShapeError if out of range.
  int64_t dim(int64_t axis) const;
  // Number of elements.
  int64_t size() const { return element_count(shape_); }
  size_t bytes() const { return static_cast<size_t>(size()) * size_of(dtype_); }
  // TypeError without a value.
  Device device() const {
    if (!defined()) refuse_undefined();
    return storage_->device();
  }
  // Row-major without gaps (strides of axes of length 1 do not matter, nor any of an empty tensor).
  bool is_contiguous() const;
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  // --- Elements --------------------------------------------------------------------------------

  // The first element, untyped.
  void* raw_data() const {
    return storage_->data() + offset_ * static_cast<int64_t>(size_of(dtype_));
  }
  // The first element. TypeError unless T is the dtype's C++ type; DeviceError off the CPU.
  template <typename T>
  T* data() const {
    check_access(dtype_of<T>);
    return static_cast<T*>(raw_data());
  }
  // The only element, cast to T. ShapeError unless size() is 1.
  template <typename T>
  T item() const;
  // One element; as many indices as axes, negative ones from the end. ShapeError if out of range,
  // TypeError unless T is the dtype's C++ type.
  template <typename T>
  T& at(std::initializer_list<int64_t> index) const {
    check_access(dtype_of<T>);
    return static_cast<T*>(raw_data())[element_offset(index)];
  }
  // All elements in row-major order, cast to T.
  template <typename T>
  std::vector<T> to_vector() const;

  // --- Views -----------------------------------------------------------------------------------

  // Same elements in row-major order under another shape; one dim may be -1. A view when the
  // strides allow it, else a copy. ShapeError if the counts differ.
  Tensor reshape(Dims shape) const;
  // Axis i of the result is axis order[i] of this one.
  Tensor transpose(const Dims& order) const;
  // All axes reversed.
  Tensor transpose() const;
  // numpy's x[start:stop:step] on one axis; unset bounds run to the end. step may be negative, not
  // 0.
  Tensor slice(int64_t axis, std::optional<int64_t> start, std::optional<int64_t> stop,
               int64_t step = 1) const;
  // numpy's x[index] on one axis, which goes away. ShapeError if out of range.
  Tensor select(int64_t axis, int64_t index) const;
  // A view with stride 0 where this one has length 1 or lacks the axis. ShapeError if impossible.
  Tensor broadcast_to(const Dims& shape) const;

  // --- Copies ----------------------------------------------------------------------------------

  // New contiguous storage on the same device.
  Tensor copy() const;
  // This tensor if contiguous, else a copy.
  Tensor contiguous() const;
  // Elements cast as C++ casts them (float to integer truncates; NaN and out-of-range values to
  // integers give unspecified elements; to bool: != 0). Always new storage.
  Tensor cast(DType dtype) const;
  // This tensor if it is there already, else a contiguous copy on `device`.
  Tensor to(Device device) const;
  // Writes the elements of `from` (same shape and dtype, any strides, CPU) into this one.
  void assign(const Tensor& from) const;

  // numpy's repr: "array([[1., 2.],\n       [3., 4.]], dtype=float32)".
  std::string str() const;

 private:
  [[noreturn]] static void refuse_undefined();
  void check_access(DType requested) const;
  int64_t element_offset(std::initializer_list<int64_t> index) const;

  std::shared_ptr<Storage> storage_;
  DType dtype_ = DType::kFloat32;
  Dims shape_;
  Dims strides_;
  int64_t offset_ = 0;
};

// Same dtype, shape and elements; NaN equals NaN, and 0.0 differs from -0.0.
bool same_bits(const Tensor& a, const Tensor& b);

// numpy's allclose with the same shape: |a - b| <= atol + rtol * |b|, in float64.
bool all_close(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8,
               bool equal_nan = false);

// Copies elements between strided CPU blocks of one shape, casting between dtypes.
void copy_strided(const Dims& shape, DType to_dtype, void* to, const Dims& to_strides,
                  DType from_dtype, const void* from, const Dims& from_strides);

// ShapeError unless `shape` holds exactly `values` elements.
[[noreturn]] void refuse_item(const Dims& shape);
void check_value_count(const Dims& shape, size_t values);

// --- Implementation of templates ----------------------------------------------------------------

template <typename T>
Tensor Tensor::from(std::span<const T> values, Dims shape) {
  check_value_count(shape, values.size());
  Tensor tensor = empty(dtype_of<T>, std::move(shape));
  std::copy(values.begin(), values.end(), static_cast<T*>(tensor.raw_data()));
  return tensor;
}

// std::vector<bool> has no elements to take the address of.
template <>
inline Tensor Tensor::from(const std::vector<bool>& values, Dims shape) {
  check_value_count(shape, values.size());
  Tensor tensor = empty(DType::kBool, std::move(shape));
  std::copy(values.begin(), values.end(), static_cast<bool*>(tensor.raw_data()));
  return tensor;
}

template <typename T>
Tensor Tensor::of(std::initializer_list<std::initializer_list<T>> rows) {
  const size_t columns = rows.size() == 0 ? 0 : rows.begin()->size();
  Tensor tensor =
      empty(dtype_of<T>, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns)});
  T* out = static_cast<T*>(tensor.raw_data());
  for (const auto& row : rows) {
    check_value_count({static_cast<int64_t>(columns)}, row.size());
    out = std::copy(row.begin(), row.end(), out);
  }
  return tensor;
}

template <typename T>
T Tensor::item() const {
  if (size() != 1) refuse_item(shape_);
  const Tensor here = cast(dtype_of<T>).to(kCpu);
  return *here.data<T>();
}

template <typename T>
std::vector<T> Tensor::to_vector() const {
  const Tensor here = cast(dtype_of<T>);
  const T* first = static_cast<const T*>(here.raw_data());
  return std::vector<T>(first, first + here.size());
}

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_TENSOR_H_
