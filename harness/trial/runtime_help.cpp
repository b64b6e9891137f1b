#include "trial/runtime_help.hpp"

#include <boost/json.hpp>
#include <filesystem>

#include "base/file.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

constexpr const char* kReport = "node-report.json";

std::string endpoint(const json::object& handle, std::string_view which) {
  const auto* found = handle.if_contains(which);
  if (found == nullptr || !found->is_object()) return {};
  const auto& at = found->as_object();
  const auto* address = at.if_contains("ip4");
  if (address == nullptr) address = at.if_contains("ip6");
  const auto* port = at.if_contains("port");
  if (address == nullptr || !address->is_string() || port == nullptr) return {};
  return std::string(address->as_string()) + ":" + json::serialize(*port);
}

bool is_set(const json::object& handle, std::string_view flag) {
  const auto* found = handle.if_contains(flag);
  return found != nullptr && found->is_bool() && found->as_bool();
}

// "tcp 127.0.0.1:80 from 127.0.0.1:4711"; empty if it keeps nothing alive.
std::string keeper(const json::value& value) {
  if (!value.is_object()) return {};
  const auto& handle = value.as_object();
  const auto* type = handle.if_contains("type");
  if (type == nullptr || !type->is_string()) return {};
  if (!is_set(handle, "is_active") || !is_set(handle, "is_referenced")) return {};
  std::string text(type->as_string());
  if (const auto own = endpoint(handle, "localEndpoint"); !own.empty()) text += " " + own;
  if (const auto peer = endpoint(handle, "remoteEndpoint"); !peer.empty()) text += " from " + peer;
  return text;
}

}  // namespace

void help_runtimes(std::map<std::string, std::string>& environment, const std::string& program,
                   const std::string& folder) {
  environment.try_emplace("LSAN_OPTIONS", "detect_leaks=0");
  if (std::filesystem::path(program).filename() != "node") return;
  // SIGQUIT is the first that a target gets which does not end.
  environment.try_emplace(
      "NODE_OPTIONS", "--report-on-signal --report-signal=SIGQUIT --report-directory=" + folder +
                          " --report-filename=" + kReport);
}

void record_node_report(const std::string& folder, SegmentWriter& segment) {
  const auto path = std::filesystem::path(folder) / kReport;
  const auto text = read_file(path.string());
  if (!text) return;
  std::error_code ec;
  std::filesystem::remove(path, ec);
  const auto report = json::parse(*text, ec);
  if (ec || !report.is_object()) return;  // it was cut off by the end
  const auto* handles = report.as_object().if_contains("libuv");
  if (handles == nullptr || !handles->is_array()) return;
  std::string keepers;
  for (const auto& handle : handles->as_array()) {
    if (const auto one = keeper(handle); !one.empty())
      keepers += (keepers.empty() ? "" : ", ") + one;
  }
  if (!keepers.empty())
    segment.record(ThreadsStuck{false, true, "Node's event loop is kept alive by " + keepers});
}

}  // namespace lastcall
