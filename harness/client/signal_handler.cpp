#include "client/signal_handler.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"

namespace lastcall {
namespace {

// Linkers put the notes first.
constexpr std::size_t kBeginning = 65'536;

// What follows the field's name in a file of /proc; empty if it is not there.
std::string field(std::string_view text, std::string_view name) {
  const auto at = text.find("\n" + std::string(name) + ":");
  return at == std::string_view::npos ? "" : std::string(text.substr(at + name.size() + 2));
}

std::string beginning_of(const std::string& path) {
  std::string bytes(kBeginning, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

}  // namespace

bool is_in_mask(std::string_view status, std::string_view name, int signal) {
  const auto mask = std::strtoull(field(status, name).c_str(), nullptr, 16);
  return (mask >> (signal - 1) & 1U) != 0;
}

std::string handling_runtime(std::string_view name, std::string_view file) {
  // The note of a Go binary's build ID: its type, and the owner's name (cmd/internal/buildid).
  constexpr std::string_view kGoNote("\x04\0\0\0Go\0\0", 8);
  if (name.starts_with("node")) return "node";
  return file.find(kGoNote) == std::string_view::npos ? "" : "go";
}

void record_handler(EventSink& events, int pidfd, int signal) {
  const auto info = read_file("/proc/self/fdinfo/" + std::to_string(pidfd));
  const int pid = info ? std::atoi(field(*info, "Pid").c_str()) : 0;
  if (pid <= 0) return;
  const auto folder = "/proc/" + std::to_string(pid);
  const auto status = read_file(folder + "/status");
  // One that ends has no memory any more, and no handlers that mean anything.
  if (!status || field(*status, "VmSize").empty()) return;
  std::error_code unreadable;
  const auto program =
      std::filesystem::read_symlink(folder + "/exe", unreadable).filename().string();
  events.record(HandlerAtStop{.pid = pid,
                              .signal = signal,
                              .caught = is_in_mask(*status, "SigCgt", signal),
                              .runtime = handling_runtime(program, beginning_of(folder + "/exe")),
                              .program = program,
                              .blocked = is_in_mask(*status, "SigBlk", signal)});
}

}  // namespace lastcall
