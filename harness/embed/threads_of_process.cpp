#include "embed/threads_of_process.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.hpp"

namespace lastcall::embed {
namespace {
constexpr auto kFolder = "/proc/self/task";
// Between two looks: a thread that has been joined is gone within microseconds.
constexpr auto kLook = std::chrono::milliseconds(1);
}  // namespace

Result<std::map<pid_t, std::string>> threads_of_process() {
  std::map<pid_t, std::string> threads;
  std::error_code error;
  std::filesystem::directory_iterator entry(kFolder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto text = entry->path().filename().string();
    pid_t id = 0;
    std::from_chars(text.data(), text.data() + text.size(), id);
    std::ifstream file(entry->path() / "comm");
    std::string name;
    if (std::getline(file, name)) threads[id] = name;  // else it has just ended
  }
  if (error) return Error("list", kFolder, error.value(), "");
  return threads;
}

Result<std::map<pid_t, std::string>> find(const NewThreads& wanted) {
  const auto until = now() + wanted.patience;
  for (;;) {
    auto threads = threads_of_process();
    if (!threads) return threads;
    std::erase_if(*threads, [&](const auto& thread) {
      return wanted.known.contains(thread.first) || wanted.allowed.contains(thread.second);
    });
    if (threads->empty() || now() >= until) return threads;
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace lastcall::embed
