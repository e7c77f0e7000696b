#include "ops/elementwise/activation_functors.h"
#include "ops/elementwise/packed_tiles_cpu.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"sigmoid", packed_tiles<Sigmoid>},
    {"softplus", packed_tiles<Softplus>},
    {"relu", tiles<Relu, 1, FloatTypes, IntegerTypes, BoolType>},
    {"leaky_relu", tiles<LeakyRelu, 2, FloatTypes>},
    {"elu", tiles<Elu, 2, FloatTypes>},
    {"round", tiles<Round, 1, FloatTypes>},
    {"floor", tiles<Floor, 1, FloatTypes>},
    {"ceil", tiles<Ceil, 1, FloatTypes>},
    {"trunc", tiles<Trunc, 1, FloatTypes>},
};

}  // namespace
}  // namespace bitale
