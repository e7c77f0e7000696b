#include "nn/data/mnist.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "nn/data/idx.h"

namespace bitale {
namespace {

constexpr int64_t kSide = 28;
constexpr int64_t kClasses = 10;
constexpr int64_t kValidCount = 10000;

// The raw file if it is there, else the gzipped one.
absl::StatusOr<std::string> find(const std::string& folder, const char* name) {
  for (const char* suffix : {"", ".gz"}) {
    const std::string path = absl::StrCat(folder, "/", name, suffix);
    if (::access(path.c_str(), F_OK) == 0) return path;
  }
  return absl::NotFoundError(
      absl::StrCat(folder, ": neither ", name, " nor ", name, ".gz is there"));
}

template <typename T>
Tensor scaled(const Tensor& bytes) {
  Tensor result = Tensor::empty(dtype_of<T>, {bytes.dim(0), kSide * kSide});
  const uint8_t* in = bytes.data<uint8_t>();
  T* out = result.data<T>();
  const int64_t count = result.size();
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(in[i]) * static_cast<T>(1.0 / 256);
  return result;
}

absl::StatusOr<Tensor> load_images(const std::string& folder, const char* name, DType dtype) {
  const absl::StatusOr<std::string> path = find(folder, name);
  if (!path.ok()) return path.status();
  const absl::StatusOr<Tensor> bytes = read_idx(*path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->dtype() != DType::kUint8 || bytes->rank() != 3 || bytes->dim(1) != kSide ||
      bytes->dim(2) != kSide) {
    return absl::InvalidArgumentError(
        absl::StrCat(*path, ": images are uint8 (n, 28, 28), these are ",
                     std::string(name_of(bytes->dtype())), " ", to_string(bytes->shape())));
  }
  return dtype == DType::kFloat64 ? scaled<double>(*bytes) : scaled<float>(*bytes);
}

absl::StatusOr<Tensor> load_labels(const std::string& folder, const char* name, int64_t count) {
  const absl::StatusOr<std::string> path = find(folder, name);
  if (!path.ok()) return path.status();
  const absl::StatusOr<Tensor> bytes = read_idx(*path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->dtype() != DType::kUint8 || bytes->shape() != Dims{count}) {
    return absl::InvalidArgumentError(
        absl::StrCat(*path, ": labels for ", count, " images are uint8 (", count, ",), these are ",
                     std::string(name_of(bytes->dtype())), " ", to_string(bytes->shape())));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int label = bytes->data<uint8_t>()[i];
    if (label >= kClasses) {
      return absl::InvalidArgumentError(
          absl::StrCat(*path, ": label ", i, " is ", label, ", not 0 to 9"));
    }
  }
  return bytes->cast(DType::kInt32);
}

absl::StatusOr<LabelledImages> load_part(const std::string& folder, const char* images_name,
                                         const char* labels_name, DType dtype) {
  absl::StatusOr<Tensor> images = load_images(folder, images_name, dtype);
  if (!images.ok()) return images.status();
  absl::StatusOr<Tensor> labels = load_labels(folder, labels_name, images->dim(0));
  if (!labels.ok()) return labels.status();
  return LabelledImages{*std::move(images), *std::move(labels)};
}

LabelledImages rows(const LabelledImages& data, int64_t begin, int64_t end) {
  return {data.images.slice(0, begin, end), data.labels.slice(0, begin, end)};
}

}  // namespace

absl::StatusOr<Mnist> load_mnist(const std::string& folder, DType dtype) {
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
    return absl::InvalidArgumentError(absl::StrCat(
        "load_mnist: images are float32 or float64, not ", std::string(name_of(dtype))));
  }
  const absl::StatusOr<LabelledImages> train =
      load_part(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", dtype);
  if (!train.ok()) return train.status();
  absl::StatusOr<LabelledImages> test =
      load_part(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", dtype);
  if (!test.ok()) return test.status();
  const int64_t split = train->size() - kValidCount;
  if (split <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": ", train->size(),
                                                   " training images leave none beside the ",
                                                   kValidCount, " for validation"));
  }
  return Mnist{rows(*train, 0, split), rows(*train, split, train->size()), *std::move(test)};
}

}  // namespace bitale
