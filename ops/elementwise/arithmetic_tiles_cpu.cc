#include "ops/elementwise/arithmetic_functors.h"
#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"add", tiles<Add, 2, FloatTypes, IntegerTypes, BoolType>},
    {"sub", tiles<Sub, 2, FloatTypes, IntegerTypes>},
    {"mul", tiles<Mul, 2, FloatTypes, IntegerTypes, BoolType>},
    {"true_div", tiles<TrueDiv, 2, FloatTypes>},
    {"neg", tiles<Neg, 1, FloatTypes, IntegerTypes>},
    {"abs", tiles<Abs, 1, FloatTypes, IntegerTypes, BoolType>},
    {"sgn", tiles<Sgn, 1, FloatTypes, IntegerTypes>},
    {"sqr", tiles<Sqr, 1, FloatTypes, IntegerTypes, BoolType>},
    {"maximum", tiles<Maximum, 2, FloatTypes, IntegerTypes, BoolType>},
    {"minimum", tiles<Minimum, 2, FloatTypes, IntegerTypes, BoolType>},
    {"clip", tiles<Clip, 3, FloatTypes, IntegerTypes, BoolType>},
};

}  // namespace
}  // namespace bitale
