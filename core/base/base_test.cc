#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/base/error.h"
#include "core/base/half.h"
#include "core/base/site.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

// --- Dtypes --------------------------------------------------------------------------------------

// numpy.promote_types over bool, int8..int64, uint8..uint64; "none" where numpy takes float64.
constexpr const char* kIntegerPromotion[9][9] = {
    // bool
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"},
    // int8
    {"int8", "int8", "int16", "int32", "int64", "int16", "int32", "int64", "none"},
    // int16
    {"int16", "int16", "int16", "int32", "int64", "int16", "int32", "int64", "none"},
    // int32
    {"int32", "int32", "int32", "int32", "int64", "int32", "int32", "int64", "none"},
    // int64
    {"int64", "int64", "int64", "int64", "int64", "int64", "int64", "int64", "none"},
    // uint8
    {"uint8", "int16", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"},
    // uint16
    {"uint16", "int32", "int32", "int32", "int64", "uint16", "uint16", "uint32", "uint64"},
    // uint32
    {"uint32", "int64", "int64", "int64", "int64", "uint32", "uint32", "uint32", "uint64"},
    // uint64
    {"uint64", "none", "none", "none", "none", "uint64", "uint64", "uint64", "uint64"},
};

TEST(DType, IntegersPromoteAsInNumpy) {
  for (int i = 0; i < 9; ++i) {
    for (int j = 0; j < 9; ++j) {
      const DType a = kAllDTypes[i], b = kAllDTypes[j];
      if (std::string_view(kIntegerPromotion[i][j]) == "none") {
        EXPECT_THROW(promote(a, b), TypeError) << name_of(a) << " " << name_of(b);
      } else {
        EXPECT_EQ(name_of(promote(a, b)), kIntegerPromotion[i][j])
            << name_of(a) << " " << name_of(b);
      }
    }
  }
}

TEST(DType, AnIntegerNeverWidensAFloat) {
  for (const DType f : kAllDTypes) {
    if (!is_floating(f)) continue;
    for (const DType i : kAllDTypes) {
      if (is_floating(i)) continue;
      EXPECT_EQ(promote(i, f), f);
      EXPECT_EQ(promote(f, i), f);
    }
  }
}

TEST(DType, FloatsPromoteToTheWider) {
  EXPECT_EQ(promote(DType::kFloat32, DType::kFloat64), DType::kFloat64);
  EXPECT_EQ(promote(DType::kFloat16, DType::kFloat32), DType::kFloat32);
  EXPECT_EQ(promote(DType::kBFloat16, DType::kFloat64), DType::kFloat64);
  EXPECT_EQ(promote(DType::kFloat16, DType::kBFloat16), DType::kFloat32);
  EXPECT_EQ(promote(DType::kBFloat16, DType::kFloat16), DType::kFloat32);
}

TEST(DType, NamesComeBack) {
  for (const DType dtype : kAllDTypes) EXPECT_EQ(parse_dtype(name_of(dtype)), dtype);
  EXPECT_EQ(parse_dtype("float"), std::nullopt);
  EXPECT_EQ(parse_dtype(""), std::nullopt);
}

TEST(DType, PredicatesAndSizesFollowTheCppType) {
  for (const DType dtype : kAllDTypes) {
    visit_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      EXPECT_EQ(dtype_of<T>, dtype);
      EXPECT_EQ(size_of(dtype), sizeof(T));
      const bool integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;
      EXPECT_EQ(is_integer(dtype), integer);
      EXPECT_EQ(is_discrete(dtype), std::is_integral_v<T>);
      EXPECT_EQ(is_floating(dtype), !std::is_integral_v<T>);
      const bool has_sign = std::is_integral_v<T> && std::is_signed_v<T>;
      EXPECT_EQ(is_signed_integer(dtype), has_sign);
    });
  }
}

// The ends of the integer ranges decide; floats hold 2^digits and all below.
TEST(DType, LosslessCastsKeepTheEndsOfTheRange) {
  const auto digits = [](DType dtype) {
    switch (dtype) {
      case DType::kFloat16:
        return 11;
      case DType::kBFloat16:
        return 8;
      case DType::kFloat32:
        return 24;
      case DType::kFloat64:
        return 53;
      default:
        return visit_dtype(dtype, [](auto tag) {
          using T = typename decltype(tag)::type;
          if constexpr (std::is_integral_v<T>) return std::numeric_limits<T>::digits;
          return 0;
        });
    }
  };
  for (const DType from : kAllDTypes) {
    if (is_floating(from)) continue;
    for (const DType to : kAllDTypes) {
      const bool keeps_sign = !is_signed_integer(from) || is_signed_integer(to) || is_floating(to);
      const bool expected = from == to || (digits(from) <= digits(to) && keeps_sign);
      EXPECT_EQ(can_cast_losslessly(from, to), expected) << name_of(from) << " " << name_of(to);
    }
  }
  EXPECT_FALSE(can_cast_losslessly(DType::kFloat64, DType::kFloat32));
  EXPECT_TRUE(can_cast_losslessly(DType::kBFloat16, DType::kFloat32));
  EXPECT_FALSE(can_cast_losslessly(DType::kBFloat16, DType::kFloat16));
  EXPECT_FALSE(can_cast_losslessly(DType::kFloat16, DType::kInt64));
}

