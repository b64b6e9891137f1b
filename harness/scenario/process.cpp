// What a scenario says of every process that lastcall starts, the target and those next to it: what
// is run, and how lastcall sees that it is ready.
#include "scenario/build.hpp"
#include "scenario/keys.hpp"

namespace lastcall {

std::vector<Key> process_keys(std::string_view about_directory, std::string_view directory) {
  return {
      {.name = "command",
       .kind = Kind::text,
       .shape = Shape::list,
       .about = "The program and its arguments; no shell is involved. A name without a slash is "
                "looked up beside lastcall and in PATH; a relative path means `cwd`, and "
                "without that the scenario's folder.",
       .required = true},
      {.name = "environment",
       .kind = Kind::text,
       .shape = Shape::map,
       .about = "Variables to add to a small fixed environment.",
       .names = Names::variable,
       .instead_of = {"env", "variables"}},
      {.name = "directory",
       .kind = Kind::text,
       .about = about_directory,
       .fallback = directory,
       .low = 1,
       .instead_of = {"workdir", "working_dir", "working_directory", "chdir"}},
      {.name = "cwd",
       .kind = Kind::text,
       .about = "The working directory as your deployment has it, instead of `directory`; a "
                "relative path means the scenario's folder.",
       .low = 1},
      {.name = "user",
       .kind = Kind::plain,
       .about = "The user that it runs as. Needs root. Default: whoever runs lastcall.",
       .low = 1}};
}

Table ready_table(std::string_view where) {
  return {.where = where,
          .keys = {{.name = "url",
                    .kind = Kind::url,
                    .shape = Shape::one_or_list,
                    .about = "Ready when this has answered with a 2xx status; of a list each.",
                    .choices = {"http", "https"}},
                   {.name = "port",
                    .kind = Kind::port,
                    .shape = Shape::one_or_list,
                    .about = "Ready when this port has accepted a TCP connection: \"{port}\"; of a "
                             "list each."},
                   {.name = "log",
                    .kind = Kind::pattern,
                    .shape = Shape::one_or_list,
                    .about = "Ready when a line of output has matched this regular "
                             "expression; of a list each.",
                    .low = 1},
                   {.name = "notify",
                    .kind = Kind::truth,
                    .about = "Ready when it sends READY=1 to NOTIFY_SOCKET, see sd_notify(3)."},
                   {.name = "timeout",
                    .kind = Kind::duration,
                    .about = "The longest time until all of them have held.",
                    .fallback = R"("10s")",
                    .low = kMillisecond,
                    .high = kDay}},
          .at_least_one_of = {"url", "port", "log", "notify"}};
}

std::vector<std::string> command_of(const Value& value, std::string_view folder) {
  auto words = texts_of(value);
  if (!words.empty() && words.front().find('/') != std::string::npos)
    words.front() = below(folder, words.front());
  return words;
}

std::string below(std::string_view folder, std::string_view path) {
  if (path.empty() || path.front() == '/' || path.front() == '{') return std::string(path);
  while (path.starts_with("./")) path.remove_prefix(2);
  return path.empty() || path == "." ? std::string(folder)
                                     : std::string(folder) + "/" + std::string(path);
}

Target build_process(const Section& section, Errors& errors) {
  Target process;
  process.directory = section["directory"].text;
  std::string folder(kScenarioFolder);
  if (section.has("cwd")) {
    folder = process.directory = below(kScenarioFolder, section["cwd"].text);
    if (section.has("directory"))
      errors.add(section.place("cwd"), "takes the place of 'directory': leave one of them out");
  }
  process.command = command_of(section["command"], folder);
  for (const auto& [name, place, value] : section["environment"].entries)
    process.environment[name] = value.text;
  process.user = section["user"].text;
  const auto ready = section.sub("ready");
  process.ready = {.notify = ready["notify"].boolean,
                   .urls = texts_of(ready["url"]),
                   .ports = texts_of(ready["port"]),
                   .logs = texts_of(ready["log"]),
                   .timeout = duration_of(ready["timeout"])};
  return process;
}

}  // namespace lastcall
