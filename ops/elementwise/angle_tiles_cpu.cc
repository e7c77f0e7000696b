#include "ops/elementwise/make_tiles_cpu.h"
#include "ops/elementwise/transcendental_functors.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"sin", tiles<Sin, 1, FloatTypes>},     {"cos", tiles<Cos, 1, FloatTypes>},
    {"tan", tiles<Tan, 1, FloatTypes>},     {"asin", tiles<Asin, 1, FloatTypes>},
    {"acos", tiles<Acos, 1, FloatTypes>},   {"atan", tiles<Atan, 1, FloatTypes>},
    {"sinh", tiles<Sinh, 1, FloatTypes>},   {"cosh", tiles<Cosh, 1, FloatTypes>},
    {"atan2", tiles<Atan2, 2, FloatTypes>},
};

}  // namespace
}  // namespace bitale
