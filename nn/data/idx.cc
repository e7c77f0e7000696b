#include "nn/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor/file.h"

namespace bitale {
namespace {

constexpr size_t kFixedHeader = 4;
constexpr size_t kMostAxes = 32;
// DEFLATE cannot expand further.
constexpr uint64_t kHighestExpansion = 1032;

std::optional<DType> dtype_of_code(uint8_t code) {
  switch (code) {
    case 0x08:
      return DType::kUint8;
    case 0x09:
      return DType::kInt8;
    case 0x0B:
      return DType::kInt16;
    case 0x0C:
      return DType::kInt32;
    case 0x0D:
      return DType::kFloat32;
    case 0x0E:
      return DType::kFloat64;
    default:
      return std::nullopt;
  }
}

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

uint32_t little_endian(const uint8_t* bytes) {
  return uint32_t{bytes[3]} << 24 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[1]} << 8 | bytes[0];
}

// A stream of bytes of which the total length is claimed, but not yet proven.
class Source {
 public:
  virtual ~Source() = default;
  // Bytes that are still to come, as far as the file says.
  virtual uint64_t claimed_size() const = 0;
  // Whether `size` more bytes are possible at all.
  virtual bool could_hold(uint64_t size) const = 0;
  // Fills `to`, or returns false.
  virtual bool read(uint8_t* to, size_t size) = 0;
  // Whether exactly everything was read and all checksums are right.
  virtual bool finish() = 0;
};

class RawSource final : public Source {
 public:
  explicit RawSource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t claimed_size() const override { return bytes_.size(); }
  bool could_hold(uint64_t size) const override { return size == bytes_.size(); }
  bool read(uint8_t* to, size_t size) override {
    if (bytes_.size() < size) return false;
    std::copy_n(bytes_.data(), size, to);
    bytes_.remove_prefix(size);
    return true;
  }
  bool finish() override { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// One gzip member.
class GzipSource final : public Source {
 public:
  explicit GzipSource(std::string_view bytes) : left_(bytes), packed_size_(bytes.size()) {
    // The last four bytes are the decompressed length modulo 2^32.
    if (bytes.size() >= 4) {
      claimed_ = little_endian(reinterpret_cast<const uint8_t*>(bytes.data() + bytes.size() - 4));
    }
    constexpr int kGzipFormat = 16;
    ready_ = inflateInit2(&stream_, kGzipFormat + MAX_WBITS) == Z_OK;
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  uint64_t claimed_size() const override { return static_cast<uint32_t>(claimed_ - done_); }
  bool could_hold(uint64_t size) const override {
    return static_cast<uint32_t>(claimed_ - done_) == static_cast<uint32_t>(size) &&
           size / kHighestExpansion <= packed_size_;
  }
  bool read(uint8_t* to, size_t size) override {
    done_ += size;
    return inflate_into(to, size) == size;
  }
  bool finish() override {
    uint8_t beyond;
    return inflate_into(&beyond, 1) == 0 && ended_ && left_.empty() && stream_.avail_in == 0;
  }
  // Whether the file ends before the stream does: the trailer with its length is none then. Reads
  // all that is left.
  bool truncated() {
    std::array<uint8_t, 1 << 16> ignored;
    while (inflate_into(ignored.data(), ignored.size()) == ignored.size()) {
    }
    return starved_;
  }

 private:
  // Returns how many bytes came.
  size_t inflate_into(uint8_t* to, size_t size) {
    size_t filled = 0;
    while (ready_ && !ended_) {
      constexpr size_t kMost = std::numeric_limits<uInt>::max();
      if (stream_.avail_in == 0) {
        const size_t count = std::min(left_.size(), kMost);
        // zlib does not write through this pointer.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(left_.data()));
        stream_.avail_in = static_cast<uInt>(count);
        left_.remove_prefix(count);
      }
      const size_t room = std::min(size - filled, kMost);
      stream_.next_out = to + filled;
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      filled += room - stream_.avail_out;
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result != Z_OK) {
        starved_ = result == Z_BUF_ERROR && filled < size;
        return filled;
      } else if (filled == size) {
        return filled;
      }
    }
    return filled;
  }

  z_stream stream_{};
  std::string_view left_;
  uint64_t packed_size_;
  uint64_t claimed_ = 0;
  uint64_t done_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  bool starved_ = false;
};

absl::StatusOr<Tensor> parse(Source& source, const std::string& name) {
  const auto damaged = [&](const auto&... what) {
    return absl::DataLossError(absl::StrCat(name, ": ", what...));
  };
  std::array<uint8_t, 4 * kMostAxes> bytes;
  if (!source.read(bytes.data(), kFixedHeader)) return damaged("the file ends within the header");
  if (bytes[0] != 0 || bytes[1] != 0) {
    return damaged("not an IDX file: it starts with ",
                   absl::Hex(big_endian(bytes.data()), absl::kZeroPad8), " where 0000 is due");
  }
  const auto dtype = dtype_of_code(bytes[2]);
  if (!dtype) return damaged("element type ", absl::Hex(bytes[2]), " is not known");
  const size_t rank = bytes[3];
  if (rank > kMostAxes) return damaged("an IDX file of ", rank, " axes is not supported");
  if (!source.read(bytes.data(), 4 * rank)) return damaged("the file ends within the header");
  Dims shape;
  for (size_t axis = 0; axis < rank; ++axis) shape.push_back(big_endian(&bytes[4 * axis]));

  const auto size = checked_bytes(*dtype, shape);
  if (!size || !source.could_hold(*size)) {
    return damaged("shape ", to_string(shape), " of ", std::string(name_of(*dtype)),
                   " does not fit the ", source.claimed_size(), " bytes of elements");
  }
  Tensor tensor = Tensor::empty(*dtype, std::move(shape));
  if (!source.read(static_cast<uint8_t*>(tensor.raw_data()), tensor.bytes())) {
    return damaged("the file ends within the elements or cannot be decompressed");
  }
  if (!source.finish()) return damaged("there is more than the elements, or a checksum is wrong");
  sanitize_elements(tensor, /*reversed=*/true);
  return tensor;
}

}  // namespace

absl::StatusOr<Tensor> parse_idx(std::string_view bytes, const std::string& name) {
  if (bytes.starts_with("\x1f\x8b")) {
    GzipSource source(bytes);
    absl::StatusOr<Tensor> tensor = parse(source, name);
    if (!tensor.ok() && source.truncated()) {
      return absl::DataLossError(absl::StrCat(name, ": the gzip stream is truncated"));
    }
    return tensor;
  }
  RawSource source(bytes);
  return parse(source, name);
}

absl::StatusOr<Tensor> read_idx(const std::string& path) {
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  return parse_idx(*bytes, path);
}

}  // namespace bitale
