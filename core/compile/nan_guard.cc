#include "core/compile/nan_guard.h"

#include <cmath>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {

void NanGuard::after(const Instruction& instruction, const KernelFrame& frame) {
  for (size_t o = 0; o < instruction.outputs.size(); ++o) {
    const DType dtype = instruction.output_dtypes[o];
    if (!is_floating(dtype)) continue;
    const Dims& shape = instruction.output_shapes[o];
    const int64_t count = element_count(shape);
    visit_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
      const T* values = static_cast<const T*>(frame.outputs[o]);
      for (int64_t i = 0; i < count; ++i) {
        const double value = static_cast<Wide>(values[i]);
        const bool finite = std::isfinite(value);
        if (finite) continue;
        throw NonFiniteError(absl::StrCat(
            instruction.op_name(), ": element ", i, " of ",
            instruction.outputs.size() == 1 ? "the result" : absl::StrCat("result ", o), ", ",
            std::string(name_of(dtype)), " ", to_string(shape), ", is ", value, "\n",
            instruction.describe_inputs(), "  at: ", instruction.site));
      }
    });
  }
}

}  // namespace bitale
