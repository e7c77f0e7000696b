#include "core/tensor/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/tensor/device_memory.h"
#include "core/tensor/strided_copy.h"

namespace bitale {
namespace {

int64_t normalize_axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) {
    throw ShapeError("axis " + std::to_string(axis) + " is out of range for a tensor of rank " +
                     std::to_string(rank));
  }
  return axis < 0 ? axis + rank : axis;
}

// Strides that show the same elements under `shape`, if there are any.
std::optional<Dims> reshape_strides(const Tensor& tensor, const Dims& shape) {
  if (tensor.is_contiguous()) return contiguous_strides(shape);
  // Walk both shapes, matching groups of axes with equal element counts; inside a group the old
  // strides must nest like a contiguous block.
  Dims old_shape, old_strides;
  for (size_t axis = 0; axis < tensor.shape().size(); ++axis) {
    if (tensor.shape()[axis] == 1) continue;
    old_shape.push_back(tensor.shape()[axis]);
    old_strides.push_back(tensor.strides()[axis]);
  }
  Dims strides(shape.size(), 1);
  size_t old_begin = 0;
  size_t new_begin = 0;
  while (old_begin < old_shape.size() && new_begin < shape.size()) {
    size_t old_end = old_begin + 1;
    size_t new_end = new_begin + 1;
    int64_t old_count = old_shape[old_begin];
    int64_t new_count = shape[new_begin];
    while (old_count != new_count) {
      if (old_count < new_count) {
        old_count *= old_shape[old_end++];
      } else {
        new_count *= shape[new_end++];
      }
    }
    for (size_t axis = old_begin; axis + 1 < old_end; ++axis) {
      if (old_strides[axis] != old_shape[axis + 1] * old_strides[axis + 1]) return std::nullopt;
    }
    int64_t stride = old_strides[old_end - 1];
    for (size_t axis = new_end; axis-- > new_begin;) {
      strides[axis] = stride;
      stride *= shape[axis];
    }
    old_begin = old_end;
    new_begin = new_end;
  }
  return strides;
}

