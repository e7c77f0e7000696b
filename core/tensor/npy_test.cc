#include "core/tensor/npy.h"

#include <cstdio>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

using testing::HasSubstr;

std::string temporary(const std::string& name) { return testing::TempDir() + "/npy_test_" + name; }

// A file of version `major` with this header, unpadded, and these elements.
std::string npy(int major, const std::string& header, const std::string& elements) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i));
  }
  return bytes + header + elements;
}

std::string message(const std::string& bytes) {
  const auto parsed = parse_npy(bytes, "x.npy");
  return parsed.ok() ? "no error" : std::string(parsed.status().message());
}

TEST(Npy, WritesWhatNumpySaves) {
  // numpy.save of numpy.float32([[1, 2, 3], [4, 5, 6]]).
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(117, ' ');
  header += '\n';
  const Tensor value = Tensor::of<float>({{1, 2, 3}, {4, 5, 6}});
  const std::string elements(static_cast<const char*>(value.raw_data()), value.bytes());
  EXPECT_EQ(*format_npy(value), npy(1, header, elements));
}

TEST(Npy, EveryDtypeAndShapeComesBack) {
  for (const DType dtype : kAllDTypes) {
    if (dtype == DType::kBFloat16) continue;
    for (const Dims& shape : {Dims{}, Dims{1}, Dims{5}, Dims{2, 3}, Dims{0, 4}, Dims{2, 1, 3, 2}}) {
      const Tensor value = Tensor::arange(dtype, element_count(shape)).reshape(shape);
      const auto back = parse_npy(*format_npy(value));
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_TRUE(same_bits(*back, value)) << name_of(dtype) << " " << to_string(shape);
    }
  }
}

TEST(Npy, FilesComeBack) {
  const std::string path = temporary("back.npy");
  const Tensor value = Tensor::arange(DType::kFloat64, 60).reshape({3, 4, 5}).transpose();
  ASSERT_TRUE(write_npy(path, value).ok());
  ASSERT_TRUE(write_npy(path, value).ok()) << "an old file is replaced";
  const auto back = read_npy(path);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_TRUE(same_bits(*back, value));
  std::remove(path.c_str());
}

TEST(Npy, ReadsAllVersionsBothOrdersAndBothEndiannesses) {
  const std::string big("\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06", 12);
  const Tensor rows = Tensor::of<int16_t>({{1, 2, 3}, {4, 5, 6}});
  for (const int major : {1, 2, 3}) {
    const auto c =
        parse_npy(npy(major, "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }", big));
    ASSERT_TRUE(c.ok()) << c.status().message();
    EXPECT_TRUE(same_bits(*c, rows));
    const auto fortran =
        parse_npy(npy(major, "{\"shape\": (3,2) ,'fortran_order':True,'descr':'>i2'}\n", big));
    ASSERT_TRUE(fortran.ok()) << fortran.status().message();
    EXPECT_TRUE(same_bits(*fortran, rows.transpose()));
    EXPECT_TRUE(fortran->is_contiguous());
  }
}

TEST(Npy, BoolsBecomeZeroOrOne) {
  const auto value = parse_npy(npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}",
                                   std::string("\0\1\x7f", 3)));
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(std::string(static_cast<const char*>(value->raw_data()), 3), std::string("\0\1\1", 3));
}

TEST(Npy, ErrorsSayWhatIsWrongWithWhichFile) {
  EXPECT_EQ(message("hello"),
            "x.npy: not an npy file: it does not start with numpy's magic string");
  EXPECT_EQ(message(npy(4, "{}", "")), "x.npy: npy version 4 is not known");
  EXPECT_EQ(message(npy(1, "{}", "")),
            "x.npy: the header is not a dict of descr, fortran_order and shape");
  EXPECT_EQ(message(npy(2, std::string(50, ' '), "").substr(0, 20)),
            "x.npy: the header claims 50 bytes, the file has 8");
  EXPECT_EQ(message(npy(1, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "12345678")),
            "x.npy: elements of type \"<c8\" are not supported");
  EXPECT_EQ(message(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "1234")),
            "x.npy: shape (2,) of float32 does not fit the 4 bytes of elements");
  EXPECT_EQ(message(npy(1,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': "
                        "(0, 4611686018427387904, 4)}",
                        "")),
            "x.npy: shape (0, 4611686018427387904, 4) of float32 does not fit the 0 bytes of "
            "elements");
  EXPECT_THAT(std::string(read_npy("/nowhere/x.npy").status().message()),
              HasSubstr("/nowhere/x.npy: cannot open"));
  EXPECT_EQ(read_npy("/nowhere/x.npy").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(read_npy("/").status().message()), HasSubstr("not a regular file"));
  EXPECT_THAT(std::string(write_npy("/nowhere/x.npy", Tensor(1.0f)).message()),
              HasSubstr("/nowhere/x.npy"));
  EXPECT_THAT(std::string(write_npy("/nowhere/x.npy", Tensor(BFloat16(1.0f))).message()),
              HasSubstr("/nowhere/x.npy: npy files cannot hold bfloat16"));
}

TEST(Npy, DamagedFilesGiveErrorsOrTensorsOfTheirSize) {
  std::mt19937 random(1);
  const std::string good = *format_npy(Tensor::arange(DType::kFloat32, 24).reshape({2, 3, 4}));
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      // Mostly in the header, and there mostly by other digits and brackets.
      const size_t place = random() % (random() % 4 == 0 ? bytes.size() : 70);
      constexpr std::string_view kTypical = "0123456789(),:'{}<>|ifub \n";
      bytes[place] =
          random() % 2 ? kTypical[random() % kTypical.size()] : static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const auto parsed = parse_npy(bytes);
    refused += !parsed.ok();
    if (parsed.ok()) {
      ASSERT_LE(parsed->bytes(), bytes.size());
      ASSERT_GE(parsed->to_vector<double>().size(), 0u);
    } else {
      ASSERT_THAT(std::string(parsed.status().message()), HasSubstr("npy data: "));
    }
  }
  EXPECT_GT(refused, 10000);
  EXPECT_LT(refused, 20000) << "changes of elements alone leave a valid file";
}

}  // namespace
}  // namespace bitale
