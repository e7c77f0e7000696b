// Bitale as one of the programs that tools/bench compares: makes workloads and times them, as told
// on standard input. tools/bench/README.md has the protocol; the peers speak it too.

#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/workload.h"

namespace bitale::bench {
namespace {

// The most memory that the process has held since it was last asked, 0 where the system does not
// tell.
int64_t take_peak_bytes() {
  int64_t kibibytes = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "VmHWM:")) {
      std::istringstream(line.substr(6)) >> kibibytes;
    }
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return kibibytes * 1024;
}

class Session {
 public:
  // The answer to one line.
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "about") {
      return nlohmann::json{
          {"name", "bitale"}, {"version", "this tree"}, {"threads", thread_count()}}
          .dump();
    }
    if (command == "prepare") {
      std::string rest;
      std::getline(words, rest);
      return prepare(rest);
    }
    if (command == "run") {
      int64_t id = 0, n = 0;
      words >> id >> n;
      return absl::StrCat(at(id).run(n));
    }
    if (command == "release") {
      int64_t id = 0;
      words >> id;
      at(id);
      workloads_.erase(id);
      return "released";
    }
    throw std::invalid_argument("no such command: " + command);
  }

 private:
  std::string prepare(const std::string& spec) {
    const int64_t before = (take_peak_bytes(), take_peak_bytes());
    Workload workload = make_workload(Spec(spec));
    if (workload.values.empty()) workload.run(1);
    nlohmann::json told = {{"id", next_},
                           {"values", workload.values},
                           {"flops", workload.flops},
                           {"bytes", workload.bytes},
                           {"peak_bytes", take_peak_bytes() - before}};
    told.update(workload.notes);
    workloads_[next_++] = std::move(workload);
    return told.dump();
  }

  Workload& at(int64_t id) {
    const auto found = workloads_.find(id);
    if (found == workloads_.end()) throw std::invalid_argument(absl::StrCat("no workload ", id));
    return found->second;
  }

  std::map<int64_t, Workload> workloads_;
  int64_t next_ = 0;
};

int serve() {
  Session session;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    if (line == "quit") break;
    try {
      std::cout << session.answer(line) << std::endl;
    } catch (const std::exception& error) {
      // One line, whatever the message looks like.
      std::cout << "error " << nlohmann::json(error.what()).dump() << std::endl;
    }
  }
  return 0;
}

}  // namespace
}  // namespace bitale::bench

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    int threads = 0;
    if (!absl::StartsWith(argument, "--threads=") ||
        !absl::SimpleAtoi(argument.substr(10), &threads) || threads < 1) {
      std::cerr << "usage: " << argv[0] << " [--threads=N], then commands on standard input\n";
      return 2;
    }
    bitale::options().threads = threads;
  }
  return bitale::bench::serve();
}
