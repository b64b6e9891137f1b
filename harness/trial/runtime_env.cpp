#include "trial/runtime_env.hpp"

#include <boost/json.hpp>

#include "base/signal_names.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxKept = 256;

// In NODE_OPTIONS a space ends an option, unless it is quoted.
std::string in_quotes(const std::string& option) {
  if (option.find_first_of(" \"\\") == std::string::npos) return option;
  std::string text = "\"";
  for (const char byte : option) {
    if (byte == '"' || byte == '\\') text += '\\';
    text += byte;
  }
  return text + "\"";
}

std::string text_of(const json::object& handle, std::string_view key) {
  const auto* found = handle.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::int64_t number_of(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  if (found == nullptr) return 0;
  if (found->is_double()) return static_cast<std::int64_t>(found->as_double());
  boost::system::error_code ignored;
  const auto number = found->to_number<std::int64_t>(ignored);
  return ignored ? 0 : number;
}

// "127.0.0.1:80"; empty if there is none.
std::string endpoint(const json::object& handle, std::string_view which) {
  const auto* found = handle.if_contains(which);
  if (found == nullptr || !found->is_object()) return {};
  const auto& at = found->as_object();
  const auto* port = at.if_contains("port");
  if (port == nullptr) return {};
  if (const auto address = text_of(at, "ip4"); !address.empty())
    return address + ":" + json::serialize(*port);
  const auto address = text_of(at, "ip6");
  if (address.empty()) return {};
  // A client over IPv4 of a server that listens for IPv6.
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.find('.') != std::string::npos)
    return address.substr(kMapped.size()) + ":" + json::serialize(*port);
  return "[" + address + "]:" + json::serialize(*port);
}

bool is_set(const json::object& handle, std::string_view flag) {
  const auto* found = handle.if_contains(flag);
  return found != nullptr && found->is_bool() && found->as_bool();
}

std::string followed_by(std::string what, const std::string& detail) {
  return detail.empty() ? what : std::move(what) + " " + detail;
}

// What this handle of libuv is, if the loop goes on because of it.
std::optional<KeptAlive> keeper(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const auto& handle = value.as_object();
  const auto type = text_of(handle, "type");
  if (type.empty() || !is_set(handle, "is_active") || !is_set(handle, "is_referenced"))
    return std::nullopt;
  const auto own = endpoint(handle, "localEndpoint");
  KeptAlive kept{.pid = 0, .what = type, .peer = endpoint(handle, "remoteEndpoint")};
  if (type == "tcp") {
    kept.what = followed_by(kept.peer.empty() ? "listener at" : "connection of", own);
  } else if (type == "timer") {
    // All timers of a program are one handle, whose time is that of the next, whoever it keeps
    // alive.
    kept.what = "timer that nobody has cleared";
  } else if (type == "process") {
    kept.what = "child process " + std::to_string(number_of(handle, "pid"));
  } else if (type == "pipe") {
    kept.what = followed_by(type, text_of(handle, "localEndpoint"));
  } else if (type == "fs_event" || type == "fs_poll") {
    kept.what = followed_by("watch of", text_of(handle, "filename"));
  } else if (type == "udp") {
    kept.what = followed_by("UDP socket", own);
  }
  return kept;
}

void add_keepers(const json::object& report, const std::string& where,
                 std::vector<KeptAlive>& kept) {
  const auto* handles = report.if_contains("libuv");
  if (handles != nullptr && handles->is_array()) {
    for (const auto& handle : handles->as_array()) {
      auto one = keeper(handle);
      if (!one || kept.size() >= kMaxKept) continue;
      one->what += where;
      kept.push_back(std::move(*one));
    }
  }
  const auto* workers = report.if_contains("workers");
  if (workers == nullptr || !workers->is_array()) return;
  for (const auto& worker : workers->as_array()) {
    if (worker.is_object()) add_keepers(worker.as_object(), " in a worker thread", kept);
  }
}

}  // namespace

void help_runtimes(std::map<std::string, std::string>& environment, const std::string& folder,
                   bool traced) {
  if (traced) environment.try_emplace("LSAN_OPTIONS", "detect_leaks=0");
  environment.try_emplace("PYTHONFAULTHANDLER", "1");
  const auto report = "--report-on-signal --report-signal=" + signal_name(kNodeReportSignal) + " " +
                      in_quotes("--report-directory=" + folder);
  auto& options = environment["NODE_OPTIONS"];
  options = options.empty() ? report : report + " " + options;
}

std::optional<NodeReport> node_report(std::string_view text) {
  boost::system::error_code bad;
  const auto value = json::parse(text, bad);
  if (bad || !value.is_object()) return std::nullopt;
  const auto* header = value.as_object().if_contains("header");
  if (header == nullptr || !header->is_object() ||
      text_of(header->as_object(), "event") != signal_name(kNodeReportSignal))
    return std::nullopt;
  NodeReport report;
  report.pid = static_cast<std::int32_t>(number_of(header->as_object(), "processId"));
  add_keepers(value.as_object(), "", report.kept);
  for (auto& one : report.kept) one.pid = report.pid;
  return report;
}

}  // namespace lastcall
