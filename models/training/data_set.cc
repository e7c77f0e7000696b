#include "models/training/data_set.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/graph/shared.h"

namespace bitale {
namespace {

constexpr char kFolder[] = "models/data/mnist";
constexpr char kWorkspace[] = "bitale";

bool holds_mnist(const std::filesystem::path& folder) {
  const std::filesystem::path images = folder / "train-images-idx3-ubyte";
  std::error_code ignored;
  return std::filesystem::exists(images, ignored) ||
         std::filesystem::exists(images.string() + ".gz", ignored);
}

// The set's type has all dims fixed: slices of it are checked when they are written.
SharedSet share_set(const LabelledImages& data, const std::string& name) {
  return {shared(data.images, name + "_x", {.borrow = true}),
          shared(data.labels, name + "_y", {.borrow = true}), data.size()};
}

std::string digest_of(const Mnist& data) {
  uLong sum = crc32_z(0, nullptr, 0);
  for (const LabelledImages* part : {&data.train, &data.valid, &data.test}) {
    for (const Tensor& tensor : {part->labels, part->images}) {
      const Tensor elements = tensor.contiguous();
      sum = crc32_z(sum, static_cast<const Bytef*>(elements.raw_data()), elements.bytes());
    }
  }
  return absl::StrFormat("%08x", static_cast<uint32_t>(sum));
}

}  // namespace

int64_t DataSets::smallest() const { return std::min({train.size, valid.size, test.size}); }

DataSets share(const Mnist& data) {
  return {share_set(data.train, "train"), share_set(data.valid, "valid"),
          share_set(data.test, "test"), digest_of(data)};
}

DataSets blank_data() {
  const LabelledImages image = {Tensor::zeros(float_x(), {1, 28 * 28}),
                                Tensor::zeros(DType::kInt32, {1})};
  return share({image, image, image});
}

absl::StatusOr<std::string> find_mnist(const std::string& executable) {
  std::vector<std::filesystem::path> folders = {kFolder};
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* runfiles = std::getenv(variable); runfiles != nullptr && *runfiles != '\0') {
      folders.push_back(std::filesystem::path(runfiles) / kWorkspace / kFolder);
    }
  }
  folders.push_back(std::filesystem::path(executable + ".runfiles") / kWorkspace / kFolder);
  for (const std::filesystem::path& folder : folders) {
    if (holds_mnist(folder)) return folder.string();
  }
  return absl::NotFoundError(
      "the MNIST files are not beside the program; name their folder with --data_dir");
}

absl::StatusOr<DataSets> load_data(const std::string& data_dir, const std::string& executable) {
  std::string folder = data_dir;
  if (folder.empty()) {
    absl::StatusOr<std::string> found = find_mnist(executable);
    if (!found.ok()) return found.status();
    folder = *std::move(found);
  }
  const absl::StatusOr<Mnist> data = load_mnist(folder);
  if (!data.ok()) return data.status();
  return share(*data);
}

}  // namespace bitale