// --- Halves --------------------------------------------------------------------------------------

// The value of a pattern by definition.
double float16_value(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, AllPatternsHaveTheirValueAndComeBack) {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const uint16_t bits = static_cast<uint16_t>(pattern);
    const float f16 = static_cast<float>(Float16::from_bits(bits));
    const float bf16 = static_cast<float>(BFloat16::from_bits(bits));
    if (std::isnan(float16_value(bits))) {
      ASSERT_TRUE(std::isnan(f16)) << pattern;
      ASSERT_TRUE(std::isnan(static_cast<float>(Float16(f16)))) << pattern;
    } else {
      ASSERT_EQ(f16, float16_value(bits)) << pattern;
      ASSERT_EQ(std::signbit(f16), (bits & 0x8000) != 0) << pattern;
      ASSERT_EQ(Float16(f16).bits(), bits) << pattern;
    }
    if (std::isnan(bf16)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(BFloat16(bf16)))) << pattern;
    } else {
      ASSERT_EQ(BFloat16(bf16).bits(), bits) << pattern;
    }
  }
}

// Between two neighbours, and just beside the middle, the nearer wins; at the middle the even one.
template <typename H>
void expect_rounding_to_nearest_even(uint16_t largest_finite) {
  for (uint32_t pattern = 0; pattern < largest_finite; ++pattern) {
    const uint16_t low = static_cast<uint16_t>(pattern);
    const uint16_t high = static_cast<uint16_t>(pattern + 1);
    const double a = static_cast<float>(H::from_bits(low));
    const double b = static_cast<float>(H::from_bits(high));
    const float middle = static_cast<float>((a + b) / 2);
    ASSERT_EQ(H(middle).bits(), pattern % 2 == 0 ? low : high) << pattern;
    ASSERT_EQ(H(std::nextafter(middle, 0.0f)).bits(), low) << pattern;
    ASSERT_EQ(H(std::nextafter(middle, INFINITY)).bits(), high) << pattern;
    ASSERT_EQ(H(-middle).bits(), 0x8000 | (pattern % 2 == 0 ? low : high)) << pattern;
  }
}

TEST(Half, RoundsToNearestEven) {
  expect_rounding_to_nearest_even<Float16>(0x7bff);
  // Above the smallest subnormals, whose middles float32 cannot hold.
  for (const float x : {1.00390625f, 1.01171875f, 3.3e38f, 1e-40f}) {
    const BFloat16 rounded(x);
    const float below = static_cast<float>(BFloat16::from_bits(rounded.bits() - 1));
    const float above = static_cast<float>(BFloat16::from_bits(rounded.bits() + 1));
    const float error = std::abs(static_cast<float>(rounded) - x);
    EXPECT_LE(error, std::abs(below - x));
    EXPECT_LE(error, std::abs(above - x));
  }
  EXPECT_EQ(BFloat16(1.00390625f).bits(), 0x3f80) << "a tie goes to the even pattern";
  EXPECT_EQ(BFloat16(1.01171875f).bits(), 0x3f82) << "a tie goes to the even pattern";
}

TEST(Half, OverflowGivesInfinity) {
  EXPECT_EQ(Float16(65519.0f).bits(), 0x7bff);
  EXPECT_EQ(Float16(65520.0f).bits(), 0x7c00);
  EXPECT_EQ(Float16(-1e30f).bits(), 0xfc00);
  EXPECT_EQ(Float16(INFINITY).bits(), 0x7c00);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits(), 0x7f80);
}

// --- Dims ----------------------------------------------------------------------------------------

TEST(Dim, KindsPrintAndCompare) {
  EXPECT_EQ(to_string(SymbolicDims{"batch", 784, Dim::unknown()}), "(batch, 784, ?)");
  EXPECT_EQ(to_string(SymbolicDims{}), "()");
  EXPECT_EQ(to_string(Dims{5}), "(5,)");
  EXPECT_EQ(to_string(Dims{3, 4}), "(3, 4)");
  EXPECT_EQ(Dim("n"), Dim(std::string("n")));
  EXPECT_EQ(Dim("n").hash(), Dim(std::string("n")).hash());
  EXPECT_NE(Dim("n"), Dim("m"));
  EXPECT_NE(Dim(3), Dim(4));
  EXPECT_NE(Dim(3), Dim::unknown());
  EXPECT_TRUE(Dim(0).is_fixed());
  EXPECT_THROW(Dim(-1), ShapeError);
  EXPECT_THROW(Dim(""), ShapeError);
}

