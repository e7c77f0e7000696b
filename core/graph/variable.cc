#include "core/graph/variable.h"

#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/graph/variable_node.h"

namespace bitale {
namespace {

const std::string kNoName;

// The node that counts the handles: output 0 counts for all outputs of its Apply.
VariableNode* counted(VariableNode* node) {
  return node->owner == nullptr ? node : node - node->output_index;
}

void retain(VariableNode* node) noexcept {
  if (node != nullptr) counted(node)->count.fetch_add(1, std::memory_order_relaxed);
}

std::unique_ptr<VariableNode> new_leaf(VariableKind kind, TensorType type, std::string name,
                                       SourceSite site) {
  auto node = std::make_unique<VariableNode>();
  node->kind = kind;
  node->type = std::move(type);
  if (!name.empty()) node->name = std::make_unique<std::string>(std::move(name));
  node->leaf = std::make_unique<LeafData>();
  node->leaf->site = resolve_site(site);
  return node;
}

VariableNode& checked(VariableNode* node) {
  if (node == nullptr) {
    throw TypeError("a default-constructed Variable was used: it is no variable of any graph");
  }
  return *node;
}

}  // namespace

// Frees what the last handle let go. A chain of producers unwinds through `doomed`, not the stack.
void release_node(VariableNode* node) noexcept {
  thread_local std::vector<VariableNode*>* unwinding = nullptr;
  VariableNode* holder = counted(node);
  if (holder->count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (unwinding != nullptr) {
    unwinding->push_back(holder);
    return;
  }
  std::vector<VariableNode*> doomed = {holder};
  unwinding = &doomed;
  while (!doomed.empty()) {
    VariableNode* last = doomed.back();
    doomed.pop_back();
    if (last->owner != nullptr) {
      delete last->owner;
    } else {
      delete last;
    }
  }
  unwinding = nullptr;
}

Variable::Variable(VariableNode* node) noexcept : node_(node) { retain(node_); }
Variable::Variable(const Variable& other) noexcept : node_(other.node_) { retain(node_); }

Variable& Variable::operator=(const Variable& other) noexcept {
  Variable copy(other);
  std::swap(node_, copy.node_);
  return *this;
}

Variable& Variable::operator=(Variable&& other) noexcept {
  std::swap(node_, other.node_);
  return *this;
}

Variable::~Variable() {
  if (node_ != nullptr) release_node(node_);
}

Variable Variable::make_input(TensorType type, std::string name, SourceSite site) {
  return Variable(new_leaf(VariableKind::kInput, std::move(type), std::move(name), site).release());
}

Variable Variable::make_constant(Tensor value, std::string name, SourceSite site) {
  if (!value.defined()) throw TypeError("a constant needs a value\n  at: " + site.str());
  auto node = new_leaf(VariableKind::kConstant, fixed_type(value.dtype(), value.shape()),
                       std::move(name), site);
  node->leaf->value = std::move(value);
  return Variable(node.release());
}

Variable Variable::make_shared(std::shared_ptr<SharedContainer> container, TensorType type,
                               std::string name, SourceSite site) {
  auto node = new_leaf(VariableKind::kShared, std::move(type), std::move(name), site);
  node->leaf->container = std::move(container);
  return Variable(node.release());
}

VariableKind Variable::kind() const { return checked(node_).kind; }
const TensorType& Variable::type() const { return checked(node_).type; }
const std::string& Variable::name() const { return checked(node_).name ? *node_->name : kNoName; }

Variable Variable::named(std::string name) const {
  checked(node_).name = std::make_unique<std::string>(std::move(name));
  return *this;
}

std::string Variable::str() const {
  if (!defined()) return "no variable";
  if (!name().empty()) return name();
  switch (kind()) {
    case VariableKind::kInput:
      return "input";
    case VariableKind::kConstant:
      return "constant";
    case VariableKind::kShared:
      return "shared";
    case VariableKind::kOutput:
      break;
  }
  return std::string(owner()->op().name()) + "." + std::to_string(output_index());
}

const Site& Variable::site() const {
  return checked(node_).leaf ? node_->leaf->site : owner()->site();
}
Apply* Variable::owner() const { return checked(node_).owner; }
size_t Variable::output_index() const { return node_->output_index; }
const Tensor& Variable::value() const { return node_->leaf->value; }
const std::shared_ptr<SharedContainer>& Variable::container() const {
  return node_->leaf->container;
}

Apply::Apply(OpPtr op, ApplyInputs inputs, std::span<const TensorType> types, const Site& site)
    : op_(std::move(op)),
      inputs_(std::move(inputs)),
      outputs_(new VariableNode[types.size()]),
      output_count_(types.size()),
      site_(site) {
  static std::atomic<uint64_t> counter{0};
  serial_ = counter.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < types.size(); ++i) {
    outputs_[i].type = types[i];
    outputs_[i].owner = this;
    outputs_[i].output_index = static_cast<uint32_t>(i);
  }
}

Apply::~Apply() = default;

Variable Apply::output(size_t i) const { return Variable(&outputs_[i]); }

Variables Apply::outputs() const {
  Variables outputs;
  outputs.reserve(output_count_);
  for (size_t i = 0; i < output_count_; ++i) outputs.push_back(output(i));
  return outputs;
}

const std::vector<Site>& Apply::merged_sites() const {
  static const std::vector<Site> kNone;
  return merged_sites_ ? *merged_sites_ : kNone;
}

Apply* make_apply(OpPtr op, ApplyInputs inputs, std::span<const TensorType> types,
                  const Site& site) {
  return new Apply(std::move(op), std::move(inputs), types, site);
}

Variables apply_op(OpPtr op, std::span<const Variable> inputs, SourceSite site) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) {
      throw TypeError(
          std::string(op->name()) + ": operand " + std::to_string(i) +
          " is no variable (a default-constructed Variable)\n  at: " + resolve_site(site).str());
    }
  }
  const std::vector<TensorType> types = op->infer_types(TypeContext(*op, inputs, site));
  Apply* apply = make_apply(std::move(op), ApplyInputs(inputs.begin(), inputs.end()), types,
                            resolve_site(site));
  return apply->outputs();
}

Variable apply_one(OpPtr op, std::span<const Variable> inputs, SourceSite site) {
  return apply_op(std::move(op), inputs, site)[0];
}

Variables reapply(const Apply& apply, std::span<const Variable> inputs) {
  FixedSiteScope scope(apply.site());
  Variables outputs = apply_op(apply.shared_op(), inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Variable old = apply.output(i);
    if (!old.name().empty()) outputs[i].named(old.name());
  }
  return outputs;
}

}  // namespace bitale
