// notify: what the target tells its service manager is true, counts, and comes in time.
//
// The rules are those of ServiceState (history/service_state.hpp). One item is each notification,
// and READY=1 and STOPPING=1 where they are due. After lastcall reads READY=1 it tries the ports
// that clients or the readiness check use, so a port that opens a moment later looks open here. A
// connection that is reset had been accepted (a SYN to a closed port is answered by a refusal, not
// a reset: RFC 9293, section 3.10.7). A port that refuses counts only if the answer came before the
// stop, or before whatever else ended the target: afterwards a closed port is right. Judged only
// where the scenario has the target notify: ready = { notify = true }, [target.service] asks for a
// watchdog or for everybody's access, [properties.notify] says something, or it is required. What a
// library says unasked is counted, not judged. READY=1 of a target that is ready, again or by a
// worker, is counted and said: a service manager ignores it. Cannot see what STATUS= should say,
// nor what FDSTORE= stores.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/service_view.hpp"
#include "scenario/placeholders.hpp"
#include "scenario/properties/notify.hpp"

namespace lastcall::property::notify {
namespace {

// "" for {port}, "tls" for {port.tls}: what clients or the readiness check connect to.
std::set<std::string> promised_ports(const Plan& plan) {
  std::set<std::string> promised;
  const auto add = [&](const std::string& text) {
    for (const auto& name : placeholders_in(text)) {
      if (name == "port") promised.insert("");
      if (name.starts_with("port.")) promised.insert(name.substr(5));
    }
  };
  for (const auto& group : plan.scenario.clients) add(group.url);
  for (const auto& url : plan.scenario.target.ready.urls) add(url);
  for (const auto& port : plan.scenario.target.ready.ports) add(port);
  return promised;
}

// What came of all notifications of a history.
struct Heard {
  std::vector<EventIndex> all;
  std::optional<EventIndex> ready;
  std::optional<EventIndex> stopping;
  std::optional<EventIndex> reloading;  // the last one, READY=1 has not followed
  bool refused = false;           // one that is wrong: another process than the main one sent it
  std::uint64_t ignored = 0;      // READY=1 of a target that was ready
  std::uint64_t not_granted = 0;  // EXTEND_TIMEOUT_USEC of the stop, beyond its bound
  std::string text;               // of what is wrong with them
  std::vector<EventIndex> evidence;

  void wrong(EventIndex i, const std::string& what) {
    if (evidence.size() < 20) text += (text.empty() ? "" : "; ") + what;
    evidence.push_back(i);
  }
  // What was ignored, and is no failure.
  void note(Verdict& verdict) const {
    if (ignored == 0) return;
    verdict.noted.push_back(
        {"READY=1 of a target that was ready, which a service manager ignores", ignored});
    verdict.say(items_text(verdict.noted));
  }
};

// Whether a datagram says no more than that its sender is ready, perhaps with a status in words.
bool says_only_ready(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  constexpr std::string_view kReady = "READY=1";
  return text == kReady || (text.starts_with("READY=1\nSTATUS=") &&
                            text.find('\n', kReady.size() + 1) == std::string_view::npos);
}

// Whether what does not count is READY=1 of a target that is ready: said again, as php-fpm does
// with every heartbeat, or by a worker, of which all of the datagram is ignored. A target that had
// said STOPPING=1 contradicts itself, and a reload ends only with a READY=1 that counts.
bool knew_it_is_ready(const ServiceState& service, Standing standing, std::string_view datagram) {
  if (!service.ready() || service.reloading() || service.stopping()) return false;
  return standing == Standing::repeated ||
         (standing == Standing::refused && says_only_ready(datagram));
}

Heard hear(const Plan& plan, const History& history) {
  Heard heard;
  const auto notified = [&](EventIndex i, const ServiceState& service,
                            const std::vector<Assessed>& assessed) {
    heard.all.push_back(i);
    for (const auto& [assignment, standing, reason] : assessed) {
      if (standing == Standing::counts || standing == Standing::harmless) continue;
      if (knew_it_is_ready(service, standing, std::get<Notification>(history.at(i).body).text)) {
        ++heard.ignored;
        continue;
      }
      heard.refused |= standing == Standing::refused;
      heard.wrong(i,
                  assignment.substr(0, 60) +
                      (standing == Standing::malformed ? " is malformed: " : " does not count: ") +
                      reason);
    }
    heard.not_granted = service.stop_asks_beyond();
    if (service.ready() && !heard.ready) heard.ready = i;
    if (service.stopping() && !heard.stopping) heard.stopping = i;
    if (!service.reloading()) heard.reloading.reset();
    if (service.reloading() && !heard.reloading) heard.reloading = i;
  };
  replay_service(plan, history, {.notified = notified});
  return heard;
}

// Whether a port that was tried accepted the connection.
bool is_open(const ReadyProbed& probed) { return probed.error == 0 || probed.error == ECONNRESET; }

// What the ports say about READY=1.
struct Ports {
  std::uint64_t judged = 0;
  std::string overtaken;  // names of those that answered only after the stop or the end
  std::string missed;     // why one could not be tried; empty if all could
};

Ports judge_ports(const Plan& plan, const History& history, Heard& heard) {
  Ports ports;
  const auto served = served_until(history);
  const auto limit = std::min(served, history.until<TargetEnded>());
  const auto promised = promised_ports(plan);
  for (const auto& [i, probed] : history.all<ReadyProbed>()) {
    if (!promised.contains(probed->name)) continue;
    const std::string port = probed->name.empty() ? "{port}" : "{port." + probed->name + "}";
    if (i > limit && !is_open(*probed)) {
      ports.overtaken += (ports.overtaken.empty() ? "" : ", ") + port;
      continue;
    }
    ++ports.judged;
    if (is_open(*probed)) continue;
    heard.wrong(
        i, "READY=1 although " + port + " accepts no connection: " + std::strerror(probed->error));
  }
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == Notify::kName) ports.missed = missed->reason;
  }
  return ports;
}

