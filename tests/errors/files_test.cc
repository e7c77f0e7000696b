// Mistakes about files and tensors: they know no line of the user's, so they name file and shapes.

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "core/base/error.h"
#include "core/tensor/npy.h"
#include "core/tensor/tensor.h"
#include "nn/data/idx.h"
#include "nn/data/mnist.h"
#include "nn/data/safetensors.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

std::string file_with(const std::string& bytes) {
  const std::string path = testing::TempDir() + "data.bin";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

// `status` is an error that says `expected`, in which {file} stands for `path`.
void expect_status(const absl::Status& status, std::string_view path, std::string_view expected,
                   SourceSite site = SourceSite::current()) {
  EXPECT_FALSE(status.ok()) << site.str();
  std::string text(status.message().data(), status.message().size());
  for (size_t at; !path.empty() && (at = text.find(path)) != std::string::npos;) {
    text.replace(at, path.size(), "{file}");
  }
  check_text(text, expected, site);
}

std::string npy_bytes(const Tensor& value) { return format_npy(value).value(); }

// --- npy ----------------------------------------------------------------------------------------

TEST(NpyMistakes, AFileThatIsNotThere) {
  const std::string path = testing::TempDir() + "missing.npy";
  expect_status(read_npy(path).status(), path, R"(
{file}: cannot open: No such file or directory)");
}

TEST(NpyMistakes, AFolder) {
  const std::string path = testing::TempDir();
  expect_status(read_npy(path).status(), path, R"(
{file}: not a regular file)");
}

TEST(NpyMistakes, AnotherFormat) {
  const std::string path = file_with("PK\x03\x04 this is a zip archive");
  expect_status(read_npy(path).status(), path, R"(
{file}: not an npy file: it does not start with numpy's magic string)");
}

TEST(NpyMistakes, ACutFile) {
  const std::string bytes = npy_bytes(Tensor::ones(DType::kFloat64, {10, 10}));
  const std::string path = file_with(bytes.substr(0, bytes.size() - 8));
  expect_status(read_npy(path).status(), path, R"(
{file}: shape (10, 10) of float64 does not fit the 792 bytes of elements)");
}

TEST(NpyMistakes, BytesTooMany) {
  const std::string path = file_with(npy_bytes(Tensor::ones(DType::kFloat64, {10})) + "more");
  expect_status(read_npy(path).status(), path, R"(
{file}: shape (10,) of float64 does not fit the 84 bytes of elements)");
}

TEST(NpyMistakes, ADtypeThatTensorsLack) {
  std::string bytes = npy_bytes(Tensor::ones(DType::kFloat64, {2}));
  bytes.replace(bytes.find("<f8"), 3, "<c8");
  const std::string path = file_with(bytes);
  expect_status(read_npy(path).status(), path, R"(
{file}: elements of type "<c8" are not supported)");
}

TEST(NpyMistakes, AnAbsurdShape) {
  std::string bytes = npy_bytes(Tensor::ones(DType::kFloat64, {2}));
  const size_t at = bytes.find("(2,)");
  bytes.replace(at, 22, "(99999999999999999999)");
  const std::string path = file_with(bytes);
  expect_status(read_npy(path).status(), path, R"(
{file}: the header is not a dict of descr, fortran_order and shape)");
}

TEST(NpyMistakes, BfloatElements) {
  const std::string path = testing::TempDir() + "b.npy";
  expect_status(write_npy(path, Tensor::ones(DType::kBFloat16, {2})), path, R"(
{file}: npy files cannot hold bfloat16: cast the tensor to float32 first)");
}

// --- IDX and MNIST ------------------------------------------------------------------------------

TEST(IdxMistakes, AnotherFormat) {
  const std::string path = file_with("not an IDX file");
  expect_status(read_idx(path).status(), path, R"(
{file}: not an IDX file: it starts with 6e6f7420 where 0000 is due)");
}

TEST(IdxMistakes, ACutFile) {
  const std::string path = file_with(std::string("\0\0\x08\x01\0\0\0\x05" "abc", 11));
  expect_status(read_idx(path).status(), path, R"(
{file}: shape (5,) of uint8 does not fit the 3 bytes of elements)");
}

TEST(IdxMistakes, AnAbsurdLength) {
  const std::string path = file_with(std::string("\0\0\x08\x01\xff\xff\xff\xff" "abc", 11));
  expect_status(read_idx(path).status(), path, R"(
{file}: shape (4294967295,) of uint8 does not fit the 3 bytes of elements)");
}

TEST(MnistMistakes, AFolderWithoutTheFiles) {
  const std::string path = testing::TempDir() + "nowhere";
  expect_status(load_mnist(path).status(), path, R"(
{file}: neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz is there)");
}

// --- safetensors --------------------------------------------------------------------------------

TEST(SafetensorsMistakes, ACutFile) {
  const std::string path = file_with("abc");
  expect_status(read_safetensors(path).status(), path, R"(
{file}: the file ends within the header)");
}

TEST(SafetensorsMistakes, AnAbsurdHeader) {
  const std::string path = file_with("\xff\xff\xff\xff\xff\xff\xff\x7f{}");
  expect_status(read_safetensors(path).status(), path, R"(
{file}: the header claims 9223372036854775807 bytes, the file has 2)");
}

TEST(SafetensorsMistakes, AHeaderThatIsNoJson) {
  const std::string path = file_with(std::string("\x05\0\0\0\0\0\0\0{\"a\" ", 13));
  expect_status(read_safetensors(path).status(), path, R"(
{file}: the header is not valid JSON)");
}

TEST(SafetensorsMistakes, ANameTwice) {
  const std::string path = testing::TempDir() + "twice.safetensors";
  const Tensor value = Tensor::ones(DType::kFloat32, {2});
  expect_status(write_safetensors(path, {{{"w", value}, {"w", value}}, {}}), path, R"(
{file}: the name "w" comes twice)");
}

// --- Tensors ------------------------------------------------------------------------------------

TEST(TensorMistakes, ReadAsAnotherDtype) {
  const Tensor x = Tensor::ones(DType::kFloat32, {2});
  expect_plain_mistake<TypeError>([&] { x.data<double>(); }, R"(
a float32 tensor was read as float64)");
}

TEST(TensorMistakes, ReadWithoutAValue) {
  const Tensor x;
  expect_plain_mistake<TypeError>([&] { x.data<float>(); }, R"(
access to the elements of a Tensor without a value)");
}

TEST(TensorMistakes, AnItemOfNothing) {
  const Tensor x;
  expect_plain_mistake<TypeError>([&] { x.item<float>(); }, R"(
a Tensor without a value cannot be cast or read)");
}

TEST(TensorMistakes, AnElementOutsideTheShape) {
  const Tensor x = Tensor::ones(DType::kFloat32, {2, 3});
  expect_plain_mistake<ShapeError>([&] { x.at<float>({1, 3}); }, R"(
index 3 is out of range for axis 1 of shape (2, 3))");
}

TEST(TensorMistakes, TooManyIndices) {
  const Tensor x = Tensor::ones(DType::kFloat32, {2, 3});
  expect_plain_mistake<ShapeError>([&] { x.at<float>({1, 1, 1}); }, R"(
3 indices for a tensor of shape (2, 3))");
}

TEST(TensorMistakes, TheItemOfSeveral) {
  const Tensor x = Tensor::ones(DType::kFloat32, {2, 3});
  expect_plain_mistake<ShapeError>([&] { x.item<float>(); }, R"(
item() of a tensor of shape (2, 3): it has 6 elements, not one
  hint: to_vector() gives all of them)");
}

TEST(TensorMistakes, RaggedRows) {
  expect_plain_mistake<ShapeError>([&] { Tensor::of<float>({{1, 2}, {3}}); }, R"(
1 values do not fill a tensor of shape (2,))");
}

TEST(TensorMistakes, ReshapedToAnotherCount) {
  const Tensor x = Tensor::ones(DType::kFloat32, {2, 3});
  expect_plain_mistake<ShapeError>([&] { x.reshape({4, 2}); }, R"(
cannot reshape a tensor of shape (2, 3) into (4, 2))");
}

TEST(TensorMistakes, ASliceWithStepZero) {
  const Tensor x = Tensor::ones(DType::kFloat32, {5});
  expect_plain_mistake<ShapeError>([&] { x.slice(0, 0, 5, 0); }, R"(
a slice's step cannot be 0)");
}

TEST(TensorMistakes, AnAxisThatIsNotThere) {
  const Tensor x = Tensor::ones(DType::kFloat32, {5});
  expect_plain_mistake<ShapeError>([&] { x.select(1, 0); }, R"(
axis 1 is out of range for a tensor of rank 1)");
}

TEST(TensorMistakes, AnAssignmentOfAnotherShape) {
  const Tensor x = Tensor::ones(DType::kFloat32, {5}), y = Tensor::ones(DType::kFloat32, {4});
  expect_plain_mistake<ShapeError>([&] { x.assign(y); }, R"(
cannot assign shape (4,) to shape (5,))");
}

TEST(TensorMistakes, MoreThanMemoryHolds) {
  expect_plain_mistake<OutOfMemoryError>(
      [&] { Tensor::zeros(DType::kFloat64, {int64_t{1} << 32, int64_t{1} << 20}); }, R"(
a tensor of shape (4294967296, 1048576) is too large)");
}

TEST(TensorMistakes, MoreThanAnyMemoryHolds) {
  expect_plain_mistake<OutOfMemoryError>(
      [&] { Tensor::zeros(DType::kFloat64, {int64_t{1} << 62, int64_t{1} << 62}); }, R"(
a tensor of shape (4611686018427387904, 4611686018427387904) is too large)");
}

}  // namespace
}  // namespace bitale