template <typename To, typename From>
To convert_element(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
    return convert_element<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // C++ leaves out-of-range casts undefined; going through int64 with a guard keeps them defined.
    if (!(value >= From(-9223372036854775808.0) && value < From(9223372036854775808.0))) {
      if (std::is_same_v<To, uint64_t> && value >= 0 && value < From(18446744073709551616.0)) {
        return static_cast<To>(value);
      }
      return static_cast<To>(std::numeric_limits<int64_t>::min());
    }
    return static_cast<To>(static_cast<int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

// Calls `visit(to_offset, from_offset, count, to_stride, from_stride)` for each innermost row.
template <typename Visit>
void for_each_row(const Dims& shape, const Dims& to_strides, const Dims& from_strides,
                  Visit&& visit) {
  if (element_count(shape) == 0) return;
  const size_t rank = shape.size();
  if (rank == 0) {
    visit(int64_t{0}, int64_t{0}, int64_t{1}, int64_t{1}, int64_t{1});
    return;
  }
  Dims index(rank, 0);
  int64_t to = 0;
  int64_t from = 0;
  while (true) {
    visit(to, from, shape[rank - 1], to_strides[rank - 1], from_strides[rank - 1]);
    size_t axis = rank - 1;
    while (true) {
      if (axis == 0) return;
      --axis;
      to += to_strides[axis];
      from += from_strides[axis];
      if (++index[axis] < shape[axis]) break;
      to -= shape[axis] * to_strides[axis];
      from -= shape[axis] * from_strides[axis];
      index[axis] = 0;
    }
  }
}

void refuse_negative_lengths(const Dims& shape) {
  for (const int64_t length : shape) {
    if (length < 0) throw ShapeError("a shape cannot have a negative length: " + to_string(shape));
  }
}

}  // namespace

Tensor::Tensor(std::shared_ptr<Storage> storage, DType dtype, Dims shape, Dims strides,
               int64_t offset)
    : storage_(std::move(storage)),
      dtype_(dtype),
      shape_(std::move(shape)),
      strides_(std::move(strides)),
      offset_(offset) {}

void Tensor::refuse_undefined() { throw TypeError("a Tensor without a value was used"); }

Tensor Tensor::empty(DType dtype, Dims shape, Device device) {
  refuse_negative_lengths(shape);
  if (!is_representable(shape)) {
    throw OutOfMemoryError("a tensor of shape " + to_string(shape) + " is too large");
  }
  const int64_t count = element_count(shape);
  Dims strides = contiguous_strides(shape);
  auto storage = Storage::allocate(device, static_cast<size_t>(count) * size_of(dtype));
  return Tensor(std::move(storage), dtype, std::move(shape), std::move(strides), 0);
}

Tensor Tensor::zeros(DType dtype, Dims shape) {
  Tensor tensor = empty(dtype, std::move(shape));
  if (tensor.bytes() > 0) std::memset(tensor.raw_data(), 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::ones(DType dtype, Dims shape) { return full(dtype, std::move(shape), 1.0); }

Tensor Tensor::full(DType dtype, Dims shape, double value) {
  const Tensor element(value);
  Tensor tensor = empty(dtype, std::move(shape));
  copy_strided(tensor.shape(), dtype, tensor.raw_data(), tensor.strides(), DType::kFloat64,
               element.raw_data(), Dims(tensor.shape().size(), 0));
  return tensor;
}

Tensor Tensor::arange(DType dtype, int64_t count) {
  Tensor values = empty(DType::kInt64, {count});
  int64_t* out = values.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) out[i] = i;
  return dtype == DType::kInt64 ? values : values.cast(dtype);
}

int64_t Tensor::dim(int64_t axis) const { return shape_[normalize_axis(axis, rank())]; }

bool Tensor::is_contiguous() const {
  int64_t expected = 1;
  bool nested = true;
  for (size_t axis = shape_.size(); axis-- > 0;) {
    if (shape_[axis] == 0) return true;
    if (shape_[axis] != 1 && strides_[axis] != expected) nested = false;
    expected *= shape_[axis];
  }
  return nested;
}

void Tensor::check_access(DType requested) const {
  if (!defined()) throw TypeError("access to the elements of a Tensor without a value");
  if (requested != dtype_) {
    throw TypeError("a " + std::string(name_of(dtype_)) + " tensor was read as " +
                    std::string(name_of(requested)));
  }
  if (!device().is_cpu()) {
    throw DeviceError("elements on " + device().str() + " cannot be read in place" +
                      "\n  hint: tensor.to(kCpu) copies them to the host");
  }
}

int64_t Tensor::element_offset(std::initializer_list<int64_t> index) const {
  if (static_cast<int64_t>(index.size()) != rank()) {
    throw ShapeError(std::to_string(index.size()) + " indices for a tensor of shape " +
                     to_string(shape_));
  }
  int64_t offset = 0;
  size_t axis = 0;
  for (int64_t i : index) {
    if (i < -shape_[axis] || i >= shape_[axis]) {
      throw ShapeError("index " + std::to_string(i) + " is out of range for axis " +
                       std::to_string(axis) + " of shape " + to_string(shape_));
    }
    offset += (i < 0 ? i + shape_[axis] : i) * strides_[axis];
    ++axis;
  }
  return offset;
}

Tensor Tensor::reshape(Dims shape) const {
  int64_t known = 1;
  int64_t inferred = -1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == -1 && inferred < 0) {
      inferred = static_cast<int64_t>(axis);
    } else {
      known *= shape[axis];
    }
  }
  Dims result = shape;
  if (inferred >= 0 && known > 0 && size() % known == 0) result[inferred] = size() / known;
  if (element_count(result) != size() ||
      std::any_of(result.begin(), result.end(), [](int64_t d) { return d < 0; })) {
    throw ShapeError("cannot reshape a tensor of shape " + to_string(shape_) + " into " +
                     to_string(shape));
  }
  if (auto strides = reshape_strides(*this, result)) {
    return Tensor(storage_, dtype_, std::move(result), std::move(*strides), offset_);
  }
  return copy().reshape(std::move(result));
}

Tensor Tensor::transpose(const Dims& order) const {
  if (order.size() != shape_.size()) {
    throw ShapeError("transpose of shape " + to_string(shape_) + " with order " + to_string(order));
  }
  Tensor result = *this;
  std::vector<bool> seen(order.size(), false);
  for (size_t axis = 0; axis < order.size(); ++axis) {
    const int64_t from = normalize_axis(order[axis], rank());
    if (seen[from]) throw ShapeError("transpose order repeats an axis: " + to_string(order));
    seen[from] = true;
    result.shape_[axis] = shape_[from];
    result.strides_[axis] = strides_[from];
  }
  return result;
}

