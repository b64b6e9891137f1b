#include "trial/workspace.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/file.hpp"
#include "client/socket_queues.hpp"
#include "target/leftovers.hpp"
#include "target/short_folder.hpp"
#include "trial/certificates.hpp"
#include "trial/sidecars.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

}  // namespace

Result<void> Workspace::prepare() {
  placeholders_["dir"] = order_.place_of("target");
  if (auto made = make_folder(placeholders_["dir"], order_.target_folder()); !made)
    return made.error();
  for (const auto& [name, value] : plan_.varied) placeholders_["vary." + name] = value;
  placeholders_["seed"] = std::to_string(plan_.seed);
  placeholders_["here"] =
      fs::absolute(plan_.scenario_file).lexically_normal().parent_path().string();
  if (auto leased = lease_ports(); !leased) return leased.error();
  if (auto leased = lease_fixed_ports(); !leased) return leased.error();
  if (auto made = make_certificates(order_, plan_.scenario_text, placeholders_); !made)
    return made.error();
  return make_sidecar_folders(order_, plan_.scenario.sidecars, placeholders_);
}

Result<void> Workspace::lease_ports() {
  const auto named = placeholders_in(plan_.scenario_text);
  for (const auto& placeholder : std::set<std::string>(named.begin(), named.end())) {
    const bool is_named = placeholder.starts_with("port.");
    if (placeholder != "port" && !is_named) continue;
    auto lease = PortLease::acquire();
    if (!lease) return lease.error();
    placeholders_[placeholder] = std::to_string(lease->port());
    ports_.emplace(is_named ? placeholder.substr(5) : "", std::move(*lease));
  }
  return {};
}

// One that lastcall may not bind, or that the kernel may give to a client, is not looked at.
Result<void> Workspace::lease_fixed_ports() {
  auto numbers = client_ports(plan_, placeholders_);
  for (const auto& port : plan_.scenario.target.ready.ports) {
    unsigned number = 0;
    const auto end = port.data() + port.size();
    if (std::from_chars(port.data(), end, number).ptr == end && number <= 0xFFFF)
      numbers.push_back(static_cast<std::uint16_t>(number));
  }
  for (const auto number : std::set<std::uint16_t>(numbers.begin(), numbers.end())) {
    const bool is_leased = std::ranges::any_of(
        ports_, [&](const auto& leased) { return leased.second.port() == number; });
    if (is_leased || number > leasable_ports().last) continue;
    auto lease = PortLease::acquire(number);
    if (!lease && lease.error().error_number == EACCES) continue;
    if (!lease) return lease.error();
    fixed_ports_.emplace(std::to_string(number), std::move(*lease));
  }
  return {};
}

Result<void> Workspace::lay_out() {
  auto limits =
      TargetLimits::prepare(plan_.scenario.target.limits, plan_.faults, order_.target_folder());
  if (!limits) return limits.error();
  limits_.emplace(std::move(*limits));
  return write_files();
}

Result<void> Workspace::write_files() {
  std::error_code ec;
  const auto& dir = placeholders_["dir"];
  fs::create_directories(dir + "/tmp", ec);
  if (ec) return Error{"create", dir + "/tmp", ec.value(), ""};
  for (const auto& file : plan_.scenario.target.files) {
    const auto path = fs::path(dir) / file.path;
    fs::create_directories(path.parent_path(), ec);
    std::ofstream out(path, std::ios::binary);
    out << expand_placeholders(file.content, placeholders_);
    if (!out.flush()) return Error{"write", path.string(), errno, ""};
    laid_out_.insert(file.path);
  }
  return {};
}

void Workspace::leave_bound_ports_to_sidecars() {
  for (const auto* ports : {&ports_, &fixed_ports_}) {
    for (const auto& [name, lease] : *ports) {
      if (probe_port(lease.port(), true) != 0) ports_of_sidecars_.insert(name);
    }
  }
}

Result<void> Workspace::record_left(EventSink& events) const {
  auto looked = record_ports(ports_, events);
  if (auto fixed = record_ports(fixed_ports_, events); !fixed) looked = fixed;
  const auto files = find_leftovers(order_.place_of("target"), laid_out_);
  for (const auto& file : files.found) events.record(FileLeft{file.path, file.type});
  events.record(FilesSearched{files.looked_at});
  if (!files.problem.empty()) events.record(EventsLost{"files", files.problem});
  return looked;
}

Result<void> Workspace::record_ports(const std::map<std::string, PortLease>& ports,
                                     EventSink& events) const {
  Result<void> looked;
  for (const auto& [name, lease] : ports) {
    if (ports_of_sidecars_.contains(name)) continue;
    const int error = probe_port(lease.port(), true);
    if (error != 0 && error != EADDRINUSE) {
      looked = Error{"look whether somebody has", "port " + std::to_string(lease.port()), error,
                     error == EADDRNOTAVAIL ? std::string(kLoopbackUp) : ""};
      continue;
    }
    events.record(PortProbed{name, lease.port(), error});
  }
  return looked;
}

Result<void> Workspace::preserve_files() {
  return limits_ ? limits_->preserve_files() : Result<void>();
}

std::map<std::string, std::uint16_t> Workspace::ports() const {
  std::map<std::string, std::uint16_t> ports;
  for (const auto& [name, lease] : ports_) ports[name] = lease.port();
  return ports;
}

std::vector<std::uint16_t> Workspace::ports_of_target() const {
  auto ports = client_ports(plan_, placeholders_);
  for (const auto& [name, lease] : ports_) {
    if (!ports_of_sidecars_.contains(name) && std::ranges::count(ports, lease.port()) == 0)
      ports.push_back(lease.port());
  }
  return ports;
}

}  // namespace lastcall
