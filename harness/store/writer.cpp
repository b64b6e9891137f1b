#include "store/writer.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <sstream>

#include "base/file.hpp"
#include "base/text.hpp"

namespace lastcall {
namespace {

// Of /proc/PID/stat, proc(5): the time since the boot at which the process began.
constexpr int kStartTime = 22;

std::string begun(const std::string& pid) {
  const auto stat = read_file("/proc/" + pid + "/stat");
  if (!stat) return {};
  // The second field, in brackets, may hold anything.
  const auto end = stat->rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream fields(stat->substr(end + 1));
  std::string field;
  for (int number = 3; number <= kStartTime; ++number) fields >> field;
  return field;
}

std::string writer_of(const std::string& pid) {
  const auto boot = read_file("/proc/sys/kernel/random/boot_id");
  std::error_code none;
  const auto pids = std::filesystem::read_symlink("/proc/self/ns/pid", none).string();
  return (boot ? first_line(*boot) : "") + " " + pids + " " + pid + " " + begun(pid);
}

}  // namespace

std::string this_writer() { return writer_of(std::to_string(::getpid())); }

bool is_running(const std::string& writer) {
  std::istringstream words(writer);
  std::string boot;
  std::string pids;
  std::string pid;
  words >> boot >> pids >> pid;
  return parse_number<int>(pid).has_value() && writer_of(pid) == writer;
}

std::string this_machine() {
  utsname system{};
  (void)::uname(&system);
  const auto memory = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  const boost::json::object machine{
      {"name", system.nodename},
      {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
      {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)},
      {"memory_bytes", memory}};
  return boost::json::serialize(machine);
}

std::string random_id() {
  std::random_device device;
  std::string digits;
  for (int word = 0; word < 4; ++word) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%08x", device());
    digits += text.data();
  }
  return digits;
}

}  // namespace lastcall
