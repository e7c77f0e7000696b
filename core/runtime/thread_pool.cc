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

// Tells the core that this is a loop that waits.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Looks at `done()` for about as long as waking a sleeping thread takes; returns its last answer.
template <typename Done>
bool spin(Done&& done) {
  constexpr int kLooks = 2000;
  for (int look = 0; look < kLooks; ++look) {
    if (done()) return true;
    relax();
  }
  return done();
}

// Kernels follow each other within microseconds: workers look out for the next one before they
// sleep, and a caller whose blocks are all taken does not wait for a worker that is still waking.
class ThreadPool {
 public:
  static ThreadPool& instance() {
    // Leaked on purpose: workers may outlive static destruction.
    static ThreadPool& pool = *new ThreadPool;
    return pool;
  }

  void run(int64_t blocks, void (*call)(void*, int64_t), void* body) {
    const int helpers = thread_count() - 1;
    std::unique_lock<std::mutex> owner(owner_, std::defer_lock);
    if (blocks <= 1 || helpers <= 0 || inside_block || !owner.try_lock()) {
      for (int64_t block = 0; block < blocks; ++block) call(body, block);
      return;
    }
    bool someone_sleeps;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (static_cast<int>(workers_.size()) < helpers) {
        workers_.emplace_back([this] { work(); });
        workers_.back().detach();
      }
      call_ = call;
      body_ = body;
      blocks_ = blocks;
      next_block_.store(0, std::memory_order_relaxed);
      places_ = helpers;
      error_ = nullptr;
      round_.fetch_add(1, std::memory_order_release);
      someone_sleeps = sleepers_ > 0;
    }
    if (someone_sleeps) wake_.notify_all();
    take_blocks();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      places_ = 0;
    }
    const auto all_left = [this] { return running_.load(std::memory_order_acquire) == 0; };
    if (!spin(all_left)) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, all_left);
    }
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

  void work() {
    uint64_t seen = 0;
    while (true) {
      const auto is_new = [&] { return round_.load(std::memory_order_acquire) != seen; };
      const bool came = spin(is_new);
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (!came) {
          ++sleepers_;
          wake_.wait(lock, is_new);
          --sleepers_;
        }
        seen = round_.load(std::memory_order_relaxed);
        if (places_ == 0) continue;  // the round is over, or has workers enough
        --places_;
        running_.fetch_add(1, std::memory_order_relaxed);
      }
      take_blocks();
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::mutex owner_;  // one caller at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> workers_;
  // Changes only while no worker is in a round.
  void (*call_)(void*, int64_t) = nullptr;
  void* body_ = nullptr;
  int64_t blocks_ = 0;
  std::atomic<int64_t> next_block_{0};
  std::atomic<uint64_t> round_{0};
  std::atomic<int> running_{0};
  // Guarded by mutex_.
  int places_ = 0;  // how many workers may still enter the round
  int sleepers_ = 0;
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
