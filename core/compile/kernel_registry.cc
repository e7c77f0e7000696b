#include "core/compile/kernel_registry.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/compile/late_kernels.h"

namespace bitale {
namespace {

// Set during static initialisation, read after it.
constinit const KernelRegistrar* newest_registrar = nullptr;

bool precedes(const KernelRegistration* a, const KernelRegistration* b) {
  const int rank_a = -a->rank;
  const int rank_b = -b->rank;
  return std::tuple(std::string_view(a->op), a->device, rank_a, std::string_view(a->name)) <
         std::tuple(std::string_view(b->op), b->device, rank_b, std::string_view(b->name));
}

struct LateKernels {
  std::vector<std::unique_ptr<KernelRegistration>> kernels;
  std::vector<const KernelRegistration*> pointers;
};
using LateTable = std::map<std::string, LateKernels, std::less<>>;

std::array<LateTable, 3>& late_tables() {
  static auto& tables = *new std::array<LateTable, 3>;
  return tables;
}

}  // namespace

bool OperandLayout::contiguous() const {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 0) return true;
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

KernelRegistrar::KernelRegistrar(const KernelRegistration& registration)
    : registration_(registration), next_(newest_registrar) {
  newest_registrar = this;
}

std::vector<const KernelRegistration*> all_kernels() {
  std::vector<const KernelRegistration*> all;
  for (const KernelRegistrar* r = newest_registrar; r != nullptr; r = r->next_) {
    all.push_back(&r->registration_);
  }
  std::sort(all.begin(), all.end(), precedes);
  return all;
}

std::span<const KernelRegistration* const> kernels_of(std::string_view op, DeviceKind device) {
  using Key = std::pair<std::string_view, DeviceKind>;
  static const auto& table = *[] {
    auto* groups = new absl::flat_hash_map<Key, std::vector<const KernelRegistration*>>;
    for (const KernelRegistration* r : all_kernels()) (*groups)[{r->op, r->device}].push_back(r);
    return groups;
  }();
  const auto it = table.find({op, device});
  if (it != table.end()) return it->second;
  const auto& late = late_tables()[static_cast<size_t>(device)];
  const auto late_it = late.find(op);
  if (late_it == late.end()) return {};
  return late_it->second.pointers;
}

void set_late_kernels(DeviceKind device, std::span<const KernelRegistration> kernels) {
  LateTable& table = late_tables()[static_cast<size_t>(device)];
  table.clear();
  for (const KernelRegistration& kernel : kernels) {
    LateKernels& group = table[kernel.op];
    group.kernels.push_back(std::make_unique<KernelRegistration>(kernel));
    group.pointers.push_back(group.kernels.back().get());
  }
  for (auto& [op, group] : table) std::sort(group.pointers.begin(), group.pointers.end(), precedes);
}

const KernelRegistration* choose_kernel(const KernelCall& call, DeviceKind device,
                                        std::string* reasons) {
  for (const KernelRegistration* candidate : kernels_of(call.op.name(), device)) {
    const char* refusal = candidate->supports ? candidate->supports(call) : nullptr;
    if (refusal == nullptr) return candidate;
    if (reasons != nullptr) absl::StrAppend(reasons, "  ", candidate->name, ": ", refusal, "\n");
  }
  return nullptr;
}

}  // namespace bitale
