#include "ops/elementwise/packed_tiles_cpu.h"
#include "ops/elementwise/transcendental_functors.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"sqrt", tiles<Sqrt, 1, FloatTypes>},   {"exp", packed_tiles<Exp>},
    {"expm1", packed_tiles<Expm1>},         {"log", packed_tiles<Log>},
    {"log1p", packed_tiles<Log1p>},         {"log2", tiles<Log2, 1, FloatTypes>},
    {"log10", tiles<Log10, 1, FloatTypes>}, {"tanh", packed_tiles<Tanh>},
    {"erf", tiles<Erf, 1, FloatTypes>},     {"erfc", tiles<Erfc, 1, FloatTypes>},
};

}  // namespace
}  // namespace bitale
