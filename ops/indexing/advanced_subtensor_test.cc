#include "ops/indexing/advanced_subtensor.h"

#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/indexing/subtensor.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Variable integers(const std::vector<int64_t>& values) {
  return constant(Tensor::from(values, {static_cast<int64_t>(values.size())}));
}

TEST(AdvancedSubtensor, PicksOneElementPerRow) {
  run_op_case({.name = "p[arange(n), y]",
               .inputs = {random_tensor({4, 3}), Tensor::of<int64_t>({2, 0, -1, 1})},
               .build =
                   [](const Variables& v) {
                     return v[0][{arange(shape(v[1], 0)), v[1]}];
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {4});
                     const int64_t columns[] = {2, 0, 2, 1};
                     for (int64_t i = 0; i < 4; ++i) {
                       set_element(result, {i}, element(x[0], {i, columns[i]}));
                     }
                     return result;
                   }});
}

TEST(AdvancedSubtensor, TakesRowsInAnyOrderAndNumber) {
  run_op_case({.name = "rows",
               .inputs = {random_tensor({3, 4})},
               .build =
                   [](const Variables& v) {
                     return v[0][integers({2, 0, 2, -1, 2})];
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {5, 4});
                     const int64_t from[] = {2, 0, 2, 2, 2};
                     for_each_index({5, 4}, [&](const Dims& at) {
                       set_element(result, at, element(x[0], {from[at[0]], at[1]}));
                     });
                     return result;
                   }});
}

TEST(AdvancedSubtensor, ArraysBroadcastAgainstEachOther) {
  run_op_case({.name = "(3, 1) with (2,)",
               .inputs = {random_tensor({4, 5, 6})},
               .build =
                   [](const Variables& v) {
                     const Variable a = constant(Tensor::of<int32_t>({{3}, {0}, {1}}));
                     return v[0][{a, integers({4, 2})}];
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {3, 2, 6});
                     const int64_t a[] = {3, 0, 1};
                     const int64_t b[] = {4, 2};
                     for_each_index({3, 2, 6}, [&](const Dims& at) {
                       set_element(result, at, element(x[0], {a[at[0]], b[at[1]], at[2]}));
                     });
                     return result;
                   }});
}

TEST(AdvancedSubtensor, MixesWithSlicesIntegersAndNewAxes) {
  const Tensor value = random_tensor({4, 5, 6});
  const auto check = [&](const char* name, const Indices& indices, const Dims& shape,
                         const std::function<Dims(const Dims&)>& from) {
    run_op_case({.name = name,
                 .inputs = {value},
                 .build = [&](const Variables& v) { return subtensor(v[0], indices); },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       Tensor result = Tensor::zeros(DType::kFloat64, shape);
                       for_each_index(shape, [&](const Dims& at) {
                         set_element(result, at, element(x[0], from(at)));
                       });
                       return result;
                     }});
  };
  const int64_t a[] = {3, 0, 1};
  const Variable array = integers({3, 0, 1});
  check("after a slice", {slice(1, 3), array}, {2, 3, 6}, [&](const Dims& at) {
    return Dims{at[0] + 1, a[at[1]], at[2]};
  });
  check("integer beside it", {slice(), array, 2}, {4, 3}, [&](const Dims& at) {
    return Dims{at[0], a[at[1]], 2};
  });
  check("apart: dims of arrays first", {array, slice(1, 3), array}, {3, 2}, [&](const Dims& at) {
    return Dims{a[at[0]], at[1] + 1, a[at[0]]};
  });
  check("apart by an integer", {0, slice(), array}, {3, 5}, [&](const Dims& at) {
    return Dims{0, at[1], a[at[0]]};
  });
  check("new axis in front", {newaxis, array}, {1, 3, 5, 6}, [&](const Dims& at) {
    return Dims{a[at[1]], at[2], at[3]};
  });
}

TEST(AdvancedSubtensor, OfNothing) {
  run_op_case({.name = "no entries",
               .inputs = {random_tensor({3, 4}), Tensor::empty(DType::kInt64, {0})},
               .build = [](const Variables& v) { return v[0][v[1]]; },
               .oracle =
                   [](const std::vector<Tensor>&) {
                     return Tensor::zeros(DType::kFloat64, {0, 4});
                   }});
}

TEST(AdvancedSubtensor, RefusesIndicesOutOfRange) {
  const Variable x = dmatrix("x");
  const Variable i = lvector("i");
  const Function f = function({x, i}, x[{slice(), i}]);
  const Tensor value = random_tensor({2, 3});
  EXPECT_EQ(f(value, Tensor::of<int64_t>({-3, 2})).only().shape(), Dims({2, 2}));
  for (const int64_t wrong : {3, -4}) {
    try {
      f(value, Tensor::of<int64_t>({0, wrong})).only().to_vector<double>();
      ADD_FAILURE() << "index " << wrong << " was accepted";
    } catch (const ExecutionError& error) {
      EXPECT_NE(
          std::string(error.what())
              .find("index " + std::to_string(wrong) + " is out of range for axis 1 of length 3"),
          std::string::npos)
          << error.what();
    }
  }
}

