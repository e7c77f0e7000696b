#include "ops/elementwise/comparison_functors.h"
#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {
namespace {

using namespace scalar;  // NOLINT: the functors' names

const TileRegistrar kRegistrars[] = {
    {"eq", predicate_tiles<Eq, 2, FloatTypes, IntegerTypes, BoolType>},
    {"neq", predicate_tiles<Neq, 2, FloatTypes, IntegerTypes, BoolType>},
    {"lt", predicate_tiles<Lt, 2, FloatTypes, IntegerTypes, BoolType>},
    {"le", predicate_tiles<Le, 2, FloatTypes, IntegerTypes, BoolType>},
    {"gt", predicate_tiles<Gt, 2, FloatTypes, IntegerTypes, BoolType>},
    {"ge", predicate_tiles<Ge, 2, FloatTypes, IntegerTypes, BoolType>},
    {"isnan", predicate_tiles<IsNan, 1, FloatTypes, IntegerTypes, BoolType>},
    {"isinf", predicate_tiles<IsInf, 1, FloatTypes, IntegerTypes, BoolType>},
    {"logical_and", predicate_tiles<LogicalAnd, 2, BoolType>},
    {"logical_or", predicate_tiles<LogicalOr, 2, BoolType>},
    {"logical_xor", predicate_tiles<LogicalXor, 2, BoolType>},
    {"logical_not", predicate_tiles<LogicalNot, 1, BoolType>},
    {"bitwise_and", tiles<BitwiseAnd, 2, IntegerTypes, BoolType>},
    {"bitwise_or", tiles<BitwiseOr, 2, IntegerTypes, BoolType>},
    {"bitwise_xor", tiles<BitwiseXor, 2, IntegerTypes, BoolType>},
    {"bitwise_not", tiles<BitwiseNot, 1, IntegerTypes, BoolType>},
};

}  // namespace
}  // namespace bitale
