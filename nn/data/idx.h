// IDX files: the format that MNIST and its kin come in.
//
// A file is two zero bytes, an element type, the number of axes, the lengths and the elements, all
// big-endian; often gzipped. Damaged files give errors, and no memory is taken before the lengths
// are known to agree with the (decompressed) size.

#ifndef BITALE_NN_DATA_IDX_H_
#define BITALE_NN_DATA_IDX_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace bitale {

// A contiguous CPU tensor of the file's shape and dtype (uint8, int8, int16, int32, float32 or
// float64), gzipped or raw. Errors name the file and what is wrong with it.
absl::StatusOr<Tensor> read_idx(const std::string& path);
// The same from memory; `name` stands for the file in errors.
absl::StatusOr<Tensor> parse_idx(std::string_view bytes, const std::string& name = "IDX data");

}  // namespace bitale

#endif  // BITALE_NN_DATA_IDX_H_
