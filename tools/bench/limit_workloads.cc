// What this machine can do: square matrix products by the best library at hand, and memory
// bandwidth. Libraries are looked for at run time, so that the competitor builds without them.

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/bench/data.h"
#include "tools/bench/workload.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace bitale::bench {
namespace {

void* open_first(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  throw std::invalid_argument(absl::StrCat("not installed: ", *names.begin()));
}

template <typename F>
F* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr) throw std::invalid_argument(absl::StrCat("the library lacks ", name));
  return reinterpret_cast<F*>(found);
}

using DnnlSgemm = int(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t,
                      const float*, int64_t, float, float*, int64_t);
template <typename T>
using Cblas = void(int, int, int, int, int, int, T, const T*, int, const T*, int, T, T*, int);
using SetThreads = void(int);

template <typename T>
std::function<void()> openblas_product(const Tensor& a, const Tensor& b, const Tensor& c) {
  void* const library = open_first({"libopenblas.so.0", "libopenblas.so"});
  symbol<SetThreads>(library, "openblas_set_num_threads")(thread_count());
  auto* const gemm =
      symbol<Cblas<T>>(library, sizeof(T) == sizeof(float) ? "cblas_sgemm" : "cblas_dgemm");
  return [=] {
    constexpr int kRowMajor = 101, kAsIs = 111;
    const int n = static_cast<int>(a.dim(0));
    gemm(kRowMajor, kAsIs, kAsIs, n, n, n, T{1}, a.data<T>(), n, b.data<T>(), n, T{0}, c.data<T>(),
         n);
  };
}

std::function<void()> onednn_product(const Tensor& a, const Tensor& b, const Tensor& c) {
  if (a.dtype() != DType::kFloat32) throw std::invalid_argument("oneDNN multiplies float32 only");
  void* const library = open_first({"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"});
  // Its threads are OpenMP's, in Debian's build.
  symbol<SetThreads>(library, "omp_set_num_threads")(thread_count());
  auto* const gemm = symbol<DnnlSgemm>(library, "dnnl_sgemm");
  return [=] {
    const int64_t n = a.dim(0);
    gemm('N', 'N', n, n, n, 1, a.data<float>(), n, b.data<float>(), n, 0, c.data<float>(), n);
  };
}

// One vector of 64 bytes; compiled for several instruction sets, the best is taken at run time (by
// the loader, which sanitizers do not outlive).
typedef float Lanes __attribute__((vector_size(64)));
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BITALE_BENCH_CLONES \
  __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define BITALE_BENCH_CLONES
#endif

// Sums of vectors that are wider than a register lie in memory, which is slower than what they sum.
typedef float HalfLanes __attribute__((vector_size(32)));

constexpr int64_t kLanes = sizeof(Lanes) / sizeof(float);

BITALE_BENCH_CLONES void read_all(const float* a, int64_t count, float* out) {
  const HalfLanes* const x = reinterpret_cast<const HalfLanes*>(a);
  HalfLanes sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {}, sum4 = {}, sum5 = {}, sum6 = {}, sum7 = {};
  for (int64_t i = 0; i + 8 <= count / kLanes * 2; i += 8) {
    sum0 += x[i];
    sum1 += x[i + 1];
    sum2 += x[i + 2];
    sum3 += x[i + 3];
    sum4 += x[i + 4];
    sum5 += x[i + 5];
    sum6 += x[i + 6];
    sum7 += x[i + 7];
  }
  *reinterpret_cast<HalfLanes*>(out) =
      ((sum0 + sum1) + (sum2 + sum3)) + ((sum4 + sum5) + (sum6 + sum7));
}

BITALE_BENCH_CLONES void triad(float* a, const float* b, const float* c, int64_t count) {
  Lanes* const x = reinterpret_cast<Lanes*>(a);
  const Lanes* const y = reinterpret_cast<const Lanes*>(b);
  const Lanes* const z = reinterpret_cast<const Lanes*>(c);
  for (int64_t i = 0; i < count / kLanes; ++i) x[i] = y[i] + 3.0f * z[i];
}

BITALE_BENCH_CLONES void scale(float* a, const float* b, int64_t count) {
  Lanes* const x = reinterpret_cast<Lanes*>(a);
  const Lanes* const y = reinterpret_cast<const Lanes*>(b);
  for (int64_t i = 0; i < count / kLanes; ++i) x[i] = 3.0f * y[i];
}

