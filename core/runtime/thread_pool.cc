#include "core/runtime/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/options.h"

namespace bitale {
namespace {

thread_local bool inside_block = false;

class ThreadPool {
 public:
  static ThreadPool& instance() {
    // Leaked on purpose: workers may outlive static destruction.
    static ThreadPool& pool = *new ThreadPool;
    return pool;
  }

  void run(int64_t blocks, void (*call)(void*, int64_t), void* body) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    const int helpers = thread_count() - 1;
    if (blocks <= 1 || helpers <= 0 || inside_block || !owner.owns_lock()) {
      for (int64_t block = 0; block < blocks; ++block) call(body, block);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (static_cast<int>(workers_.size()) < helpers) {
        workers_.emplace_back([this, index = workers_.size()] { work(index); });
        workers_.back().detach();
      }
      call_ = call;
      body_ = body;
      blocks_ = blocks;
      next_block_.store(0, std::memory_order_relaxed);
      active_helpers_ = helpers;
      running_ = helpers;
      error_ = nullptr;
      ++round_;
    }
    wake_.notify_all();
    take_blocks();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void take_blocks() {
    inside_block = true;
    while (true) {
      const int64_t block = next_block_.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks_) break;
      try {
        call_(body_, block);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    inside_block = false;
  }

  void work(size_t index) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (static_cast<int>(index) >= active_helpers_) continue;
      lock.unlock();
      take_blocks();
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex owner_;  // one caller at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> workers_;
  void (*call_)(void*, int64_t) = nullptr;
  void* body_ = nullptr;
  int64_t blocks_ = 0;
  std::atomic<int64_t> next_block_{0};
  int active_helpers_ = 0;
  int running_ = 0;
  uint64_t round_ = 0;
  std::exception_ptr error_;
};

}  // namespace

int thread_count() {
  if (options().threads > 0) return options().threads;
  static const int hardware = static_cast<int>(std::thread::hardware_concurrency());
  return hardware > 0 ? hardware : 1;
}

namespace internal {

void run_blocks(int64_t blocks, void (*call)(void*, int64_t), void* body) {
  ThreadPool::instance().run(blocks, call, body);
}

}  // namespace internal
}  // namespace bitale
