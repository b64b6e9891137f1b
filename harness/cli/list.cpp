// lastcall list scenarios|properties|faults|behaviours.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/files.hpp"
#include "scenario/property_names.hpp"

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
    if (auto loaded = load_scenario(it->path().string())) found.push_back({loaded->file, loaded->scenario.about});
  }
  std::ranges::sort(found, {}, &Entry::name);
  return found;
}

std::vector<Entry> properties() {
  std::vector<Entry> list;
  for (const auto& property : kProperties) list.push_back({std::string(property.name), std::string(property.holds_when)});
  return list;
}

const std::vector<Entry> kFaults{
    {"stop", "one of the target's stop signals, to its main process"},
    {"signal", "any signal, to its main process"},
    {"double-signal", "two signals with a gap between them"},
    {"when = { phase, at }", "a time in the phase start, load or drain"},
    {"when = { event, nth }", "the Nth event over all clients: connected, handshake, sent, acknowledged"},
};

const std::vector<Entry> kBehaviours{
    {"ws:// wss://", "connects, upgrades, sends messages with unique ids, waits for each acknowledgement"},
    {"http:// https://", "sends requests over kept-alive connections, connects anew when the server closes one"},
};

int list(const std::string& what, const std::string& folder, bool json) {
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
  if (entries.empty()) std::cerr << "lastcall list: no scenario below " << folder << "; name another with --in\n";
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
  auto* command = app.add_subcommand("list", "Show scenarios, properties, faults or client behaviours");
  command->add_option("what", arguments->what, "scenarios, properties, faults or behaviours")
      ->required()
      ->check(CLI::IsMember({"scenarios", "properties", "faults", "behaviours"}));
  command->add_option("--in", arguments->folder, "Folder to look for scenarios in")->capture_default_str();
  command->add_flag("--json", arguments->json, "Print as JSON");
  command->callback(
      [arguments, &context] { context.exit_code = list(arguments->what, arguments->folder, arguments->json); });
}

}  // namespace lastcall::cli