Tensor Tensor::transpose() const {
  Tensor result = *this;
  std::reverse(result.shape_.begin(), result.shape_.end());
  std::reverse(result.strides_.begin(), result.strides_.end());
  return result;
}

Tensor Tensor::slice(int64_t axis, std::optional<int64_t> start, std::optional<int64_t> stop,
                     int64_t step) const {
  axis = normalize_axis(axis, rank());
  if (step == 0) throw ShapeError("a slice's step cannot be 0");
  const int64_t length = shape_[axis];
  const int64_t lowest = step > 0 ? 0 : -1;
  const int64_t highest = step > 0 ? length : length - 1;
  auto clamp = [&](int64_t i) { return std::clamp(i < 0 ? i + length : i, lowest, highest); };
  const int64_t first = start ? clamp(*start) : (step > 0 ? lowest : highest);
  const int64_t end = stop ? clamp(*stop) : (step > 0 ? highest : lowest);
  const int64_t span = step > 0 ? end - first : first - end;
  // -step would overflow for the smallest of all, which ends a slice after one element.
  const int64_t stride = step > 0 ? step : -std::max(step, -std::numeric_limits<int64_t>::max());
  Tensor result = *this;
  result.shape_[axis] = span > 0 ? (span - 1) / stride + 1 : 0;
  result.strides_[axis] = strides_[axis] * step;
  if (result.shape_[axis] > 0) result.offset_ += first * strides_[axis];
  return result;
}

Tensor Tensor::select(int64_t axis, int64_t index) const {
  axis = normalize_axis(axis, rank());
  if (index < -shape_[axis] || index >= shape_[axis]) {
    throw ShapeError("index " + std::to_string(index) + " is out of range for axis " +
                     std::to_string(axis) + " of shape " + to_string(shape_));
  }
  Tensor result = *this;
  result.offset_ += (index < 0 ? index + shape_[axis] : index) * strides_[axis];
  result.shape_.erase(result.shape_.begin() + axis);
  result.strides_.erase(result.strides_.begin() + axis);
  return result;
}

Tensor Tensor::broadcast_to(const Dims& shape) const {
  refuse_negative_lengths(shape);
  const size_t missing = shape.size() - std::min(shape.size(), shape_.size());
  Dims strides(shape.size(), 0);
  bool fits = shape.size() >= shape_.size();
  for (size_t axis = 0; fits && axis < shape_.size(); ++axis) {
    if (shape_[axis] == shape[axis + missing]) {
      strides[axis + missing] = strides_[axis];
    } else {
      fits = shape_[axis] == 1;
    }
  }
  if (!fits) {
    throw ShapeError("cannot broadcast shape " + to_string(shape_) + " to " + to_string(shape));
  }
  return Tensor(storage_, dtype_, shape, std::move(strides), offset_);
}

Tensor Tensor::copy() const {
  if (!device().is_cpu()) {
    Tensor result = empty(dtype_, shape_, device());
    if (!is_contiguous()) {
      throw DeviceError("a strided tensor on " + device().str() + " cannot be copied yet");
    }
    device_memory(device().kind)
        .copy_within(device().index, result.raw_data(), raw_data(), bytes());
    return result;
  }
  return cast(dtype_);
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : copy(); }

Tensor Tensor::cast(DType dtype) const {
  if (!defined()) throw TypeError("a Tensor without a value cannot be cast or read");
  Tensor result = empty(dtype, shape_);
  const Tensor here = to(kCpu);
  copy_strided(shape_, dtype, result.raw_data(), result.strides(), dtype_, here.raw_data(),
               here.strides());
  return result;
}

Tensor Tensor::to(Device target) const {
  if (target == device()) return *this;
  const Tensor source = contiguous();
  Tensor result = empty(dtype_, shape_, target);
  if (bytes() == 0) return result;
  if (target.is_cpu()) {
    device_memory(device().kind)
        .copy_to_host(device().index, result.raw_data(), source.raw_data(), bytes());
  } else if (device().is_cpu()) {
    device_memory(target.kind)
        .copy_from_host(target.index, result.raw_data(), source.raw_data(), bytes());
  } else {
    return source.to(kCpu).to(target);
  }
  return result;
}

