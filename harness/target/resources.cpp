#include "target/resources.hpp"

#include <charconv>
#include <ctime>
#include <sstream>
#include <string>

#include "base/file.hpp"

namespace lastcall {

std::optional<Resources> resources_of(pid_t pid) {
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  if (!status) return std::nullopt;
  Resources resources;
  bool has_memory = false;
  std::istringstream lines(*status);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name == "Threads:") words >> resources.threads;
    if (name != "VmHWM:") continue;
    has_memory = static_cast<bool>(words >> resources.memory);
    resources.memory *= 1024;
  }
  // The process's own clock: what /proc/PID/stat has as user and system time, without its ticks of
  // a hundredth of a second.
  clockid_t clock{};
  timespec time{};
  if (!has_memory || ::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
    return std::nullopt;
  resources.cpu = std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
  return resources;
}

std::optional<Nanoseconds> processor_pressure() {
  const auto text = read_file("/proc/pressure/cpu");
  if (!text) return std::nullopt;
  constexpr std::string_view kTotal = "total=";
  const auto at = text->find(kTotal);  // of the first line, "some"
  std::int64_t microseconds = 0;
  if (at == std::string::npos) return std::nullopt;
  const char* begin = text->data() + at + kTotal.size();
  if (std::from_chars(begin, text->data() + text->size(), microseconds).ec != std::errc()) {
    return std::nullopt;
  }
  return std::chrono::microseconds(microseconds);
}

}  // namespace lastcall
