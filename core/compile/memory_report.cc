#include "core/compile/memory_report.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace bitale {
namespace {

bool in_arena(const MemoryBuffer& buffer) {
  return buffer.kind == MemoryBuffer::Kind::kArena || buffer.kind == MemoryBuffer::Kind::kWorkspace;
}

std::string what_it_is(const MemoryBuffer& buffer) {
  switch (buffer.kind) {
    case MemoryBuffer::Kind::kWorkspace:
      return absl::StrCat("workspace of ", buffer.op);
    case MemoryBuffer::Kind::kOutput:
      return absl::StrCat(buffer.op, ", an output");
    case MemoryBuffer::Kind::kShared:
      return absl::StrCat(buffer.op, ", into its shared variable");
    case MemoryBuffer::Kind::kArena:
      break;
  }
  return buffer.op;
}

// "#3, #7 and 4 more"
std::string list(const std::vector<size_t>& buffers) {
  constexpr size_t kMost = 4;
  const size_t shown = std::min(buffers.size(), kMost);
  std::string text =
      absl::StrJoin(buffers.begin(), buffers.begin() + static_cast<std::ptrdiff_t>(shown), ", ",
                    [](std::string* out, size_t buffer) { absl::StrAppend(out, "#", buffer); });
  if (shown < buffers.size()) absl::StrAppend(&text, " and ", buffers.size() - shown, " more");
  return text;
}

}  // namespace

double MemoryReport::ratio() const {
  if (lower_bound_bytes == 0) return 1;
  return static_cast<double>(arena_bytes + device_arena_bytes) /
         static_cast<double>(lower_bound_bytes);
}

std::vector<size_t> MemoryReport::sharing(size_t buffer) const {
  std::vector<size_t> others;
  const MemoryBuffer& one = buffers[buffer];
  if (!in_arena(one)) return others;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const MemoryBuffer& other = buffers[i];
    if (i == buffer || !in_arena(other) || !(other.device == one.device)) continue;
    if (other.offset < one.offset + one.bytes && one.offset < other.offset + other.bytes) {
      others.push_back(i);
    }
  }
  return others;
}

std::string MemoryReport::str(size_t most_lines) const {
  std::string text = absl::StrFormat(
      "peak %d bytes: workspace %d, outputs %d, on devices %d\n"
      "arena %d bytes, %.3f times the liveness lower bound of %d (instruction %d); without reuse "
      "%d\n",
      peak_bytes, workspace_bytes, output_bytes, device_arena_bytes, arena_bytes, ratio(),
      lower_bound_bytes, peak_instruction, bytes_without_reuse);
  if (!packed.empty()) {
    absl::StrAppend(&text, "packed forms held by shared variables: ", packed_bytes, " bytes\n");
  }
  for (const PackedShared& form : packed) {
    absl::StrAppendFormat(&text, "  %s %s %s as %s: %d bytes\n", form.variable,
                          std::string(name_of(form.dtype)), to_string(form.shape), form.form,
                          form.bytes);
  }
  if (buffers.empty()) return text;
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  const size_t lines = std::min(order.size(), most_lines);
  absl::StrAppend(&text, "  block        bytes     offset  instructions  holds\n");
  for (size_t line = 0; line < lines; ++line) {
    const size_t index = order[line];
    const MemoryBuffer& buffer = buffers[index];
    absl::StrAppendFormat(&text, "%7s %12d %10s %13s  %s %s %s, made at %s",
                          absl::StrCat("#", index), buffer.bytes,
                          in_arena(buffer) ? absl::StrCat(buffer.offset) : "-",
                          absl::StrCat(buffer.begin, "..", buffer.end), what_it_is(buffer),
                          std::string(name_of(buffer.dtype)), to_string(buffer.shape), buffer.site);
    const std::vector<size_t> shared = sharing(index);
    if (buffer.in_place_of >= 0) {
      absl::StrAppend(&text, "; in place of #", buffer.in_place_of);
    } else if (!shared.empty()) {
      absl::StrAppend(&text, "; shares memory with ", list(shared));
    }
    absl::StrAppend(&text, "\n");
  }
  if (lines < order.size()) {
    absl::StrAppend(&text, "  ... and ", order.size() - lines, " smaller blocks\n");
  }
  return text;
}

}  // namespace bitale