TEST(AdvancedSubtensor, TakesEveryIndexAndElementDType) {
  for (const DType dtype : kAllDTypes) {
    const Variable x = tensor(dtype, {Dim()}, "x");
    const Tensor value = Tensor::arange(DType::kInt64, 5).cast(dtype);
    const Tensor expected = Tensor::of<int64_t>({4, 0, 2}).cast(dtype);
    const Variable i = constant(Tensor::of<int64_t>({4, 0, 2}));
    EXPECT_TRUE(equal_to(eval(x[i], {{x, value}}), expected)) << name_of(dtype);
    if (!is_integer(dtype)) continue;
    const Variable j = constant(Tensor::of<int64_t>({4, 0, 2}).cast(dtype));
    EXPECT_TRUE(equal_to(eval(take(x, j, 0), {{x, value}}), expected)) << name_of(dtype);
  }
}

TEST(Take, PutsTheDimsOfTheIndicesAtTheAxis) {
  run_op_case({.name = "axis 1 by a matrix",
               .inputs = {random_tensor({2, 4, 3})},
               .build =
                   [](const Variables& v) {
                     return take(v[0], Tensor::of<int64_t>({{3, 0}, {1, 3}}), 1);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     const int64_t from[2][2] = {{3, 0}, {1, 3}};
                     Tensor result = Tensor::zeros(DType::kFloat64, {2, 2, 2, 3});
                     for_each_index({2, 2, 2, 3}, [&](const Dims& at) {
                       set_element(result, at, element(x[0], {at[0], from[at[1]][at[2]], at[3]}));
                     });
                     return result;
                   }});
  run_op_case(
      {.name = "flattened, by a scalar",
       .inputs = {random_tensor({2, 3})},
       .build = [](const Variables& v) { return take(v[0], int64_t{4}); },
       .oracle =
           [](const std::vector<Tensor>& x) { return x[0].select(0, 1).select(0, 1).copy(); }});
}

TEST(AdvancedIncSubtensor, AddsUpRepeatedPositions) {
  run_op_case({.name = "rows with repeats",
               .inputs = {random_tensor({3, 2}, -1, 1, 1), random_tensor({4, 2}, -1, 1, 2)},
               .build =
                   [](const Variables& v) {
                     return inc_subtensor(v[0][integers({1, 2, 1, -2})], v[1]);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = x[0].copy();
                     const int64_t to[] = {1, 2, 1, 1};
                     for_each_index({4, 2}, [&](const Dims& at) {
                       const Dims place = {to[at[0]], at[1]};
                       set_element(result, place, element(result, place) + element(x[1], at));
                     });
                     return result;
                   }});
}

TEST(AdvancedSetSubtensor, LetsTheLastValueWin) {
  run_op_case({.name = "columns with repeats",
               .inputs = {random_tensor({2, 4}, -1, 1, 1), random_tensor({2, 3}, -1, 1, 2)},
               .build =
                   [](const Variables& v) {
                     return advanced_set_subtensor(v[0], v[1], {integers({3, 0, 3})}, 1);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = x[0].copy();
                     const int64_t to[] = {3, 0, 3};
                     for_each_index({2, 3}, [&](const Dims& at) {
                       set_element(result, {at[0], to[at[1]]}, element(x[1], at));
                     });
                     return result;
                   }});
}

TEST(AdvancedSetSubtensor, WritesThroughSlices) {
  run_op_case({.name = "slice, then array",
               .inputs = {random_tensor({4, 5}, -1, 1, 1), random_tensor({2, 2}, -1, 1, 2)},
               .build =
                   [](const Variables& v) {
                     return inc_subtensor(v[0], {slice(1, 3), integers({4, 0})}, v[1]);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = x[0].copy();
                     const int64_t to[] = {4, 0};
                     for_each_index({2, 2}, [&](const Dims& at) {
                       const Dims place = {at[0] + 1, to[at[1]]};
                       set_element(result, place, element(x[0], place) + element(x[1], at));
                     });
                     return result;
                   }});
}

TEST(AdvancedSubtensor, RefusesArraysThatDoNotBroadcast) {
  const Variable x = tensor(DType::kFloat32, {4, 5}, "x");
  expect_error<ShapeError>(
      [&] {
        x[{integers({1, 2, 3}), integers({1, 2})}];
      },
      {"the index arrays differ in their dims: (3,) and (2,)"});
  expect_error<ShapeError>([&] { take(x, integers({1}), 2); },
                           {"take: axis 2 is out of range for 2 axes"});
  expect_error<TypeError>(
      [&] {
        set_subtensor(x[{slice(0, 2), integers({1})}], 0.0);
      },
      {"set_subtensor: cannot tell which tensor", "set_subtensor(x, {indices}"});
}

}  // namespace
}  // namespace bitale
