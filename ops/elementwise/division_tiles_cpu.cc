#include "ops/elementwise/arithmetic_functors.h"
#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"int_div", tiles<IntDiv, 2, FloatTypes, IntegerTypes>},
    {"mod", tiles<Mod, 2, FloatTypes, IntegerTypes>},
    {"pow", tiles<Pow, 2, FloatTypes, IntegerTypes>},
};

}  // namespace
}  // namespace bitale
