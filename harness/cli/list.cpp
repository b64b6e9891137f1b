// lastcall list scenarios|properties|faults|behaviours.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "scenario/behaviour.hpp"
#include "scenario/keys.hpp"
#include "scenario/properties.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

std::vector<Listed> scenarios(const std::string& folder) {
  std::vector<Listed> found;
  std::error_code ec;
  for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() != ".toml") continue;
    if (auto loaded = load_scenario(it->path().string()))
      found.push_back({loaded->file, loaded->scenario.about});
  }
  std::ranges::sort(found, {}, &Listed::name);
  return found;
}

// The scenarios of the working directory, else those that lie where lastcall is installed.
std::string usual_folder(const std::string& tools) {
  std::error_code ec;
  if (fs::is_directory("scenarios", ec)) return "scenarios";
  const auto installed = (fs::path(tools).parent_path() / "share/lastcall/scenarios").string();
  return fs::is_directory(installed, ec) ? installed : "scenarios";
}

std::vector<Listed> properties() {
  std::vector<Listed> list;
  for (const auto& property : kProperties)
    list.push_back({std::string(property.name), std::string(property.holds_when)});
  return list;
}

std::vector<Listed> behaviours() {
  std::vector<Listed> list{
      {"ws:// wss://",
       "connects, upgrades, sends messages with unique ids, waits for each acknowledgement"},
      {"http:// https://",
       "sends requests over kept-alive connections, connects again when the server closes one"},
      {"tcp:// tls://",
       "says its opening step by step, then sends messages and waits for the bytes that "
       "acknowledge each"},
      {"talk = charge-point",
       "OCPP-J over WebSocket: BootNotification, Heartbeat, StatusNotification, MeterValues, each "
       "answered by its id"},
      {"talk = staff-chat",
       "JSON over WebSocket: init, then messages and questions for the history"},
  };
  for (const auto behaviour : values<Behaviour>())
    list.push_back({std::string(name(behaviour)), std::string(traits(behaviour).about)});
  list.push_back({"crowd = ", std::string(kAboutCrowds)});
  return list;
}

int list(const std::string& what, const std::string& folder, bool json) {
  if (what.empty()) {
    std::cerr << "lastcall list: say what: scenarios, properties, faults or behaviours\n";
    return exit_codes::kUsage;
  }
  std::vector<Listed> entries;
  if (what == "scenarios") entries = scenarios(folder);
  if (what == "properties") entries = properties();
  if (what == "faults") entries = listed_faults();
  if (what == "behaviours") entries = behaviours();
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
    std::string folder;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("list", "Show scenarios, properties, faults or client behaviours");
  command->add_option("what", arguments->what, "scenarios, properties, faults or behaviours")
      ->check(one_of({"scenarios", "properties", "faults", "behaviours"}))
      ->option_text("WHAT");
  command
      ->add_option("--in", arguments->folder,
                   "Folder to look for scenarios in (default: scenarios, else those that were "
                   "installed with lastcall)")
      ->option_text("DIR");
  command->add_flag("--json", arguments->json, "Print as JSON");
  command->callback([arguments, &context] {
    const auto folder = arguments->folder.empty() ? usual_folder(context.tools) : arguments->folder;
    context.exit_code = list(arguments->what, folder, arguments->json);
  });
}

}  // namespace lastcall::cli
