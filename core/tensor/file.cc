#include "core/tensor/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace bitale {
namespace {

absl::Status system_error(const std::string& path, const char* what) {
  const int code = errno;
  return absl::ErrnoToStatus(code, absl::StrCat(path, ": cannot ", what));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  // Closes now, so that the error is seen.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

// Makes the rename itself survive a crash; not every file system can.
void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0) ::fsync(fd.get());
}

std::string temporary_name(const std::string& path) {
  static std::atomic<int> counter{0};
  return absl::StrCat(path, ".tmp.", ::getpid(), ".", ++counter);
}

}  // namespace

absl::StatusOr<std::string> read_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_error(path, "open");
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return system_error(path, "look at");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, "read");
    if (count == 0) break;  // it has become shorter
    filled += static_cast<size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

absl::Status write_file_atomically(const std::string& path,
                                   std::span<const std::string_view> parts) {
  const std::string temporary = temporary_name(path);
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd.get() < 0) return system_error(temporary, "create");
  const bool written = std::all_of(
      parts.begin(), parts.end(), [&](std::string_view part) { return write_all(fd.get(), part); });
  absl::Status status;
  if (!written || ::fsync(fd.get()) != 0 || !fd.close()) {
    status = system_error(temporary, "write");
  } else if (::rename(temporary.c_str(), path.c_str()) != 0) {
    status = system_error(path, "replace");
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  sync_folder_of(path);
  return absl::OkStatus();
}

std::optional<uint64_t> checked_bytes(DType dtype, std::span<const int64_t> shape) {
  // Zero lengths do not hide an overflow of the others: strides are products of those.
  int64_t product = static_cast<int64_t>(size_of(dtype));
  bool empty = false;
  for (const int64_t length : shape) {
    if (length < 0) return std::nullopt;
    empty = empty || length == 0;
    if (length > 0 && __builtin_mul_overflow(product, length, &product)) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(product);
}

Tensor tensor_from_bytes(DType dtype, Dims shape, std::string_view bytes, bool reversed) {
  const Tensor tensor = Tensor::empty(dtype, std::move(shape));
  if (!bytes.empty()) std::memcpy(tensor.raw_data(), bytes.data(), bytes.size());
  sanitize_elements(tensor, reversed);
  return tensor;
}

void sanitize_elements(const Tensor& tensor, bool reversed) {
  const size_t width = size_of(tensor.dtype());
  auto* bytes = static_cast<unsigned char*>(tensor.raw_data());
  if (tensor.dtype() == DType::kBool) {
    for (size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = bytes[i] != 0;
  } else if (reversed && width > 1) {
    for (size_t i = 0; i < tensor.bytes(); i += width) std::reverse(bytes + i, bytes + i + width);
  }
}

}  // namespace bitale
