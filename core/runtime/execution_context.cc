#include "core/runtime/execution_context.h"

#include <atomic>

namespace bitale {
namespace {

// Blocks kept per output: a user who holds more results than this pays for their allocation.
constexpr size_t kMostBlocks = 4;

}  // namespace

ContextPool::ContextPool(std::shared_ptr<const Program> program)
    : program_(std::move(program)), blocks_(program_->outputs.size()) {
  for (auto& blocks : blocks_) blocks.reserve(kMostBlocks);
}

void ContextPool::Returner::operator()(ExecutionContext* context) const {
  pool_->give_back(context);
}

ContextPool::Lease ContextPool::acquire() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      ExecutionContext* context = idle_.back().release();
      idle_.pop_back();
      return Lease(context, Returner(this));
    }
  }
  return Lease(new ExecutionContext(*program_), Returner(this));
}

void ContextPool::give_back(ExecutionContext* context) {
  std::lock_guard<std::mutex> lock(mutex_);
  idle_.emplace_back(context);
}

std::shared_ptr<Storage> ContextPool::output_block(size_t index, bool borrow) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<Storage>>& blocks = blocks_[index];
  for (const std::shared_ptr<Storage>& block : blocks) {
    if (borrow || block.use_count() == 1) {
      // Pairs with the release of the last holder, who may be another thread.
      std::atomic_thread_fence(std::memory_order_acquire);
      return block;
    }
  }
  auto block = Storage::allocate(program_->outputs[index].device, program_->outputs[index].bytes());
  if (blocks.size() < kMostBlocks) blocks.push_back(block);
  return block;
}

}  // namespace bitale
