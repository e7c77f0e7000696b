#include "core/tensor/container.h"

#include <atomic>

#include "core/base/error.h"
#include "core/tensor/device_memory.h"

namespace bitale {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> counter{0};
  return ++counter;
}

Tensor to_strided_host(const Tensor& tensor, Layout layout, DType dtype, const Dims& shape) {
  const Tensor host = tensor.to(kCpu);
  if (layout.is_strided()) return host;
  Tensor strided = Tensor::empty(dtype, shape);
  layout.packing->unpack(host, strided, layout.parameters);
  return strided;
}

}  // namespace

SharedContainer::SharedContainer(Tensor value)
    : id_(next_id()), dtype_(value.dtype()), shape_(value.shape()) {
  const Device device = value.device();
  forms_.push_back({device, {}, version_, value.contiguous()});
}

SharedContainer::Form& SharedContainer::find_form(Device device, Layout layout) {
  for (Form& form : forms_) {
    if (form.device == device && form.layout == layout) return form;
  }
  const Dims shape = layout.is_strided()
                         ? shape_
                         : Dims{layout.packing->element_count(dtype_, shape_, layout.parameters)};
  forms_.push_back({device, layout, 0, Tensor::empty(dtype_, shape, device)});
  return forms_.back();
}

void SharedContainer::bring_up_to_date(Form& form) {
  if (form.version == version_) return;
  // A strided one, if there is: from a packed one there may be no way back.
  const Form* source = nullptr;
  for (const Form& candidate : forms_) {
    if (candidate.version != version_) continue;
    if (source == nullptr || candidate.layout.is_strided()) source = &candidate;
  }
  ++conversions_;
  Tensor host = to_strided_host(source->tensor, source->layout, dtype_, shape_);
  // Into the memory that is there: addresses stay.
  const Layout& layout = form.layout;
  if (form.device.is_cpu()) {
    if (layout.is_strided()) {
      form.tensor.assign(host);
    } else {
      layout.packing->pack(host, form.tensor, layout.parameters);
    }
    form.version = version_;
    return;
  }
  if (!layout.is_strided()) {
    const Tensor packed = Tensor::empty(dtype_, form.tensor.shape());
    layout.packing->pack(host, packed, layout.parameters);
    host = packed;
  }
  if (host.bytes() > 0) {
    device_memory(form.device.kind)
        .copy_from_host(form.device.index, form.tensor.raw_data(), host.raw_data(), host.bytes());
  }
  form.version = version_;
}

Tensor SharedContainer::read(Device device, Layout layout) {
  std::lock_guard<std::mutex> lock(cache_mutex_);
  Form& form = find_form(device, layout);
  bring_up_to_date(form);
  return form.tensor;
}

Tensor SharedContainer::begin_write(Device device, Layout layout) { return read(device, layout); }

void SharedContainer::wrote(Device device, Layout layout) {
  ++version_;
  find_form(device, layout).version = version_;
}

void SharedContainer::assign(const Tensor& value) {
  if (value.shape() != shape_ || value.dtype() != dtype_) {
    adopt(value.copy());
    return;
  }
  Form& form = find_form(kCpu, {});
  form.tensor.assign(value.to(kCpu));
  form.version = ++version_;
}

void SharedContainer::adopt(const Tensor& value) {
  if (value.dtype() != dtype_) {
    throw TypeError("a shared variable of dtype " + std::string(name_of(dtype_)) +
                    " cannot take a value of dtype " + std::string(name_of(value.dtype())));
  }
  shape_ = value.shape();
  forms_.clear();
  forms_.push_back({value.device(), {}, ++version_, value.contiguous()});
  ++generation_;
}

}  // namespace bitale