// Ended by itself after a stop, so that it had the time to say STOPPING=1.
bool stopped_in_order(const History& history) {
  const auto ended = history.first<TargetEnded>();
  return ended && ended->body->how == EndKind::exited && !no_stop_to_judge(history) &&
         !history.first<TargetForced>();
}

// Whether the scenario has the target notify: it waits for READY=1, acts as its service manager, or
// says something about the property.
bool wants_notifications(const Scenario& scenario) {
  const auto& target = scenario.target;
  return target.ready.notify || target.service.watchdog || target.service.access_all ||
         settings(scenario, Notify::kName).configured || settings<Notify>(scenario).stopping ||
         std::ranges::find(scenario.required, Notify::kName) != scenario.required.end();
}

std::string not_asked(const Plan& plan) {
  return wants_notifications(plan.scenario)
             ? ""
             : "the scenario does not ask for notifications: add ready = { notify = true } or "
               "[properties.notify]";
}

Verdict check(const Plan& plan, const History& history) {
  auto heard = hear(plan, history);
  const auto count = heard.all.size();
  if (const auto why = not_asked(plan); !why.empty()) {
    auto verdict = Verdict::not_applicable(why);
    if (count > 0) verdict.say(std::to_string(count) + " came and were not judged");
    return verdict;
  }
  Verdict verdict{.judged = count};

  const auto stop = history.stop();
  const bool by_notify = plan.scenario.target.ready.notify;
  // A stop during the start, or what lastcall ended it by, comes before READY=1 is due.
  const auto begun = kept_from_ready(history) ? std::nullopt : history.first<TargetNotReady>();
  if (by_notify && (heard.ready || begun)) ++verdict.judged;
  if (by_notify && !heard.ready && begun) heard.wrong(*begun, "READY=1 never came");
  const auto ports = judge_ports(plan, history, heard);
  verdict.judged += ports.judged;
  // A service manager can do without STOPPING=1, sd_notify(3), so a scenario demands it. Before its
  // start-up was over there was nothing to be stopped.
  const bool due = settings<Notify>(plan).stopping && heard.ready && stop && *heard.ready < *stop &&
                   stopped_in_order(history);
  if (due) ++verdict.judged;
  if (due && !heard.stopping)
    heard.wrong(*stop, "STOPPING=1 never came after " + stop_signal_name(history));
  if (heard.reloading && stop && *heard.reloading < *stop) {
    // A stop may cut a reload short. It has as long as a start has (TimeoutStartSec=,
    // systemd.service(5)).
    const auto took = history.time(*stop) - history.time(*heard.reloading);
    if (took > plan.scenario.target.ready.timeout)
      heard.wrong(*heard.reloading,
                  "no READY=1 within " + human_duration(took) + " of RELOADING=1");
  }
  const auto extended = history.first<DeadlineExtended>();
  const auto passed = history.first<DeadlinePassed>();
  if (extended && passed) {
    ++verdict.judged;
    heard.wrong(*passed, heard.not_granted > 0
                             ? "EXTEND_TIMEOUT_USEC asked for more than max_extension allows"
                             : "EXTEND_TIMEOUT_USEC ran out, and nothing more came");
  }

  if (heard.refused)
    heard.text += "; if its unit says NotifyAccess=all, add access = \"all\" to [target.service]";
  if (!heard.evidence.empty()) {
    verdict.conclude(Outcome::fail, std::move(heard.text));
    verdict.judged = std::max<std::uint64_t>(verdict.judged, 1);
    verdict.evidence = std::move(heard.evidence);
  } else if (!ports.missed.empty()) {
    verdict.conclude(Outcome::unknown, ports.missed);
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
    if (!ports.overtaken.empty())
      verdict.reason = "not judged, because the stop came before they answered: " + ports.overtaken;
  } else {
    verdict.reason = "the target sent no notification, and none was due";
    if (!by_notify) verdict.reason += ": with ready = { notify = true } READY=1 would be";
  }
  heard.note(verdict);
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::notify

const lastcall::Checker lastcall::property::Notify::kChecker{.property = kName,
                                                             .check = notify::check,
                                                             .not_asked = notify::not_asked,
                                                             .needs_notifications = true,
                                                             .judges_the_stop = true,
                                                             .off_when_forced = true,
                                                             .is_cut_off = true};
