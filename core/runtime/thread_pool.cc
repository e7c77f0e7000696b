#include "core/runtime/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
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
  constexpr int kLooks = 8000;
  for (int look = 0; look < kLooks; ++look) {
    if (done()) return true;
    relax();
  }
  return done();
}

// The blocks that one thread is to run: a range, as one word, of which it takes the first and others
// the last.
class alignas(64) Share {
 public:
  void set(int64_t begin, int64_t end) {
    range_.store(static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end),
                 std::memory_order_relaxed);
  }

  // -1 if none is left.
  int64_t take_first() {
    return take([](Range& range) { return range.begin++; });
  }
  int64_t take_last() {
    return take([](Range& range) { return --range.end; });
  }

 private:
  struct Range {
    uint64_t begin, end;
  };

  template <typename Which>
  int64_t take(Which&& which) {
    uint64_t word = range_.load(std::memory_order_relaxed);
    while (true) {
      Range range{word >> 32, word & UINT32_MAX};
      if (range.begin >= range.end) return -1;
      const auto block = static_cast<int64_t>(which(range));
      if (range_.compare_exchange_weak(word, range.begin << 32 | range.end,
                                       std::memory_order_relaxed)) {
        return block;
      }
    }
  }

  std::atomic<uint64_t> range_{0};
};

// Kernels follow each other within microseconds: workers look out for the next one before they
// sleep, and a caller whose blocks are all taken does not wait for a worker that is still waking.
//
// Each thread begins with a range of blocks of its own, always the same one: so what a block reads
// and writes is still in its core's cache when the next kernel, or the next call, works on that part
// of the same tensor. Who has finished takes blocks from the end of another's range.
class ThreadPool {
 public:
  static ThreadPool& instance() {
    // Leaked on purpose: workers may outlive static destruction.
    static ThreadPool& pool = *new ThreadPool;
    return pool;
  }

  void run(int64_t blocks, void (*call)(void*, int64_t), void* body) {
    const int helpers = static_cast<int>(std::min<int64_t>(thread_count(), blocks)) - 1;
    std::unique_lock<std::mutex> owner(owner_, std::defer_lock);
    if (helpers <= 0 || blocks > kMostBlocks || inside_block || !owner.try_lock()) {
      for (int64_t block = 0; block < blocks; ++block) call(body, block);
      return;
    }
    bool someone_sleeps;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (static_cast<int>(workers_.size()) < helpers) {
        const int number = static_cast<int>(workers_.size()) + 1;
        workers_.emplace_back([this, number] { work(number); });
        workers_.back().detach();
      }
      while (static_cast<int>(shares_.size()) <= helpers) shares_.emplace_back();
      call_ = call;
      body_ = body;
      threads_ = helpers + 1;
      for (int thread = 0; thread < threads_; ++thread) {
        shares_[static_cast<size_t>(thread)].set(blocks * thread / threads_,
                                                 blocks * (thread + 1) / threads_);
      }
      open_ = true;
      error_ = nullptr;
      round_.fetch_add(1, std::memory_order_release);
      someone_sleeps = sleepers_ > 0;
    }
    if (someone_sleeps) wake_.notify_all();
    take_blocks(0);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      open_ = false;
    }
    const auto all_left = [this] { return running_.load(std::memory_order_acquire) == 0; };
    if (!spin(all_left)) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, all_left);
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  static constexpr int64_t kMostBlocks = UINT32_MAX;

  void run_block(int64_t block) {
    try {
      call_(body_, block);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  // Thread 0 is the caller.
  void take_blocks(int thread) {
    inside_block = true;
    Share& own = shares_[static_cast<size_t>(thread)];
    for (int64_t block; (block = own.take_first()) >= 0;) run_block(block);
    for (int step = 1; step < threads_; ++step) {
      Share& other = shares_[static_cast<size_t>((thread + step) % threads_)];
      for (int64_t block; (block = other.take_last()) >= 0;) run_block(block);
    }
    inside_block = false;
  }

  void work(int thread) {
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
        if (!open_ || thread >= threads_) continue;  // the round is over, or is for fewer threads
        running_.fetch_add(1, std::memory_order_relaxed);
      }
      take_blocks(thread);
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
  // Change only while no worker is in a round.
  void (*call_)(void*, int64_t) = nullptr;
  void* body_ = nullptr;
  std::deque<Share> shares_;  // by thread
  int threads_ = 0;           // in this round
  std::atomic<uint64_t> round_{0};
  std::atomic<int> running_{0};
  // Guarded by mutex_.
  bool open_ = false;  // workers may enter the round
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
