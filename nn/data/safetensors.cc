#include "nn/data/safetensors.h"

#include <algorithm>
#include <exception>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/tensor/file.h"
#include "nlohmann/json.hpp"

namespace bitale {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetadata = "__metadata__";
constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 8;
constexpr size_t kMostAxes = 32;
// As the reference implementation.
constexpr uint64_t kLongestHeader = 100'000'000;
// {name: {shape: [length]}}: nothing valid nests deeper.
constexpr int kDeepest = 3;

constexpr std::pair<std::string_view, DType> kCodes[] = {
    {"BOOL", DType::kBool},   {"I8", DType::kInt8},       {"I16", DType::kInt16},
    {"I32", DType::kInt32},   {"I64", DType::kInt64},     {"U8", DType::kUint8},
    {"U16", DType::kUint16},  {"U32", DType::kUint32},    {"U64", DType::kUint64},
    {"F16", DType::kFloat16}, {"BF16", DType::kBFloat16}, {"F32", DType::kFloat32},
    {"F64", DType::kFloat64}};

std::optional<DType> dtype_of_code(std::string_view code) {
  for (const auto& [text, dtype] : kCodes) {
    if (text == code) return dtype;
  }
  return std::nullopt;
}

std::string code_of(DType dtype) {
  for (const auto& [text, other] : kCodes) {
    if (other == dtype) return std::string(text);
  }
  return "";
}

// The header as JSON. Refuses names that come twice, which JSON would allow, and needless depth.
absl::StatusOr<Json> parse_header(std::string_view text) {
  bool too_deep = false;
  std::optional<std::string> twice;
  absl::flat_hash_set<std::string> names;
  const auto look = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest) too_deep = true;
    if (depth == 1 && event == Json::parse_event_t::key) {
      const std::string& name = value.get_ref<const std::string&>();
      if (!names.insert(name).second) twice = name;
    }
    return depth <= kDeepest;
  };
  Json header = Json::parse(text.begin(), text.end(), look, /*allow_exceptions=*/false);
  if (header.is_discarded()) return absl::DataLossError("the header is not valid JSON");
  if (too_deep || !header.is_object()) {
    return absl::DataLossError("the header is not an object of tensors");
  }
  if (twice) return absl::DataLossError(absl::StrCat("the name \"", *twice, "\" comes twice"));
  return header;
}

struct Entry {
  std::string name;
  DType dtype;
  Dims shape;
  uint64_t begin;
  uint64_t end;
};

bool read_length(const Json& value, int64_t& length) {
  if (!value.is_number_unsigned()) return false;
  const uint64_t number = value.get<uint64_t>();
  length = static_cast<int64_t>(number);
  return length >= 0;
}

absl::StatusOr<Entry> parse_entry(const std::string& name, const Json& value, uint64_t data_size) {
  const auto wrong = [&](const auto&... what) {
    return absl::DataLossError(absl::StrCat("tensor \"", name, "\": ", what...));
  };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets") || value.size() != 3) {
    return wrong("its entry is not an object of dtype, shape and data_offsets");
  }
  Entry entry{.name = name, .dtype = {}, .shape = {}, .begin = 0, .end = 0};
  const Json& code = value["dtype"];
  if (!code.is_string()) return wrong("dtype is not a string");
  const auto dtype = dtype_of_code(code.get_ref<const std::string&>());
  if (!dtype) return wrong("dtype ", code.get_ref<const std::string&>(), " is not supported");
  entry.dtype = *dtype;
  const Json& shape = value["shape"];
  if (!shape.is_array() || shape.size() > kMostAxes) return wrong("shape is not a list of lengths");
  for (const Json& item : shape) {
    int64_t length;
    if (!read_length(item, length)) return wrong("shape is not a list of lengths");
    entry.shape.push_back(length);
  }
  const Json& offsets = value["data_offsets"];
  int64_t begin, end;
  if (!offsets.is_array() || offsets.size() != 2 || !read_length(offsets[0], begin) ||
      !read_length(offsets[1], end)) {
    return wrong("data_offsets are not two numbers");
  }
  entry.begin = static_cast<uint64_t>(begin);
  entry.end = static_cast<uint64_t>(end);
  if (entry.begin > entry.end || entry.end > data_size) {
    return wrong("data_offsets ", begin, " to ", end, " lie outside the ", data_size,
                 " bytes of elements");
  }
  const auto size = checked_bytes(entry.dtype, entry.shape);
  if (!size || *size != entry.end - entry.begin) {
    return wrong("shape ", to_string(entry.shape), " of ", std::string(name_of(entry.dtype)),
                 " does not fit its ", entry.end - entry.begin, " bytes");
  }
  return entry;
}

