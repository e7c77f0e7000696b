#include "core/compile/profile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace bitale {
namespace {

double per_second(double amount, int64_t nanoseconds) {
  return nanoseconds > 0 ? amount * 1e9 / static_cast<double>(nanoseconds) : 0;
}

double milliseconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-6; }

double share_of(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

// Microseconds, which trace viewers count in.
double micros(int64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-3; }

// A name without attributes.
std::string short_name(const std::string& op) { return op.substr(0, op.find('{')); }

std::string title(const Profile& profile) {
  return profile.function.empty() ? "function" : absl::StrCat("function ", profile.function);
}

}  // namespace

double KernelProfile::flops_per_second() const { return per_second(flops, nanoseconds); }

double KernelProfile::bytes_per_second() const {
  return per_second(bytes_read + bytes_written, nanoseconds);
}

double KernelProfile::percent_of_limit(const MachineLimits& limits) const {
  double percent = -1;
  if (limits.flops_per_second > 0 && flops > 0) {
    percent = std::max(percent, 100 * flops_per_second() / limits.flops_per_second);
  }
  if (limits.bytes_per_second > 0 && bytes_read + bytes_written > 0) {
    percent = std::max(percent, 100 * bytes_per_second() / limits.bytes_per_second);
  }
  return percent;
}

int64_t Profile::kernel_nanoseconds() const {
  int64_t sum = 0;
  for (const KernelProfile& kernel : kernels) sum += kernel.nanoseconds;
  return sum;
}

std::string Profile::str(const MachineLimits& limits) const {
  if (calls == 0) return "";
  const int64_t in_kernels = kernel_nanoseconds();
  std::string text =
      absl::StrFormat("%s: %d calls, %.3f ms, %.1f%% of it in kernels\n", title(*this), calls,
                      milliseconds(nanoseconds), 100 * share_of(in_kernels, nanoseconds));
  absl::StrAppend(&text,
                  "   share        ms     calls  GFLOP/s     GB/s  limit  kernel  op  made at\n");
  for (const KernelProfile& kernel : kernels) {
    const double percent = kernel.percent_of_limit(limits);
    absl::StrAppendFormat(&text, "%7.2f%% %9.3f %9d %8.2f %8.2f %6s  %s  %s  %s\n",
                          100 * share_of(kernel.nanoseconds, in_kernels),
                          milliseconds(kernel.nanoseconds), kernel.calls,
                          kernel.flops_per_second() * 1e-9, kernel.bytes_per_second() * 1e-9,
                          percent < 0 ? "-" : absl::StrFormat("%.0f%%", percent), kernel.kernel,
                          kernel.op, kernel.site);
  }
  return text;
}

std::string Profile::json(const MachineLimits& limits) const {
  const int64_t in_kernels = kernel_nanoseconds();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const KernelProfile& kernel : kernels) {
    nlohmann::ordered_json row = {{"kernel", kernel.kernel},
                                  {"op", kernel.op},
                                  {"site", kernel.site},
                                  {"calls", kernel.calls},
                                  {"nanoseconds", kernel.nanoseconds},
                                  {"share", share_of(kernel.nanoseconds, in_kernels)},
                                  {"flops", kernel.flops},
                                  {"bytes_read", kernel.bytes_read},
                                  {"bytes_written", kernel.bytes_written},
                                  {"flops_per_second", kernel.flops_per_second()},
                                  {"bytes_per_second", kernel.bytes_per_second()}};
    const double percent = kernel.percent_of_limit(limits);
    if (percent >= 0) row["percent_of_limit"] = percent;
    rows.push_back(std::move(row));
  }
  const nlohmann::ordered_json root = {{"function", function},
                                       {"calls", calls},
                                       {"nanoseconds", nanoseconds},
                                       {"kernel_nanoseconds", in_kernels},
                                       {"limits",
                                        {{"flops_per_second", limits.flops_per_second},
                                         {"bytes_per_second", limits.bytes_per_second}}},
                                       {"kernels", std::move(rows)}};
  return root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string Profile::trace() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ProfileEvent& event : events) {
    nlohmann::ordered_json entry = {{"name", title(*this)},
                                    {"cat", "call"},
                                    {"ph", "X"},
                                    {"ts", micros(event.start)},
                                    {"dur", micros(event.nanoseconds)},
                                    {"pid", 1},
                                    {"tid", event.thread}};
    if (event.row >= 0) {
      const KernelProfile& kernel = kernels[event.row];
      entry["name"] = short_name(kernel.op);
      entry["cat"] = "kernel";
      const auto of_one = [&](double amount) { return amount / static_cast<double>(kernel.calls); };
      entry["args"] = {{"kernel", kernel.kernel},
                       {"op", kernel.op},
                       {"site", kernel.site},
                       {"flops", of_one(kernel.flops)},
                       {"bytes", of_one(kernel.bytes_read + kernel.bytes_written)}};
    }
    list.push_back(std::move(entry));
  }
  const nlohmann::ordered_json root = {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(list)}};
  return root.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bitale
