// Whole files in and out, as absl::Status errors that name the file. For data formats; nothing here
// throws.

#ifndef BITALE_CORE_TENSOR_FILE_H_
#define BITALE_CORE_TENSOR_FILE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace bitale {

// The bytes of a regular file. NotFound, or what else the system says.
absl::StatusOr<std::string> read_file(const std::string& path);

// Makes `path` hold the parts in order, or leaves it as it was: writes beside it, syncs, renames.
absl::Status write_file_atomically(const std::string& path,
                                   std::span<const std::string_view> parts);

// The number of bytes of `shape` elements of `dtype`; nothing if a length is negative or the count
// of a tensor with such lengths does not fit into 63 bits.
std::optional<uint64_t> checked_bytes(DType dtype, std::span<const int64_t> shape);

// A tensor of these bytes, copied; their count must be checked_bytes(). Reverses each element's
// bytes if `reversed`, and makes every bool 0 or 1.
Tensor tensor_from_bytes(DType dtype, Dims shape, std::string_view bytes, bool reversed = false);

// Makes elements valid that were copied from a file into `tensor` (contiguous): see above.
void sanitize_elements(const Tensor& tensor, bool reversed);

static_assert(std::endian::native == std::endian::little,
              "the file formats here assume that the host is little-endian");

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_FILE_H_
