// What one call of a program in flight needs: workspaces, streams, and blocks for its outputs.

#ifndef BITALE_CORE_RUNTIME_EXECUTION_CONTEXT_H_
#define BITALE_CORE_RUNTIME_EXECUTION_CONTEXT_H_

#include <memory>
#include <mutex>
#include <vector>

#include "core/runtime/device_run.h"
#include "core/runtime/program.h"
#include "core/tensor/storage.h"

namespace bitale {

class ExecutionContext {
 public:
  explicit ExecutionContext(const Program& program)
      : workspace_(Storage::allocate(kCpu, program.workspace_bytes())),
        inputs(program.input_count),
        shared(program.shared.size()),
        outputs(program.outputs.size()) {
    if (!program.device_arenas.empty()) devices_ = std::make_unique<DeviceRun>(program);
  }

  void* workspace() const { return workspace_->data(); }
  // Null for programs of the host alone.
  DeviceRun* devices() const { return devices_.get(); }

 private:
  std::shared_ptr<Storage> workspace_;
  std::unique_ptr<DeviceRun> devices_;

 public:
  // Addresses for ProgramBindings.
  std::vector<void*> inputs;
  std::vector<void*> shared;
  std::vector<void*> outputs;
};

// Contexts and output blocks of one program, reused by later calls. Thread-safe.
class ContextPool {
 public:
  explicit ContextPool(std::shared_ptr<const Program> program);

  // Returned to the pool when the pointer dies.
  class Returner {
   public:
    explicit Returner(ContextPool* pool = nullptr) : pool_(pool) {}
    void operator()(ExecutionContext* context) const;

   private:
    ContextPool* pool_;
  };
  using Lease = std::unique_ptr<ExecutionContext, Returner>;
  Lease acquire();

  // A block for output `index` that no tensor holds: an earlier one that the user dropped, or new.
  // With `borrow`, always the same block.
  std::shared_ptr<Storage> output_block(size_t index, bool borrow);

 private:
  void give_back(ExecutionContext* context);

  std::shared_ptr<const Program> program_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ExecutionContext>> idle_;
  std::vector<std::vector<std::shared_ptr<Storage>>> blocks_;  // per output
};

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_EXECUTION_CONTEXT_H_
