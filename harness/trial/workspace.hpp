// The directory of one trial and what goes with it: the folders, ports and certificates that
// placeholders name, the files that the scenario lays out, the limits of the target. Then what is
// left of it after the end. Its ports are leased, and its limits hold, as long as it lives. One
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "history/event_sink.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"
#include "target/limits.hpp"
#include "target/port_lease.hpp"
#include "trial/trial.hpp"

namespace lastcall {

class Workspace {
 public:
  // Both outlive it.
  Workspace(const TrialOrder& order, const Plan& plan) : order_(order), plan_(plan) {}

  // Makes the target's folder, those of its sidecars and the certificates, and leases the ports. An
  // error, too, if somebody listens at a port that the scenario names by its number.
  Result<void> prepare();
  // What the target, and perhaps its sidecars, find when they start: first the limits, then files.
  Result<void> lay_out();
  // What is bound now the target will not bind, and need not release.
  void leave_bound_ports_to_sidecars();

  // Records for `released` which ports are still bound, and which files lie there that a clean stop
  // removes. An error if this machine does not let it look.
  Result<void> record_left(EventSink& events) const;
  // Keeps what lies in {dir} where others can see it.
  Result<void> preserve_files();

  [[nodiscard]] const Placeholders& placeholders() const { return placeholders_; }
  // There once something is laid out.
  [[nodiscard]] const std::optional<TargetLimits>& limits() const { return limits_; }
  // By the names that they have in events: "" for {port}, "tls" for {port.tls}.
  [[nodiscard]] std::map<std::string, std::uint16_t> ports() const;
  // Those that clients connect to, and all that the target was given.
  [[nodiscard]] std::vector<std::uint16_t> ports_of_target() const;

 private:
  Result<void> lease_ports();
  Result<void> lease_fixed_ports();
  Result<void> write_files();
  Result<void> record_ports(const std::map<std::string, PortLease>& ports, EventSink& events) const;

  const TrialOrder& order_;
  const Plan& plan_;
  Placeholders placeholders_;
  std::map<std::string, PortLease> ports_;        // by the names that they have in events
  std::map<std::string, PortLease> fixed_ports_;  // by their numbers
  std::set<std::string> ports_of_sidecars_;       // either name
  std::optional<TargetLimits> limits_;
  std::set<std::string> laid_out_;
};

}  // namespace lastcall