// As scale, with stores that do not read the line they write.
void stream(float* a, const float* b, int64_t count) {
#if defined(__SSE2__)
  const __m128 three = _mm_set1_ps(3.0f);
  for (int64_t i = 0; i < count; i += 4)
    _mm_stream_ps(a + i, _mm_mul_ps(three, _mm_load_ps(b + i)));
  _mm_sfence();
#else
  scale(a, b, count);
#endif
}

// The same loop in each thread, over memory of its own; the slowest one counts.
int64_t run_in_threads(int threads, const std::function<void(int)>& body) {
  std::atomic<int> waiting = threads;
  std::vector<int64_t> times(threads);
  const auto work = [&](int thread) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) {
    }
    const auto start = std::chrono::steady_clock::now();
    body(thread);
    times[thread] = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  for (std::thread& other : others) other.join();
  return *std::max_element(times.begin(), times.end());
}

}  // namespace

// Square matrices of `size`, by our own dot, oneDNN's sgemm or OpenBLAS.
Workload product(Spec& spec) {
  const int64_t size = spec.integer("size", 1024);
  const std::string library = spec.word("library", "bitale", {"bitale", "onednn", "openblas"});
  const DType dtype = spec.dtype();
  spec.check_all_used();
  const Tensor a = uniform(1, {size, size}, -1, 1, dtype);
  const Tensor b = uniform(2, {size, size}, -1, 1, dtype);
  Workload workload;
  workload.flops = 2.0 * static_cast<double>(size) * static_cast<double>(size * size);
  if (library == "bitale") {
    const Function dot_of_both = function({}, dot(shared(a, "a"), shared(b, "b")));
    workload.values = fingerprint(dot_of_both().only());
    workload.run = timed([dot_of_both] { dot_of_both(); });
    return workload;
  }
  const Tensor c = Tensor::zeros(dtype, {size, size});
  std::function<void()> multiply;
  if (library == "onednn") {
    multiply = onednn_product(a, b, c);
  } else {
    multiply = dtype == DType::kFloat32 ? openblas_product<float>(a, b, c)
                                        : openblas_product<double>(a, b, c);
  }
  multiply();
  workload.values = fingerprint(c);
  workload.run = timed(multiply);
  return workload;
}

// Bytes per second, with `bytes` of arrays in all: read (one array), scale (a = 3 b), stream (the
// same, past the caches) or triad (a = b + 3 c). Threads share the bytes out among them.
Workload bandwidth(Spec& spec) {
  const std::string kind = spec.word("kind", "read", {"read", "scale", "stream", "triad"});
  const int64_t bytes = spec.integer("bytes", 1 << 28);
  spec.check_all_used();
  const int threads = thread_count();
  const int64_t arrays = kind == "read" ? 1 : kind == "triad" ? 3 : 2;
  const int64_t step = 4 * kLanes;
  const int64_t count =
      std::max<int64_t>(bytes / (threads * arrays * int64_t{sizeof(float)}) / step, 1) * step;
  // Each thread's arrays in one block: 64 bytes more than needed, for alignment.
  auto memory = std::make_shared<std::vector<Tensor>>();
  for (int thread = 0; thread < threads; ++thread) {
    memory->push_back(Tensor::ones(DType::kFloat32, {arrays * count + 2 * kLanes}));
  }
  Workload workload;
  workload.bytes = static_cast<double>(threads * arrays * count) * sizeof(float);
  workload.run = [=](int64_t n) {
    return run_in_threads(threads, [&](int thread) {
      const auto address = reinterpret_cast<uintptr_t>((*memory)[thread].raw_data());
      float* const a =
          reinterpret_cast<float*>((address + sizeof(Lanes) - 1) & ~(sizeof(Lanes) - 1));
      float* const b = a + count;
      alignas(sizeof(Lanes)) float sum[kLanes];
      for (int64_t i = 0; i < n; ++i) {
        if (kind == "read") read_all(a, count, sum);
        if (kind == "scale") scale(a, b, count);
        if (kind == "stream") stream(a, b, count);
        if (kind == "triad") triad(a, b, b + count, count);
        // Nothing may be moved out of the loop.
        asm volatile("" : : "r"(a), "r"(sum) : "memory");
      }
    });
  };
  workload.run(1);
  return workload;
}

}  // namespace bitale::bench