absl::StatusOr<SafeTensors> parse_contents(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return absl::DataLossError("the file ends within the header");
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) length = length << 8 | static_cast<uint8_t>(bytes[i]);
  bytes.remove_prefix(kLengthBytes);
  if (length > bytes.size() || length > kLongestHeader) {
    return absl::DataLossError(
        absl::StrCat("the header claims ", length, " bytes, the file has ", bytes.size()));
  }
  const absl::StatusOr<Json> header = parse_header(bytes.substr(0, length));
  if (!header.ok()) return header.status();
  bytes.remove_prefix(length);

  SafeTensors contents;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header->items()) {
    if (name == kMetadata) {
      if (!value.is_object()) return absl::DataLossError("__metadata__ is not an object");
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string()) return absl::DataLossError("__metadata__ holds more than strings");
        contents.metadata[key] = text.get_ref<const std::string&>();
      }
      continue;
    }
    absl::StatusOr<Entry> entry = parse_entry(name, value, bytes.size());
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end) {
      return absl::DataLossError(absl::StrCat("tensor \"", entry.name, "\" starts at ", entry.begin,
                                              " where ", end, " is due: overlap or gap"));
    }
    end = entry.end;
  }
  if (end != bytes.size()) {
    return absl::DataLossError(
        absl::StrCat(bytes.size() - end, " bytes behind the last tensor belong to none"));
  }
  for (Entry& entry : entries) {
    contents.tensors.emplace_back(
        std::move(entry.name),
        tensor_from_bytes(entry.dtype, std::move(entry.shape),
                          bytes.substr(entry.begin, entry.end - entry.begin)));
  }
  return contents;
}

absl::Status named(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

// Header and its length, padded so that the elements start aligned.
absl::StatusOr<std::string> format_header(const SafeTensors& contents) {
  Json header = Json::object();
  if (!contents.metadata.empty()) header[kMetadata] = contents.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : contents.tensors) {
    if (name == kMetadata || header.contains(name)) {
      return absl::InvalidArgumentError(absl::StrCat("the name \"", name, "\" comes twice"));
    }
    const uint64_t end = offset + tensor.bytes();
    header[name] = {{"dtype", code_of(tensor.dtype())},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("a name is not UTF-8: ", error.what()));
  }
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  std::string bytes;
  for (size_t i = 0; i < kLengthBytes; ++i) bytes += static_cast<char>(text.size() >> (8 * i));
  return bytes + text;
}

}  // namespace

const Tensor* SafeTensors::find(std::string_view name) const {
  const auto found = std::ranges::find(
      tensors, name, [](const auto& entry) -> std::string_view { return entry.first; });
  return found == tensors.end() ? nullptr : &found->second;
}

absl::StatusOr<SafeTensors> parse_safetensors(std::string_view bytes, const std::string& name) {
  absl::StatusOr<SafeTensors> contents = parse_contents(bytes);
  return contents.ok() ? std::move(contents) : named(name, contents.status());
}

absl::StatusOr<SafeTensors> read_safetensors(const std::string& path) {
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  return parse_safetensors(*bytes, path);
}

absl::Status write_safetensors(const std::string& path, const SafeTensors& contents) {
  const absl::StatusOr<std::string> header = format_header(contents);
  if (!header.ok()) return named(path, header.status());
  std::vector<Tensor> tensors;
  std::vector<std::string_view> parts = {*header};
  for (const auto& [name, tensor] : contents.tensors) {
    tensors.push_back(tensor.to(kCpu).contiguous());
    parts.emplace_back(static_cast<const char*>(tensors.back().raw_data()), tensor.bytes());
  }
  return write_file_atomically(path, parts);
}

}  // namespace bitale
