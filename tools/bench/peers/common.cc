#include "common.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "../counter_hash.h"

namespace peers {
namespace {

using bitale::bench::unit;

// Whether text is the first of two words.
bool is_first(const std::string& text, const std::string& first, const std::string& second) {
  if (text != first && text != second) throw std::invalid_argument("no such word: " + text);
  return text == first;
}

// The number that text is, all of it.
template <typename Number>
Number parsed(const std::string& key, const std::string& text, Number fallback) {
  if (text.empty()) return fallback;
  std::istringstream stream(text);
  Number value{};
  if (!(stream >> value) || stream.peek() != std::istringstream::traits_type::eof()) {
    throw std::invalid_argument(key + " is no number: " + text);
  }
  return value;
}

// Nanoseconds that n calls take together.
int64_t time_of(const Workload& workload, int64_t n) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) workload.call();
  return std::chrono::nanoseconds(Clock::now() - start).count();
}

// The most memory that the process has held since it was last asked.
int64_t take_peak_bytes() {
  int64_t kibibytes = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) std::istringstream(line.substr(6)) >> kibibytes;
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return kibibytes * 1024;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const unsigned char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter < ' ' ? ' ' : static_cast<char>(letter);
  }
  return result + '"';
}

// With all digits. Python's JSON knows NaN.
std::string number(double value) {
  if (!std::isfinite(value)) return "NaN";
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

class Session {
 public:
  Session(const Peer& peer, int threads) : peer_(peer), threads_(threads) {}

  // The answer to one line.
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "about") {
      return "{\"name\": " + quoted(peer_.name) + ", \"version\": " + quoted(peer_.version) +
             ", \"threads\": " + std::to_string(threads_) + "}";
    }
    if (command == "prepare") {
      std::string rest;
      std::getline(words, rest);
      return prepare(rest);
    }
    size_t id = 0;
    int64_t n = 0;
    words >> id >> n;
    if (id >= workloads_.size()) throw std::invalid_argument("no such workload or command");
    if (command == "run") return std::to_string(time_of(workloads_[id], n));
    if (command == "release") {
      workloads_[id] = {};
      return "released";
    }
    throw std::invalid_argument("no such command: " + command);
  }

 private:
  std::string prepare(const std::string& line) {
    take_peak_bytes();
    const int64_t before = take_peak_bytes();
    Spec spec(line);
    const auto maker = peer_.makers.find(spec.name());
    if (maker == peer_.makers.end()) throw std::invalid_argument("has no " + spec.name());
    Workload workload = maker->second(spec);

    std::ostringstream told;
    told << "{\"id\": " << workloads_.size() << ", \"values\": [";
    const char* between = "";
    for (const double value : workload.values) {
      told << between << number(value);
      between = ", ";
    }
    told << "], \"peak_bytes\": " << take_peak_bytes() - before;
    if (!workload.variant.empty()) told << ", \"variant\": " << quoted(workload.variant);
    if (workload.compile_ns >= 0) told << ", \"compile_ns\": " << workload.compile_ns;
    workloads_.push_back(std::move(workload));
    return told.str() + "}";
  }

  const Peer& peer_;
  const int threads_;
  std::vector<Workload> workloads_;
};

}  // namespace

Spec::Spec(const std::string& line) {
  std::istringstream words(line);
  words >> name_;
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("not key=value: " + word);
    values_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

std::string Spec::word(const std::string& key, const std::string& fallback) {
  used_.insert(key);
  const auto found = values_.find(key);
  return found == values_.end() ? fallback : found->second;
}

int64_t Spec::integer(const std::string& key, int64_t fallback) {
  return parsed(key, word(key, ""), fallback);
}

double Spec::number(const std::string& key, double fallback) {
  return parsed(key, word(key, ""), fallback);
}

bool Spec::float64() { return is_first(word("dtype", "float32"), "float64", "float32"); }

bool Spec::training() { return is_first(word("mode", "train"), "train", "infer"); }

void Spec::check_all_used() const {
  std::string unknown;
  for (const auto& [key, value] : values_) {
    if (used_.count(key) == 0) unknown += " " + key;
  }
  if (!unknown.empty()) throw std::invalid_argument(name_ + " knows no key named" + unknown);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, separator);) words.push_back(word);
  return words;
}

std::vector<double> uniform(uint32_t seed, int64_t count, double low, double high) {
  std::vector<double> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = low + (high - low) * unit(seed, static_cast<uint32_t>(i));
  }
  return values;
}

std::vector<int64_t> labels(uint32_t seed, int64_t count, int64_t classes) {
  std::vector<int64_t> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] =
        static_cast<int64_t>(unit(seed, static_cast<uint32_t>(i)) * static_cast<double>(classes));
  }
  return values;
}

std::vector<double> fingerprint(const std::vector<double>& values) {
  double weighted = 0, squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    weighted += values[i] * (2 * unit(99, static_cast<uint32_t>(i)) - 1);
    squares += values[i] * values[i];
  }
  const double count = static_cast<double>(values.size());
  return {weighted / std::sqrt(count), std::sqrt(squares / count)};
}

Workload of_steps(Clock::time_point start, std::function<void()> step,
                  const std::function<std::vector<double>()>& result) {
  Workload workload;
  Clock::time_point first_done;
  for (int i = 0; i < 3; ++i) {
    const auto before = Clock::now();
    step();
    if (i == 0) first_done = Clock::now();
    if (i == 1) {
      const auto second = Clock::now() - before;
      workload.compile_ns = std::chrono::nanoseconds(first_done - start - second).count();
    }
    for (const double value : fingerprint(result())) workload.values.push_back(value);
  }
  workload.call = std::move(step);
  return workload;
}

Workload fastest(const std::vector<Candidate>& candidates) {
  struct Look {
    Workload workload;
    int64_t calls;
    double least = std::numeric_limits<double>::infinity();
  };
  std::vector<Look> looks;
  std::exception_ptr failure;
  for (const Candidate& candidate : candidates) {
    try {
      Workload workload = candidate.make();
      workload.variant = candidate.name;
      time_of(workload, 2);
      const int64_t once = std::max<int64_t>(time_of(workload, 1), 1);
      looks.push_back({std::move(workload), std::clamp<int64_t>(50'000'000 / once, 1, 1000)});
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
  }
  if (looks.empty()) std::rethrow_exception(failure);
  // In turns, so that a slow phase of the machine falls on all alike.
  for (int turn = 0; turn < 5; ++turn) {
    for (Look& look : looks) {
      const double taken = static_cast<double>(time_of(look.workload, look.calls));
      look.least = std::min(look.least, taken / static_cast<double>(look.calls));
    }
  }
  const auto best = std::min_element(
      looks.begin(), looks.end(), [](const Look& a, const Look& b) { return a.least < b.least; });
  return std::move(best->workload);
}

int threads(int argc, char** argv) {
  const std::string prefix = "--threads=";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind(prefix, 0) == 0) return std::stoi(argument.substr(prefix.size()));
  }
  return 1;
}

int serve(const Peer& peer, int threads) {
  Session session(peer, threads);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    if (line == "quit") break;
    try {
      std::cout << session.answer(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << quoted(std::string(error.what()).substr(0, 500)) << std::endl;
    }
  }
  return 0;
}

}  // namespace peers
