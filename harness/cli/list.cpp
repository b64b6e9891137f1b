// lastcall list scenarios|properties|faults|behaviours.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "scenario/properties.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name;
  std::string about;
};

std::vector<Entry> scenarios(const std::string& folder) {
  std::vector<Entry> found;
  std::error_code ec;
  for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() != ".toml") continue;
    if (auto loaded = load_scenario(it->path().string()))
      found.push_back({loaded->file, loaded->scenario.about});
  }
  std::ranges::sort(found, {}, &Entry::name);
  return found;
}

std::vector<Entry> properties() {
  std::vector<Entry> list;
  for (const auto& property : kProperties)
    list.push_back({std::string(property.name), std::string(property.holds_when)});
  return list;
}

const std::vector<Entry> kFaults{
    {"stop", "one of the target's stop signals [to]"},
    {"signal", "any signal: signal [to]"},
    {"double-signal", "two signals with a gap between them: signal, second [gap, to]"},
    {"storm", "many signals one after the other: signal [count, gap, to]"},
    {"pause", "SIGSTOP, and SIGCONT later: for [to]"},
    {"kill", "SIGKILL: there is no stop, the restart is judged [to]"},
    {"abort-clients", "a share of the connected clients goes away at once, with a reset [percent]"},
    {"network",
     "changes the connections of groups with proxy = true: action = delay, stall, cut, half-close, "
     "reset or truncate [for, at_byte, toward, percent]"},
    {"syscall",
     "changes what becomes of a system call: error = \"ENOSPC\", short_write = true or delay, for "
     "several calls in a row [count]; needs when = { syscall }"},
    {"limit", "limits what the target may use from then on: one of descriptors, memory, disk, cpu"},
    {"to = ", "who gets a signal: process, group, child or tree"},
    {"when = { phase, at }",
     "a time in the phase start, load or drain; at = \"measured\" (load only) is drawn over four "
     "response times, at least 1s"},
    {"when = { log, nth }", "the Nth line of output that matches a regular expression"},
    {"when = { notification, nth }", "the Nth notification with this assignment, sd_notify(3)"},
    {"when = { event, nth }",
     "the Nth event of all clients: connected, handshake, sent, acknowledged"},
    {"when = { syscall, nth }",
     "the Nth such system call of the target's processes; its thread stands there until the fault "
     "is done; needs trace = true. accept, fork, link, mkdir, open, read, recv, rename, send, "
     "symlink, unlink and write mean all of their kind, fsync does not mean fdatasync [path, role "
     "= listener, connection, state or log, at = entry or exit, phase from which calls count]"},
};

const std::vector<Entry> kBehaviours{
    {"ws:// wss://",
     "connects, upgrades, sends messages with unique ids, waits for each acknowledgement"},
    {"http:// https://",
     "sends requests over kept-alive connections, connects again when the server closes one"},
    {"tcp:// tls://",
     "says its opening step by step, then sends messages and waits for the bytes that acknowledge "
     "each"},
    {"talk = charge-point",
     "OCPP-J over WebSocket: BootNotification, Heartbeat, StatusNotification, MeterValues, each "
     "answered by its id"},
    {"talk = staff-chat", "JSON over WebSocket: init, then messages and questions for the history"},
    {"steady", "does what its protocol says"},
    {"silent", "connects (over TLS: finishes the handshake) and never says anything"},
    {"never-closes",
     "steady, but keeps its side open after the server's FIN until the trial's end"},
    {"slow-reader", "reads read_rate bytes a second through a small receive buffer"},
    {"half-open", "is gone without FIN or RST, as after a power cut"},
    {"abort-handshake", "goes away in the middle of the TLS handshake or the HTTP upgrade"},
    {"abort-message", "goes away in the middle of a message"},
    {"reset", "ends its connection with RST (SO_LINGER 0)"},
    {"garbage", "sends random bytes instead of its protocol"},
    {"idle", "steady, but says nothing more once the stop has begun, and stays connected"},
    {"quiet", "not http: connects, upgrades, says its opening, and never sends a message"},
    {"late",
     "steady, but comes only once the stop has begun, again and again until the target's end"},
    {"leaves",
     "steady for one to three answers, then ends its connection in order (ws, wss: Close 1000; "
     "others: close_notify over TLS, FIN), before the stop, and does not come again"},
    {"crowd = usual",
     "the habits of a group that does not say how its clients behave: most are steady; of each ten "
     "one is idle, one late, one leaves and, over WebSocket, one is quiet"},
    {"crowd = harsh",
     "the same, and of each ten one is silent, one a slow-reader, one never-closes and one does a "
     "reset"},
};

int list(const std::string& what, const std::string& folder, bool json) {
  if (what.empty()) {
    std::cerr << "lastcall list: say what: scenarios, properties, faults or behaviours\n";
    return exit_codes::kUsage;
  }
  std::vector<Entry> entries;
  if (what == "scenarios") entries = scenarios(folder);
  if (what == "properties") entries = properties();
  if (what == "faults") entries = kFaults;
  if (what == "behaviours") entries = kBehaviours;
  if (json) {
    boost::json::array array;
    for (const auto& [name, about] : entries) array.push_back({{"name", name}, {"about", about}});
    std::cout << boost::json::serialize(array) << "\n";
    return exit_codes::kHeld;
  }
  std::size_t width = 0;
  for (const auto& entry : entries) width = std::max(width, entry.name.size());
  for (const auto& [name, about] : entries) {
    std::cout << name << std::string(width - name.size() + 2, ' ') << about << "\n";
  }
  if (entries.empty())
    std::cerr << "lastcall list: no scenario below " << folder << "; name another with --in\n";
  return exit_codes::kHeld;
}

}  // namespace

void add_list(CLI::App& app, Context& context) {
  struct Arguments {
    std::string what;
    std::string folder = "scenarios";
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("list", "Show scenarios, properties, faults or client behaviours");
  command->add_option("what", arguments->what, "scenarios, properties, faults or behaviours")
      ->check(CLI::IsMember({"scenarios", "properties", "faults", "behaviours"}));
  command->add_option("--in", arguments->folder, "Folder to look for scenarios in")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print as JSON");
  command->callback([arguments, &context] {
    context.exit_code = list(arguments->what, arguments->folder, arguments->json);
  });
}

}  // namespace lastcall::cli