TEST(Dim, UniqueNamesDiffer) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(Dim::unique("n").name());
  EXPECT_EQ(names.size(), 100u);
}

TEST(Dim, FixedBeatsNamedBeatsUnknown) {
  const Dim kinds[] = {Dim(3), Dim("n"), Dim::unknown()};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      EXPECT_TRUE(compatible(kinds[i], kinds[j]));
      EXPECT_EQ(meet(kinds[i], kinds[j]), kinds[std::min(i, j)]);
    }
  }
  EXPECT_FALSE(compatible(Dim(3), Dim(4)));
  EXPECT_FALSE(compatible(Dim("n"), Dim("m")));
}

TEST(Dims, CountsAndStridesOfEmptyAndScalarShapes) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 0, 4}), 0);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Dims{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({}), Dims{});
}

// --- Errors --------------------------------------------------------------------------------------

std::string lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) {
    text += (i > 1 ? "\nline " : "line ") + std::to_string(i);
  }
  return text;
}

TEST(Error, MessagesAreCutTo25Lines) {
  EXPECT_EQ(std::string(Error(lines(1)).what()), lines(1));
  EXPECT_EQ(std::string(Error(lines(25)).what()), lines(25));
  EXPECT_EQ(std::string(Error(lines(26)).what()), lines(24) + "\n  ...");
  EXPECT_EQ(std::string(ShapeError(lines(1000)).what()), lines(24) + "\n  ...");
  EXPECT_EQ(std::string(Error("").what()), "");
}

TEST(Error, TheHierarchyIsAsDocumented) {
  EXPECT_THROW(throw TypeError("x"), GraphError);
  EXPECT_THROW(throw ShapeError("x"), GraphError);
  EXPECT_THROW(throw GradientError("x"), GraphError);
  EXPECT_THROW(throw GraphError("x"), Error);
  EXPECT_THROW(throw CompileError("x"), Error);
  EXPECT_THROW(throw DeviceError("x"), ExecutionError);
  EXPECT_THROW(throw OutOfMemoryError("x"), ExecutionError);
  EXPECT_THROW(throw NonFiniteError("x"), ExecutionError);
  EXPECT_THROW(throw ExecutionError("x"), std::runtime_error);
}

// --- Sites ---------------------------------------------------------------------------------------

SourceSite caller(SourceSite site = SourceSite::current()) { return site; }

TEST(Site, DefaultArgumentsCaptureTheCallersLine) {
  const SourceSite site = caller();
  EXPECT_EQ(site.line, static_cast<uint32_t>(__LINE__ - 1));
  EXPECT_EQ(std::string(site.file), __FILE__);
  EXPECT_FALSE(SourceSite().known());
  EXPECT_EQ(SourceSite().str(), "unknown place");
}

TEST(Site, TheOutermostScopeGivesTheLineAndAllGiveLabels) {
  EXPECT_EQ(resolve_site({"user.cc", 7}).str(), "user.cc:7");
  {
    const SiteScope outer({"user.cc", 12}, "LeNetConvPoolLayer layer0");
    const SiteScope unlabelled({"layer.cc", 40}, "");
    const SiteScope inner({"layer.cc", 50}, "conv");
    EXPECT_EQ(resolve_site({"conv.cc", 9}).str(), "user.cc:12 (LeNetConvPoolLayer layer0 / conv)");
  }
  EXPECT_EQ(resolve_site({"user.cc", 8}).str(), "user.cc:8");
}

TEST(Site, GradientsNameTheForwardLine) {
  const Site forward = resolve_site({"user.cc", 3});
  {
    const GradientSiteScope gradient(forward);
    EXPECT_EQ(resolve_site({"grad.cc", 99}).str(), "gradient of user.cc:3");
  }
  EXPECT_FALSE(resolve_site({"user.cc", 4}).from_gradient);
}

TEST(Site, RewritesBuildInTheNameOfWhatTheyReplace) {
  const Site site = {.source = {"user.cc", 5}};
  const SiteScope outer({"other.cc", 1}, "layer");
  {
    const FixedSiteScope fixed(site);
    EXPECT_EQ(resolve_site({"rule.cc", 2}).str(), "user.cc:5");
  }
  EXPECT_EQ(resolve_site({"rule.cc", 2}).str(), "other.cc:1 (layer)");
}

}  // namespace
}  // namespace bitale
