// The typed constructors: the prefix says the dtype, the name says the dims.

#include "core/graph/inputs.h"

#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace bitale {
namespace {

using Constructor = Variable (*)(std::string name, SourceSite site);

// One constructor for each entry of kDims.
struct Family {
  const char* prefix;
  const char* dtype;
  Constructor constructors[8];
};

constexpr const char* kDims[] = {"()",     "(?,)",      "(1, ?)",       "(?, 1)",
                                 "(?, ?)", "(?, ?, ?)", "(?, ?, ?, ?)", "(?, ?, ?, ?, ?)"};

const Family kTyped[] = {
    {"b", "int8", {bscalar, bvector, brow, bcol, bmatrix, btensor3, btensor4, btensor5}},
    {"w", "int16", {wscalar, wvector, wrow, wcol, wmatrix, wtensor3, wtensor4, wtensor5}},
    {"i", "int32", {iscalar, ivector, irow, icol, imatrix, itensor3, itensor4, itensor5}},
    {"l", "int64", {lscalar, lvector, lrow, lcol, lmatrix, ltensor3, ltensor4, ltensor5}},
    {"f", "float32", {fscalar, fvector, frow, fcol, fmatrix, ftensor3, ftensor4, ftensor5}},
    {"d", "float64", {dscalar, dvector, drow, dcol, dmatrix, dtensor3, dtensor4, dtensor5}},
};

constexpr Constructor kUntyped[] = {scalar, vector, row, col, matrix, tensor3, tensor4, tensor5};

void expect_input_of(Constructor constructor, const std::string& type) {
  const Variable variable = constructor("name of the input", SourceSite::current());
  EXPECT_TRUE(variable.is_input());
  EXPECT_EQ(variable.name(), "name of the input");
  EXPECT_EQ(variable.type().str(), type);
}

TEST(TypedInputs, HaveTheDtypeOfTheirPrefixAndTheDimsOfTheirName) {
  for (const Family& family : kTyped) {
    SCOPED_TRACE(family.prefix);
    for (size_t i = 0; i < std::size(kDims); ++i) {
      expect_input_of(family.constructors[i], std::string(family.dtype) + " " + kDims[i]);
    }
  }
}

TEST(UntypedInputs, AreOfFloatXAsItIsWhenTheyAreMade) {
  for (size_t i = 0; i < std::size(kDims); ++i) {
    expect_input_of(kUntyped[i], std::string("float32 ") + kDims[i]);
    options().float_x = DType::kFloat64;
    expect_input_of(kUntyped[i], std::string("float64 ") + kDims[i]);
    options().float_x = DType::kFloat32;
  }
}

}  // namespace
}  // namespace bitale
