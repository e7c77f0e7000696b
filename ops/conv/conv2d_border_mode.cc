#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/conv/conv2d.h"

namespace bitale {

BorderMode::BorderMode(std::string_view name, SourceSite site) {
  if (name == "valid") {
    kind_ = Kind::kValid;
  } else if (name == "full") {
    kind_ = Kind::kFull;
  } else if (name == "half") {
    kind_ = Kind::kHalf;
  } else {
    throw GraphError(absl::StrCat("conv2d: unknown border_mode \"", std::string(name),
                                  "\"\n  at: ", resolve_site(site).str(),
                                  "\n  hint: \"valid\", \"full\", \"half\", {height, width} or "
                                  "{{top, bottom}, {left, right}}"));
  }
}

BorderMode::BorderMode(int64_t height, int64_t width, SourceSite site)
    : BorderMode(std::pair(height, height), std::pair(width, width), site) {}

BorderMode::BorderMode(std::pair<int64_t, int64_t> top_bottom,
                       std::pair<int64_t, int64_t> left_right, SourceSite site)
    : kind_(Kind::kExplicit),
      pads_{top_bottom.first, top_bottom.second, left_right.first, left_right.second} {
  for (const int64_t pad : pads_) {
    if (pad < 0) {
      throw GraphError(absl::StrCat("conv2d: padding must not be negative: ", pad,
                                    "\n  at: ", resolve_site(site).str(),
                                    "\n  hint: slice the input to crop it"));
    }
  }
}

int64_t BorderMode::pad(size_t axis, size_t side, int64_t extent) const {
  switch (kind_) {
    case Kind::kValid:
      return 0;
    case Kind::kFull:
      return extent - 1;
    case Kind::kHalf:
      return extent / 2;
    case Kind::kExplicit:
      break;
  }
  return pads_[2 * axis + side];
}

}  // namespace bitale
