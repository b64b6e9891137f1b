#include "target/resources.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

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

std::optional<Nanoseconds> stolen_processor_time() {
  const auto stat = read_file("/proc/stat");
  return stat ? stolen_processor_time(*stat) : std::nullopt;
}

std::optional<Nanoseconds> stolen_processor_time(const std::string& stat) {
  // "cpu  user nice system idle iowait irq softirq steal", of all processors.
  std::istringstream words(stat);
  std::string name;
  std::int64_t ticks = 0;
  words >> name;
  for (int field = 0; field < 8; ++field) words >> ticks;
  if (!words || name != "cpu") return std::nullopt;
  return Nanoseconds(std::chrono::seconds(ticks)) / ::sysconf(_SC_CLK_TCK);
}

std::optional<Nanoseconds> ProcessorWaits::look(const std::vector<pid_t>& processes) {
  std::unordered_map<pid_t, std::uint64_t> now;
  std::uint64_t ran = 0;
  std::uint64_t waited = 0;
  for (const auto pid : processes) {
    std::error_code gone;
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
      const auto text = read_file(thread.path().string() + "/schedstat");
      if (!text) continue;
      std::istringstream numbers(*text);
      std::uint64_t running = 0;
      std::uint64_t waiting = 0;
      if (!(numbers >> running >> waiting)) continue;
      ran += running;
      const auto tid = static_cast<pid_t>(std::atoi(thread.path().filename().c_str()));
      const auto known = before_.find(tid);
      waited += waiting - (known == before_.end() ? 0 : std::min(known->second, waiting));
      now[tid] = waiting;
    }
  }
  before_ = std::move(now);
  // A kernel that does not account for it says 0 also of time on a processor.
  if (ran == 0) return std::nullopt;
  return Nanoseconds(static_cast<std::int64_t>(waited));
}

}  // namespace lastcall
