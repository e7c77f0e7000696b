#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "core/tensor/file.h"
#include "gtest/gtest.h"
#include "nn/data/idx.h"
#include "nn/data/mnist.h"
#include "nn/data/safetensors.h"

namespace bitale {
namespace {

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

template <typename T>
std::string message(const absl::StatusOr<T>& result) {
  return result.ok() ? "no error" : std::string(result.status().message());
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class Folder {
 public:
  Folder() : path_(testing::TempDir() + "/data_test_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Folder() { EXPECT_EQ(std::system(("rm -r '" + path_ + "'").c_str()), 0); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// --- IDX -----------------------------------------------------------------------------------------

const std::string& small_idx() {
  static const auto& bytes =
      *new std::string(bytes_of({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255}));
  return bytes;
}

TEST(Idx, ReadsRawAndGzippedBytes) {
  const Tensor expected = Tensor::of<uint8_t>({{10, 20, 30}, {40, 50, 255}});
  for (const std::string& bytes : {small_idx(), gzipped(small_idx())}) {
    const auto value = parse_idx(bytes);
    ASSERT_TRUE(value.ok()) << message(value);
    EXPECT_TRUE(same_bits(*value, expected)) << value->str();
  }
}

TEST(Idx, ReadsEveryElementTypeBigEndian) {
  const auto one = [](int code, std::initializer_list<int> element) {
    return *parse_idx(bytes_of({0, 0, code, 1, 0, 0, 0, 1}) + bytes_of(element));
  };
  EXPECT_EQ(one(0x09, {0xfe}).str(), "array([-2], dtype=int8)");
  EXPECT_EQ(one(0x0B, {0x01, 0x02}).str(), "array([258], dtype=int16)");
  EXPECT_EQ(one(0x0C, {0xff, 0xff, 0xff, 0xfd}).str(), "array([-3], dtype=int32)");
  EXPECT_EQ(one(0x0D, {0x3f, 0xc0, 0, 0}).str(), "array([1.5], dtype=float32)");
  EXPECT_EQ(one(0x0E, {0xbf, 0xe0, 0, 0, 0, 0, 0, 0}).str(), "array([-0.5])");
}

TEST(Idx, ErrorsSayWhatIsWrongWithWhichFile) {
  const auto error = [](const std::string& bytes) { return message(parse_idx(bytes, "x")); };
  EXPECT_EQ(error(""), "x: the file ends within the header");
  EXPECT_EQ(error("hello world"), "x: not an IDX file: it starts with 68656c6c where 0000 is due");
  EXPECT_EQ(error(bytes_of({0, 0, 0x0A, 1, 0, 0, 0, 0})), "x: element type a is not known");
  EXPECT_EQ(error(bytes_of({0, 0, 8, 200})), "x: an IDX file of 200 axes is not supported");
  EXPECT_EQ(error(bytes_of({0, 0, 8, 2, 0, 0})), "x: the file ends within the header");
  EXPECT_EQ(error(small_idx() + "!"),
            "x: shape (2, 3) of uint8 does not fit the 7 bytes of elements");
  EXPECT_EQ(error(gzipped(small_idx() + "!")),
            "x: shape (2, 3) of uint8 does not fit the 7 bytes of elements");
  const std::string absurd = bytes_of({0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255});
  EXPECT_EQ(error(absurd),
            "x: shape (4294967295, 4294967295) of uint8 does not fit the 0 bytes of elements");
  // A length that agrees with the trailer modulo 2^32 still is more than gzip could hold.
  EXPECT_EQ(error(gzipped(bytes_of({0, 0, 8, 2, 0, 1, 0, 0, 0, 1, 0, 0}))),
            "x: shape (65536, 65536) of uint8 does not fit the 0 bytes of elements");
  std::string wrong_sum = gzipped(small_idx());
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  EXPECT_EQ(error(wrong_sum), "x: there is more than the elements, or a checksum is wrong");
  EXPECT_EQ(read_idx("/nowhere/x").status().code(), absl::StatusCode::kNotFound);
}

TEST(Idx, TruncatedGzipStreamsAreCalledSo) {
  const std::string packed = gzipped(small_idx());
  for (size_t length = 2; length < packed.size(); ++length) {
    EXPECT_EQ(message(parse_idx(packed.substr(0, length), "x")), "x: the gzip stream is truncated")
        << length;
  }
}

// --- Damage --------------------------------------------------------------------------------------

// A few changed bytes (mostly near the start), often cut short.
std::string damaged(std::string bytes, size_t header, std::mt19937& random) {
  const int changes = static_cast<int>(random() % 4);
  for (int i = 0; i < changes; ++i) {
    const size_t place = random() % (random() % 4 == 0 ? bytes.size() : header);
    constexpr std::string_view kTypical = "0123456789[]{}:,\"\xff\x7f";
    bytes[place] =
        random() % 2 ? kTypical[random() % kTypical.size()] : static_cast<char>(random());
  }
  if (random() % 4 == 0) bytes.resize(random() % bytes.size());
  if (random() % 16 == 0) bytes.append(1 + random() % 20, static_cast<char>(random()));
  return bytes;
}

TEST(Idx, DamagedFilesGiveErrorsOrTensorsOfTheirSize) {
  std::mt19937 random(2);
  const std::string packed = gzipped(small_idx() + "");
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const bool zipped = round % 2 == 0;
    const std::string bytes =
        damaged(zipped ? packed : small_idx(), zipped ? packed.size() : 12, random);
    const auto value = parse_idx(bytes);
    refused += !value.ok();
    if (value.ok()) {
      ASSERT_LE(value->bytes(), 1032 * bytes.size());
      ASSERT_EQ(value->to_vector<double>().size(), static_cast<size_t>(value->size()));
    }
  }
  EXPECT_GT(refused, 8000);
  EXPECT_LT(refused, 20000);
}

// --- safetensors ---------------------------------------------------------------------------------

SafeTensors sample() {
  SafeTensors contents;
  for (const DType dtype : kAllDTypes) {
    contents.tensors.emplace_back(std::string("t.") + std::string(name_of(dtype)),
                                  Tensor::arange(dtype, 6).reshape({2, 3}).transpose());
  }
  contents.tensors.emplace_back("scalar", Tensor(2.5));
  contents.tensors.emplace_back("empty", Tensor::empty(DType::kFloat32, {0, 4}));
  contents.metadata = {{"epoch", "7"}, {"quote", "\"\\\n\xc3\xbc"}};
  return contents;
}

std::string with_header(const std::string& header, const std::string& elements = "") {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + elements;
}

TEST(SafeTensors, ContentsComeBack) {
  const Folder folder;
  const std::string path = folder.path() + "/x.safetensors";
  const SafeTensors contents = sample();
  ASSERT_TRUE(write_safetensors(path, contents).ok());
  ASSERT_TRUE(write_safetensors(path, contents).ok()) << "an old file is replaced";
  const auto back = read_safetensors(path);
  ASSERT_TRUE(back.ok()) << message(back);
  EXPECT_EQ(back->metadata, contents.metadata);
  ASSERT_EQ(back->tensors.size(), contents.tensors.size());
  for (const auto& [name, value] : contents.tensors) {
    ASSERT_NE(back->find(name), nullptr) << name;
    EXPECT_TRUE(same_bits(*back->find(name), value)) << name;
  }
  EXPECT_EQ(back->find("nothing"), nullptr);
}

TEST(SafeTensors, ReadsWhatTheFormatDescribes) {
  const auto contents =
      parse_safetensors(with_header(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]},)"
                                    R"("a":{"dtype":"I16","shape":[],"data_offsets":[0,2]}}  )",
                                    bytes_of({1, 2, 3, 4})));
  ASSERT_TRUE(contents.ok()) << message(contents);
  EXPECT_EQ(contents->find("a")->str(), "array(513, dtype=int16)");
  EXPECT_EQ(contents->find("b")->str(), "array([3, 4], dtype=uint8)");
  EXPECT_EQ(contents->tensors[0].first, "a") << "ordered by place";
}

TEST(SafeTensors, ErrorsSayWhatIsWrongWithWhichFile) {
  const auto error = [](const std::string& header, const std::string& elements = "") {
    return message(parse_safetensors(with_header(header, elements), "x"));
  };
  const auto entry = [](const std::string& offsets, const std::string& shape = "[1]") {
    return R"("a":{"dtype":"U8","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  EXPECT_EQ(message(parse_safetensors("abc", "x")), "x: the file ends within the header");
  EXPECT_EQ(message(parse_safetensors("\xff\xff\xff\xff\xff\xff\xff\xff", "x")),
            "x: the header claims 18446744073709551615 bytes, the file has 0");
  EXPECT_EQ(error("{"), "x: the header is not valid JSON");
  EXPECT_EQ(error("[]"), "x: the header is not an object of tensors");
  EXPECT_EQ(error(std::string(100000, '[')), "x: the header is not valid JSON");
  EXPECT_EQ(error(R"({"a":1})"),
            "x: tensor \"a\": its entry is not an object of dtype, shape and data_offsets");
  EXPECT_EQ(error(R"({"a":{"dtype":"F8","shape":[],"data_offsets":[0,1]}})", "1"),
            "x: tensor \"a\": dtype F8 is not supported");
  EXPECT_EQ(error("{" + entry("[0,1]", "[-1]") + "}", "1"),
            "x: tensor \"a\": shape is not a list of lengths");
  EXPECT_EQ(error("{" + entry("[0,2]") + "}", "1"),
            "x: tensor \"a\": data_offsets 0 to 2 lie outside the 1 bytes of elements");
  EXPECT_EQ(error("{" + entry("[0,1]", "[4294967296,4294967296]") + "}", "1"),
            "x: tensor \"a\": shape (4294967296, 4294967296) of uint8 does not fit its 1 bytes");
  EXPECT_EQ(error("{" + entry("[1,2]") + "}", "12"),
            "x: tensor \"a\" starts at 1 where 0 is due: overlap or gap");
  EXPECT_EQ(error("{" + entry("[0,1]") + "}", "12"),
            "x: 1 bytes behind the last tensor belong to none");
  EXPECT_EQ(error("{" + entry("[0,1]") + "," + entry("[0,1]") + "}", "1"),
            "x: the name \"a\" comes twice");
  EXPECT_EQ(error(R"({"__metadata__":{"a":1}})"), "x: __metadata__ holds more than strings");
  EXPECT_EQ(read_safetensors("/nowhere/x").status().code(), absl::StatusCode::kNotFound);
}

TEST(SafeTensors, RefusesToWriteWhatCouldNotBeRead) {
  const Folder folder;
  const std::string path = folder.path() + "/x";
  SafeTensors twice;
  twice.tensors = {{"a", Tensor(1.0)}, {"a", Tensor(2.0)}};
  EXPECT_EQ(std::string(write_safetensors(path, twice).message()),
            path + ": the name \"a\" comes twice");
  SafeTensors not_text;
  not_text.metadata["a"] = "\xff";
  EXPECT_FALSE(write_safetensors(path, not_text).ok());
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "nothing was written";
  EXPECT_FALSE(write_safetensors("/nowhere/x", sample()).ok());
}

TEST(SafeTensors, DamagedFilesGiveErrorsOrTensorsOfTheirSize) {
  const Folder folder;
  const std::string path = folder.path() + "/x";
  ASSERT_TRUE(write_safetensors(path, sample()).ok());
  const std::string good = *read_file(path);
  std::mt19937 random(3);
  int refused = 0;
  for (int round = 0; round < 10000; ++round) {
    const std::string bytes = damaged(good, round % 2 ? 200 : good.size(), random);
    const auto contents = parse_safetensors(bytes);
    refused += !contents.ok();
    if (!contents.ok()) continue;
    size_t total = 0;
    for (const auto& [name, value] : contents->tensors) {
      total += value.bytes();
      ASSERT_EQ(value.to_vector<double>().size(), static_cast<size_t>(value.size()));
    }
    ASSERT_LE(total, bytes.size());
  }
  EXPECT_GT(refused, 4000);
  EXPECT_LT(refused, 10000);
}

// --- MNIST ---------------------------------------------------------------------------------------

TEST(Mnist, TheShippedFilesGiveTheTutorialsSplit) {
  const auto mnist = load_mnist("models/data/mnist", DType::kFloat32);
  ASSERT_TRUE(mnist.ok()) << message(mnist);
  EXPECT_EQ(mnist->train.images.shape(), (Dims{50000, 784}));
  EXPECT_EQ(mnist->valid.images.shape(), (Dims{10000, 784}));
  EXPECT_EQ(mnist->test.images.shape(), (Dims{10000, 784}));
  EXPECT_EQ(mnist->train.labels.slice(0, 0, 10).str(),
            "array([5, 0, 4, 1, 9, 2, 1, 3, 1, 4], dtype=int32)");
  EXPECT_EQ(mnist->valid.labels.slice(0, 0, 5).str(), "array([3, 8, 6, 9, 6], dtype=int32)");
  EXPECT_EQ(mnist->test.labels.slice(0, 0, 5).str(), "array([7, 2, 1, 0, 4], dtype=int32)");
  // The first training image's first inked pixels: 3, 18, 18, 18, 126.
  EXPECT_EQ(mnist->train.images.at<float>({0, 152}), 3.0f / 256);
  EXPECT_EQ(mnist->train.images.at<float>({0, 156}), 126.0f / 256);
}

std::string images(int count) {
  return bytes_of({0, 0, 8, 3, 0, 0, count >> 8, count & 255, 0, 0, 0, 28, 0, 0, 0, 28}) +
         std::string(static_cast<size_t>(count) * 784, '\x80');
}

std::string labels(int count, char value = 1) {
  return bytes_of({0, 0, 8, 1, 0, 0, count >> 8, count & 255}) +
         std::string(static_cast<size_t>(count), value);
}

TEST(Mnist, AnyFolderWithTheFourFilesServes) {
  const Folder folder;
  const std::string& at = folder.path();
  EXPECT_EQ(message(load_mnist(at)), at + ": neither train-images-idx3-ubyte nor "
                                          "train-images-idx3-ubyte.gz is there");
  write(at + "/train-images-idx3-ubyte", images(10002));
  write(at + "/train-labels-idx1-ubyte.gz", gzipped(labels(10002)));
  write(at + "/t10k-images-idx3-ubyte.gz", gzipped(images(3)));
  write(at + "/t10k-labels-idx1-ubyte", labels(3));
  const auto mnist = load_mnist(at, DType::kFloat64);
  ASSERT_TRUE(mnist.ok()) << message(mnist);
  EXPECT_EQ(mnist->train.size(), 2);
  EXPECT_EQ(mnist->test.images.at<double>({2, 783}), 0.5);
  EXPECT_EQ(message(load_mnist(at, DType::kInt8)),
            "load_mnist: images are float32 or float64, not int8");

  const std::string test_labels = at + "/t10k-labels-idx1-ubyte";
  write(test_labels, labels(4));
  EXPECT_EQ(message(load_mnist(at)),
            test_labels + ": labels for 3 images are uint8 (3,), these are uint8 (4,)");
  write(test_labels, labels(3, 10));
  EXPECT_EQ(message(load_mnist(at)), test_labels + ": label 0 is 10, not 0 to 9");
  write(test_labels, labels(3));
  write(at + "/train-images-idx3-ubyte", small_idx());
  EXPECT_EQ(message(load_mnist(at)),
            at + "/train-images-idx3-ubyte: images are uint8 (n, 28, 28), these are uint8 (2, 3)");
}

}  // namespace
}  // namespace bitale