void Tensor::assign(const Tensor& from) const {
  if (from.shape_ != shape_) {
    throw ShapeError("cannot assign shape " + to_string(from.shape_) + " to shape " +
                     to_string(shape_));
  }
  if (from.dtype_ != dtype_) {
    throw TypeError("cannot assign " + std::string(name_of(from.dtype_)) + " elements to a " +
                    std::string(name_of(dtype_)) + " tensor");
  }
  for (size_t axis = 0; axis < shape_.size(); ++axis) {
    if (shape_[axis] > 1 && strides_[axis] == 0 && size() > 0) {
      throw ShapeError("cannot assign to a view of shape " + to_string(shape_) +
                       " that repeats one element along axis " + std::to_string(axis));
    }
  }
  // Elements of another view of this memory could be overwritten before they are read.
  const bool same_view = offset_ == from.offset_ && strides_ == from.strides_;
  const Tensor source = storage_ == from.storage_ && !same_view ? from.copy() : from;
  copy_strided(shape_, dtype_, raw_data(), strides_, dtype_, source.raw_data(), source.strides_);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  const Tensor x = a.to(kCpu).contiguous();
  const Tensor y = b.to(kCpu).contiguous();
  if (x.bytes() == 0) return true;
  if (std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0) return true;
  if (!is_floating(a.dtype())) return false;
  // NaNs may differ in payload.
  const size_t width = size_of(a.dtype());
  const auto* p = static_cast<const std::byte*>(x.raw_data());
  const auto* q = static_cast<const std::byte*>(y.raw_data());
  const std::vector<double> u = x.to_vector<double>();
  const std::vector<double> v = y.to_vector<double>();
  for (size_t i = 0; i < u.size(); ++i) {
    if (std::memcmp(p + i * width, q + i * width, width) == 0) continue;
    if (!(std::isnan(u[i]) && std::isnan(v[i]))) return false;
  }
  return true;
}

bool all_close(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  if (a.shape() != b.shape()) return false;
  const std::vector<double> u = a.to_vector<double>();
  const std::vector<double> v = b.to_vector<double>();
  for (size_t i = 0; i < u.size(); ++i) {
    if (u[i] == v[i]) continue;
    if (equal_nan && std::isnan(u[i]) && std::isnan(v[i])) continue;
    if (std::isinf(u[i]) || std::isinf(v[i])) return false;
    if (!(std::abs(u[i] - v[i]) <= atol + rtol * std::abs(v[i]))) return false;
  }
  return true;
}

void copy_strided(const Dims& shape, DType to_dtype, void* to, const Dims& to_strides,
                  DType from_dtype, const void* from, const Dims& from_strides) {
  if (to_dtype == from_dtype) {
    return StridedCopy(size_of(to_dtype), shape, to_strides, from_strides).run(from, to);
  }
  visit_dtype(to_dtype, [&](auto to_tag) {
    using To = typename decltype(to_tag)::type;
    visit_dtype(from_dtype, [&](auto from_tag) {
      using From = typename decltype(from_tag)::type;
      for_each_row(shape, to_strides, from_strides,
                   [&](int64_t to_offset, int64_t from_offset, int64_t count, int64_t to_stride,
                       int64_t from_stride) {
                     To* out = static_cast<To*>(to) + to_offset;
                     const From* in = static_cast<const From*>(from) + from_offset;
                     for (int64_t i = 0; i < count; ++i) {
                       out[i * to_stride] = convert_element<To>(in[i * from_stride]);
                     }
                   });
    });
  });
}

void refuse_item(const Dims& shape) {
  throw ShapeError("item() of a tensor of shape " + to_string(shape) + ": it has " +
                   std::to_string(element_count(shape)) +
                   " elements, not one\n  hint: to_vector() gives all of them");
}

void check_value_count(const Dims& shape, size_t values) {
  if (element_count(shape) != static_cast<int64_t>(values)) {
    throw ShapeError(std::to_string(values) + " values do not fill a tensor of shape " +
                     to_string(shape));
  }
}

}  // namespace bitale
