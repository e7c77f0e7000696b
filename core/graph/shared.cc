#include "core/graph/shared.h"

#include <mutex>
#include <shared_mutex>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {
namespace {

const std::shared_ptr<SharedContainer>& container_of(const Variable& variable, const char* what) {
  if (!variable.defined()) {
    throw TypeError(absl::StrCat(what, ": no variable is given (a default-constructed Variable)"));
  }
  if (!variable.is_shared()) {
    throw TypeError(absl::StrCat(what, ": ", variable.str(),
                                 " is not a shared variable\n  made at: ", variable.site().str()));
  }
  return variable.container();
}

void check_shape(const TensorType& type, const Tensor& value, std::string_view name,
                 SourceSite site) {
  if (equals_or_narrows(fixed_type(value.dtype(), value.shape()), type)) return;
  throw ShapeError(absl::StrCat("shared variable ", std::string(name), " of type ", type.str(),
                                " cannot hold a value of shape ", to_string(value.shape()),
                                "\n  at: ", resolve_site(site).str()));
}

}  // namespace

Variable shared(const Tensor& value, std::string name, SharedOptions options, SourceSite site) {
  if (!value.defined()) {
    throw TypeError("shared: the Tensor has no value\n  at: " + resolve_site(site).str());
  }
  TensorType type = fixed_type(value.dtype(), value.shape());
  if (options.dims) {
    type.dims = *options.dims;
    check_shape(type, value, name, site);
  }
  auto container = std::make_shared<SharedContainer>(options.borrow ? value : value.copy());
  return Variable::make_shared(std::move(container), std::move(type), std::move(name), site);
}

Tensor get_value(const Variable& variable, bool borrow) {
  SharedContainer& container = *container_of(variable, "get_value");
  std::shared_lock<std::shared_mutex> lock(container.mutex());
  const Tensor value = container.read();
  return borrow ? value : value.copy();
}

void set_value(const Variable& variable, const Tensor& value, bool borrow) {
  SharedContainer& container = *container_of(variable, "set_value");
  if (!value.defined()) {
    throw TypeError(absl::StrCat("set_value: the Tensor for ", variable.str(),
                                 " has no value\n  made at: ", variable.site().str()));
  }
  if (value.dtype() != variable.dtype()) {
    throw TypeError(absl::StrCat(
        "set_value: ", variable.str(), " holds ", std::string(name_of(variable.dtype())),
        ", the value is ", std::string(name_of(value.dtype())),
        "\n  made at: ", variable.site().str(), "\n  hint: value.cast(dtype) converts it"));
  }
  check_shape(variable.type(), value, variable.str(), variable.site().source);
  std::unique_lock<std::shared_mutex> lock(container.mutex());
  if (borrow) {
    container.adopt(value);
  } else {
    container.assign(value);
  }
}

}  // namespace bitale
