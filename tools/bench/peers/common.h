// What the peers in C++ share: the line protocol, and the data. common.py is its counterpart; these
// files include nothing of Bitale's but ../counter_hash.h, so that a peer is compiled by itself.

#ifndef BITALE_TOOLS_BENCH_PEERS_COMMON_H_
#define BITALE_TOOLS_BENCH_PEERS_COMMON_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peers {

// A workload's name and its key=value pairs; every pair must be asked for.
class Spec {
 public:
  // std::invalid_argument for a word without `=`.
  explicit Spec(const std::string& line);

  const std::string& name() const { return name_; }

  std::string word(const std::string& key, const std::string& fallback);
  // std::invalid_argument for text that is no number.
  int64_t integer(const std::string& key, int64_t fallback);
  double number(const std::string& key, double fallback);
  // Whether the key dtype says float64. std::invalid_argument for anything but that and float32.
  bool float64();
  // Whether the key mode says train. std::invalid_argument for anything but that and infer.
  bool training();

  // std::invalid_argument naming the keys that nothing has asked for.
  void check_all_used() const;

 private:
  std::string name_;
  std::map<std::string, std::string> values_;
  std::set<std::string> used_;
};

std::vector<std::string> split(const std::string& text, char separator);

// Element i is low + (high - low) * unit(seed, i) of ../counter_hash.h.
std::vector<double> uniform(uint32_t seed, int64_t count, double low, double high);

// In [0, classes).
std::vector<int64_t> labels(uint32_t seed, int64_t count, int64_t classes);

// Two numbers that differ where values do; see ../data.h.
std::vector<double> fingerprint(const std::vector<double>& values);

// Something to time.
struct Workload {
  // Makes one call.
  std::function<void()> call;
  // What the first calls computed.
  std::vector<double> values = {};
  // Of several ways to do it, the one that was taken.
  std::string variant = {};
  // From the start of building to the first result, less a second call; below 0 if nobody asks.
  int64_t compile_ns = -1;
};

using Clock = std::chrono::steady_clock;

// A workload of steps whose first three results are its values. `result` reads the latest;
// building began at `start`.
Workload of_steps(Clock::time_point start, std::function<void()> step,
                  const std::function<std::vector<double>()>& result);

// One way to do a workload. Making it throws if the library cannot do it this way.
struct Candidate {
  std::string name;
  std::function<Workload()> make;
};

// The candidate whose calls take least, after a first look at each. If none can be made, what the
// last one threw.
Workload fastest(const std::vector<Candidate>& candidates);

struct Peer {
  std::string name;
  std::string version;
  // By the workload's name.
  std::map<std::string, std::function<Workload(Spec&)>> makers;
};

// N of the argument --threads=N; 1 without one.
int threads(int argc, char** argv);

// Answers lines of standard input until they end. README.md has the protocol.
int serve(const Peer& peer, int threads);

}  // namespace peers

#endif  // BITALE_TOOLS_BENCH_PEERS_COMMON_H_
