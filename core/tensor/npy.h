// numpy's .npy files.
//
// Reads versions 1 to 3, C and Fortran order, both byte orders; writes what numpy.save writes, byte
// for byte. Elements: bool, integers, float16, float32, float64; numpy has no bfloat16. Damaged
// files give errors, and no memory is taken that the file's own size does not warrant.

#ifndef BITALE_CORE_TENSOR_NPY_H_
#define BITALE_CORE_TENSOR_NPY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace bitale {

// numpy.load: a contiguous tensor on the CPU. Errors name the file and what is wrong with it.
absl::StatusOr<Tensor> read_npy(const std::string& path);
// The same from memory; `name` stands for the file in errors.
absl::StatusOr<Tensor> parse_npy(std::string_view bytes, const std::string& name = "npy data");

// numpy.save. The file is complete or as it was before. InvalidArgument for bfloat16.
absl::Status write_npy(const std::string& path, const Tensor& value);
// The file's bytes.
absl::StatusOr<std::string> format_npy(const Tensor& value);

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_NPY_H_
