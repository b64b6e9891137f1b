#include "discover/listeners.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/file.hpp"
#include "base/text.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListens = "0A";  // TCP_LISTEN, include/net/tcp_states.h

// "0100007F" or 32 digits: words of the address as this machine keeps them.
std::string numeric_address(std::string_view digits) {
  std::array<std::uint32_t, 4> words{};
  const auto count = digits.size() / 8;
  if (digits.size() % 8 != 0 || (count != 1 && count != 4)) return {};
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = digits.substr(i * 8, 8);
    if (std::from_chars(word.data(), word.data() + 8, words[i], 16).ec != std::errc()) return {};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(count == 1 ? AF_INET : AF_INET6, words.data(), text.data(), text.size());
  return text.data();
}

std::set<std::uint64_t> sockets_of(pid_t pid) {
  std::set<std::uint64_t> inodes;
  std::error_code ec;
  for (fs::directory_iterator it("/proc/" + std::to_string(pid) + "/fd", ec), end; !ec && it != end;
       it.increment(ec)) {
    std::error_code gone;
    const auto link = fs::read_symlink(it->path(), gone).string();
    constexpr std::string_view kSocket = "socket:[";
    if (gone || !link.starts_with(kSocket)) continue;
    const auto number = std::string_view(link).substr(kSocket.size());
    if (const auto inode = parse_number<std::uint64_t>(number.substr(0, number.find(']'))))
      inodes.insert(*inode);
  }
  return inodes;
}

}  // namespace

bool Listener::is_reachable() const {
  return address == "0.0.0.0" || address == "::" || address == "::1" ||
         address.starts_with("127.") || address.starts_with("::ffff:127.");
}

std::vector<Listener> listening_in(std::string_view text) {
  std::vector<Listener> found;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> all;
    for (std::string word; all.size() < 10 && words >> word;) all.push_back(word);
    if (all.size() < 10 || all[3] != kListens) continue;
    const auto colon = all[1].rfind(':');
    if (colon == std::string::npos) continue;
    Listener one{.address = numeric_address(std::string_view(all[1]).substr(0, colon))};
    const auto* port = all[1].data() + colon + 1;
    const auto inode = parse_number<std::uint64_t>(all[9]);
    if (one.address.empty() || !inode ||
        std::from_chars(port, all[1].data() + all[1].size(), one.port, 16).ec != std::errc())
      continue;
    one.inode = *inode;
    found.push_back(std::move(one));
  }
  return found;
}

std::vector<Listener> listeners_of(const std::vector<pid_t>& pids) {
  std::set<std::uint64_t> own;
  for (const auto pid : pids) own.merge(sockets_of(pid));
  std::vector<Listener> found;
  if (pids.empty()) return found;
  // As the target's network namespace has it.
  const auto net = "/proc/" + std::to_string(pids.front()) + "/net/";
  for (const auto* file : {"tcp", "tcp6"}) {
    const auto text = read_file(net + file);
    if (!text) continue;
    for (auto& one : listening_in(*text)) {
      if (own.contains(one.inode)) found.push_back(std::move(one));
    }
  }
  std::ranges::sort(found, {},
                    [](const Listener& one) { return std::pair(one.port, one.address); });
  const auto again = std::ranges::unique(found, [](const Listener& one, const Listener& other) {
    return one.port == other.port && one.address == other.address;
  });
  found.erase(again.begin(), again.end());
  return found;
}

}  // namespace lastcall
