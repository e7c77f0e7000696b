#include "core/tensor/npy.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "core/tensor/file.h"

namespace bitale {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;
constexpr size_t kMostAxes = 32;
// numpy leaves room for the first length to grow in place.
constexpr size_t kLengthDigits = 21;

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims shape;
};

// A Python literal of the one form that headers have: a dict of strings to a string, a bool and a
// tuple of integers.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  // Nothing if the text is anything else.
  std::optional<Header> parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':')) return std::nullopt;
      bool* seen = nullptr;
      bool valid = false;
      if (*key == "descr") {
        seen = &has_descr;
        valid = assign(string(), header.descr);
      } else if (*key == "fortran_order") {
        seen = &has_order;
        valid = assign(boolean(), header.fortran_order);
      } else if (*key == "shape") {
        seen = &has_shape;
        valid = tuple(header.shape);
      }
      if (!valid || std::exchange(*seen, true)) return std::nullopt;
      if (!take(',') && !peek('}')) return std::nullopt;
    }
    skip_spaces();
    if (!text_.empty() || !has_descr || !has_order || !has_shape) return std::nullopt;
    return header;
  }

 private:
  template <typename T>
  static bool assign(std::optional<T> value, T& to) {
    if (value) to = *std::move(value);
    return value.has_value();
  }
  void skip_spaces() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0]))) {
      text_.remove_prefix(1);
    }
  }
  bool peek(char c) {
    skip_spaces();
    return !text_.empty() && text_[0] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string> string() {
    const char quote = peek('"') ? '"' : '\'';
    if (!take(quote)) return std::nullopt;
    const size_t end = text_.find(quote);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view content = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return std::string(content);
  }
  std::optional<bool> boolean() {
    if (take_word("True")) return true;
    if (take_word("False")) return false;
    return std::nullopt;
  }
  bool tuple(Dims& dims) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_spaces();
      int64_t length = 0;
      const auto end = std::from_chars(text_.data(), text_.data() + text_.size(), length);
      if (end.ec != std::errc() || length < 0 || dims.size() == kMostAxes) return false;
      text_.remove_prefix(static_cast<size_t>(end.ptr - text_.data()));
      dims.push_back(length);
      if (!take(',') && !peek(')')) return false;
    }
    return true;
  }

  std::string_view text_;
};

// The dtype of "f4", "u1", ...
std::optional<DType> dtype_of_code(std::string_view code) {
  static constexpr std::pair<std::string_view, DType> kCodes[] = {
      {"b1", DType::kBool},    {"i1", DType::kInt8},    {"i2", DType::kInt16},
      {"i4", DType::kInt32},   {"i8", DType::kInt64},   {"u1", DType::kUint8},
      {"u2", DType::kUint16},  {"u4", DType::kUint32},  {"u8", DType::kUint64},
      {"f2", DType::kFloat16}, {"f4", DType::kFloat32}, {"f8", DType::kFloat64}};
  for (const auto& [text, dtype] : kCodes) {
    if (text == code) return dtype;
  }
  return std::nullopt;
}

// "<f4"; empty if numpy has no such type.
std::string descr_of(DType dtype) {
  if (dtype == DType::kBFloat16) return "";
  const char order = size_of(dtype) == 1 ? '|' : '<';
  const char kind = dtype == DType::kBool      ? 'b'
                    : is_floating(dtype)       ? 'f'
                    : is_signed_integer(dtype) ? 'i'
                                               : 'u';
  return absl::StrCat(std::string(1, order), std::string(1, kind), size_of(dtype));
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

absl::StatusOr<Tensor> parse_npy(std::string_view bytes, const std::string& name) {
  const auto damaged = [&](const auto&... what) {
    return absl::DataLossError(absl::StrCat(name, ": ", what...));
  };
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + 2) {
    return damaged("not an npy file: it does not start with numpy's magic string");
  }
  const int version = static_cast<unsigned char>(bytes[kMagic.size()]);
  if (version < 1 || version > 3) return damaged("npy version ", version, " is not known");
  bytes.remove_prefix(kMagic.size() + 2);
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < length_bytes) return damaged("the file ends within the header");
  const uint64_t header_size = little_endian(bytes.substr(0, length_bytes));
  bytes.remove_prefix(length_bytes);
  if (bytes.size() < header_size) {
    return damaged("the header claims ", header_size, " bytes, the file has ", bytes.size());
  }
  const auto header = HeaderParser(bytes.substr(0, header_size)).parse();
  if (!header) return damaged("the header is not a dict of descr, fortran_order and shape");
  bytes.remove_prefix(header_size);

  const std::string& descr = header->descr;
  const bool has_order =
      !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
  const auto dtype = dtype_of_code(std::string_view(descr).substr(has_order ? 1 : 0));
  if (!dtype) return damaged("elements of type \"", descr, "\" are not supported");
  const auto expected = checked_bytes(*dtype, header->shape);
  if (!expected || *expected != bytes.size()) {
    return damaged("shape ", to_string(header->shape), " of ", std::string(name_of(*dtype)),
                   " does not fit the ", bytes.size(), " bytes of elements");
  }
  const bool reversed = descr[0] == '>';
  if (!header->fortran_order) return tensor_from_bytes(*dtype, header->shape, bytes, reversed);
  Dims backwards(header->shape.rbegin(), header->shape.rend());
  return tensor_from_bytes(*dtype, std::move(backwards), bytes, reversed).transpose().contiguous();
}

absl::StatusOr<Tensor> read_npy(const std::string& path) {
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  return parse_npy(*bytes, path);
}

absl::StatusOr<std::string> format_npy(const Tensor& value) {
  const std::string descr = descr_of(value.dtype());
  if (descr.empty()) {
    return absl::InvalidArgumentError(
        "npy files cannot hold bfloat16: cast the tensor to float32 first");
  }
  std::string header =
      absl::StrCat("{'descr': '", descr,
                   "', 'fortran_order': False, 'shape': ", to_string(value.shape()), ", }");
  if (value.rank() > 0) {
    header.append(kLengthDigits - std::to_string(value.shape()[0]).size(), ' ');
  }
  const size_t prefix = kMagic.size() + 4;
  header.append(kAlignment - (prefix + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  const Tensor elements = value.to(kCpu).contiguous();
  bytes.append(static_cast<const char*>(elements.raw_data()), elements.bytes());
  return bytes;
}

absl::Status write_npy(const std::string& path, const Tensor& value) {
  const absl::StatusOr<std::string> bytes = format_npy(value);
  if (!bytes.ok()) {
    return absl::Status(bytes.status().code(), absl::StrCat(path, ": ", bytes.status().message()));
  }
  const std::string_view part = *bytes;
  return write_file_atomically(path, {&part, 1});
}

}  // namespace bitale
