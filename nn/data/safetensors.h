// safetensors files: named tensors and strings, as other frameworks read and write them.
//
// A file is the header's length (8 bytes, little-endian), a header in JSON and the elements.
// Damaged files give errors, and no memory is taken that the file's own size does not warrant.

#ifndef BITALE_NN_DATA_SAFETENSORS_H_
#define BITALE_NN_DATA_SAFETENSORS_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace bitale {

struct SafeTensors {
  // In the order of their elements in the file.
  std::vector<std::pair<std::string, Tensor>> tensors;
  // What the format calls __metadata__.
  std::map<std::string, std::string> metadata;

  // The tensor of this name, or null.
  const Tensor* find(std::string_view name) const;
};

// All of the file, as contiguous CPU tensors. Errors name the file and what is wrong with it.
absl::StatusOr<SafeTensors> read_safetensors(const std::string& path);
// The same from memory; `name` stands for the file in errors.
absl::StatusOr<SafeTensors> parse_safetensors(std::string_view bytes,
                                              const std::string& name = "safetensors data");

// The file is complete or as it was before. InvalidArgument for a name that comes twice or is not
// UTF-8.
absl::Status write_safetensors(const std::string& path, const SafeTensors& contents);

}  // namespace bitale

#endif  // BITALE_NN_DATA_SAFETENSORS_H_
