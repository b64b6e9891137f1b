#include "discover/deployment.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/durations.hpp"
#include "base/text.hpp"

namespace lastcall {
namespace {

Error missing(const std::string& file, const std::string& what) {
  return {"make a scenario of", file, 0, what};
}

// Null if it is not there, or the node is no map.
YAML::Node at(const YAML::Node& node, const std::string& key) {
  if (!node.IsMap()) return YAML::Node();
  const auto found = node[key];
  return found.IsDefined() ? found : YAML::Node();
}

std::string scalar(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : ""; }

// A list of words, or one text that is split.
std::vector<std::string> command_in(const YAML::Node& node) {
  if (node.IsScalar()) return words_of(node.Scalar());
  std::vector<std::string> words;
  if (node.IsSequence()) {
    for (const auto& word : node) words.push_back(scalar(word));
  }
  return words;
}

void append(std::vector<std::string>& words, std::vector<std::string> more) {
  words.insert(words.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

void add_assignment(const std::string& text, std::map<std::string, std::string>& all) {
  const auto equals = text.find('=');
  if (equals != std::string::npos && equals > 0)
    all[text.substr(0, equals)] = text.substr(equals + 1);
}

void add_port(const std::string& text, std::vector<std::uint16_t>& ports) {
  if (const auto port = parse_number<std::uint16_t>(text);
      port && *port > 0 && std::ranges::count(ports, *port) == 0)
    ports.push_back(*port);
}

// "127.0.0.1:8080:80/tcp" -> "80".
std::string container_port(std::string text) {
  text = text.substr(0, text.find('/'));
  return text.substr(text.rfind(':') == std::string::npos ? 0 : text.rfind(':') + 1);
}

// "1m30s", "30s", "90" (seconds).
std::optional<Nanoseconds> time_span(const std::string& text) {
  if (const auto seconds = parse_number<std::uint32_t>(text)) return std::chrono::seconds(*seconds);
  Nanoseconds sum{};
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto unit = rest.find_first_not_of("0123456789.");
    if (unit == rest.npos || unit == 0) return std::nullopt;
    const auto end = std::min(rest.find_first_of("0123456789 ", unit), rest.size());
    std::string part(rest.substr(0, end));
    if (part.ends_with("min")) part.replace(part.size() - 3, 3, "m");
    const auto one = parse_duration(part);
    if (!one) return std::nullopt;
    sum += *one;
    rest.remove_prefix(std::min(rest.find_first_not_of(' ', end), rest.size()));
  }
  return sum > Nanoseconds(0) ? std::optional(sum) : std::nullopt;
}

// The first http URL among the words of a probe's command.
void probe_by_command(const std::vector<std::string>& words, Deployment& deployment) {
  for (const auto& word : words) {
    const bool tls = word.find("https://") != std::string::npos;
    const auto at = word.find(tls ? "https://" : "http://");
    if (at == std::string::npos) continue;
    auto url = word.substr(at + (tls ? 8 : 7));
    url = url.substr(0, url.find_first_of(" |&;"));
    const auto slash = std::min(url.find('/'), url.size());
    const auto authority = url.substr(0, slash);
    const auto colon = authority.rfind(':');
    deployment.probed = colon == std::string::npos
                            ? (tls ? 443 : 80)
                            : parse_number<std::uint16_t>(authority.substr(colon + 1));
    deployment.probe = slash == url.size() ? "/" : url.substr(slash);
    deployment.probe_tls = tls;
    return;
  }
}

Deployment compose_service(const std::string& name, const YAML::Node& service) {
  Deployment one{.what = "service " + name, .command = command_in(at(service, "entrypoint"))};
  append(one.command, command_in(at(service, "command")));
  if (const auto variables = at(service, "environment"); variables.IsMap()) {
    for (const auto& entry : variables) one.environment[scalar(entry.first)] = scalar(entry.second);
  } else if (variables.IsSequence()) {
    for (const auto& entry : variables) add_assignment(scalar(entry), one.environment);
  }
  for (const auto* key : {"ports", "expose"}) {
    const auto ports = at(service, key);
    if (!ports.IsSequence()) continue;
    for (const auto& port : ports)
      add_port(container_port(port.IsMap() ? scalar(at(port, "target")) : scalar(port)), one.ports);
  }
  if (const auto check = at(service, "healthcheck"); check.IsMap())
    probe_by_command(command_in(at(check, "test")), one);
  one.directory = scalar(at(service, "working_dir"));
  one.signal = scalar(at(service, "stop_signal"));
  one.grace = time_span(scalar(at(service, "stop_grace_period")));
  if (at(service, "user").IsScalar())
    one.notes.push_back("user: " + scalar(at(service, "user")) + " was left out");
  return one;
}

Result<Deployment> from_compose(const YAML::Node& services, const std::string& file,
                                const std::string& wanted) {
  std::string names;
  for (const auto& entry : services) {
    const auto name = scalar(entry.first);
    names += (names.empty() ? "" : ", ") + name;
    if (!entry.second.IsMap() || (!wanted.empty() && name != wanted)) continue;
    auto one = compose_service(name, entry.second);
    if (!one.command.empty() || !wanted.empty()) return one;
  }
  return missing(file, wanted.empty() ? "no service has a command (" + names +
                                            "): name one with --service, and its command behind --"
                                      : "there is no service " + wanted + ": " + names);
}

void read_probe(const YAML::Node& probe, const YAML::Node& ports, Deployment& one) {
  if (!probe.IsMap()) return;
  if (const auto get = at(probe, "httpGet"); get.IsMap()) {
    one.probe = at(get, "path").IsScalar() ? scalar(at(get, "path")) : "/";
    one.probe_tls = scalar(at(get, "scheme")) == "HTTPS";
    auto port = scalar(at(get, "port"));
    // It may be the name of a port.
    for (const auto& entry : ports) {
      if (scalar(at(entry, "name")) == port) port = scalar(at(entry, "containerPort"));
    }
    one.probed = parse_number<std::uint16_t>(port);
  } else if (const auto exec = at(probe, "exec"); exec.IsMap()) {
    probe_by_command(command_in(at(exec, "command")), one);
  }
}

Deployment kubernetes_container(const YAML::Node& container, const YAML::Node& pod) {
  Deployment one{.what = "container " + scalar(at(container, "name")),
                 .command = command_in(at(container, "command"))};
  append(one.command, command_in(at(container, "args")));
  if (const auto variables = at(container, "env"); variables.IsSequence()) {
    for (const auto& entry : variables) {
      if (!entry.IsMap()) continue;
      if (at(entry, "value").IsScalar()) {
        one.environment[scalar(at(entry, "name"))] = scalar(at(entry, "value"));
      } else {
        one.notes.push_back("env " + scalar(at(entry, "name")) + " comes from elsewhere: say it");
      }
    }
  }
  const auto ports = at(container, "ports");
  if (ports.IsSequence()) {
    for (const auto& entry : ports) {
      if (entry.IsMap()) add_port(scalar(at(entry, "containerPort")), one.ports);
    }
  }
  for (const auto* probe : {"readinessProbe", "startupProbe", "livenessProbe"}) {
    if (one.probe.empty()) read_probe(at(container, probe), ports, one);
  }
  if (const auto lifecycle = at(container, "lifecycle");
      lifecycle.IsMap() && at(lifecycle, "preStop").IsMap())
    one.notes.push_back("preStop was left out: it runs before the signal");
  one.directory = scalar(at(container, "workingDir"));
  one.signal = "SIGTERM";
  // Kubernetes documentation, Pod Lifecycle: 30 s unless said otherwise.
  one.grace = time_span(at(pod, "terminationGracePeriodSeconds").IsScalar()
                            ? scalar(at(pod, "terminationGracePeriodSeconds"))
                            : "30");
  return one;
}

// The PodSpec of a Pod, or of what makes pods.
YAML::Node pod_of(const YAML::Node& document) {
  auto spec = at(document, "spec");
  if (!spec.IsMap()) return YAML::Node();
  if (const auto job = at(spec, "jobTemplate"); job.IsMap()) return pod_of(job);
  if (const auto pods = at(spec, "template"); pods.IsMap()) return pod_of(pods);
  return spec;
}

Result<Deployment> from_kubernetes(const std::vector<YAML::Node>& documents,
                                   const std::string& file, const std::string& wanted) {
  std::string names;
  for (const auto& document : documents) {
    if (!document.IsMap()) continue;
    const auto pod = pod_of(document);
    if (!pod.IsMap() || !at(pod, "containers").IsSequence()) continue;
    for (const auto& container : at(pod, "containers")) {
      if (!container.IsMap()) continue;
      const auto name = scalar(at(container, "name"));
      names += (names.empty() ? "" : ", ") + name;
      if (wanted.empty() || name == wanted) return kubernetes_container(container, pod);
    }
  }
  return missing(file, names.empty() ? "no object in it has containers"
                                     : "there is no container " + wanted + ": " + names);
}

// systemd.syntax(7): the last of a key wins, but for lists; a backslash continues a line.
Result<Deployment> from_unit(std::string_view text, const std::string& file) {
  Deployment one{.what = "unit", .command = {}, .grace = std::chrono::seconds(90)};
  std::istringstream lines{std::string(text)};
  std::string section;
  std::string whole;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\\')) {
      whole += line.substr(0, line.size() - 1) + " ";
      continue;
    }
    line = std::exchange(whole, "") + line;
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line[begin] == '#' || line[begin] == ';') continue;
    if (line[begin] == '[') {
      section = line.substr(begin, line.find(']') - begin + 1);
      continue;
    }
    const auto equals = line.find('=');
    if (section != "[Service]" || equals == std::string::npos) continue;
    const auto key = line.substr(begin, line.find_last_not_of(" \t", equals - 1) - begin + 1);
    const auto from = line.find_first_not_of(" \t", equals + 1);
    const auto value = from == std::string::npos ? "" : line.substr(from);
    if (key == "ExecStart") {
      // systemd.service(5): special characters in front of the command.
      const auto command = value.find_first_not_of("@-:+!");
      one.command = command == std::string::npos ? std::vector<std::string>()
                                                 : words_of(value.substr(command));
    } else if (key == "Environment") {
      for (const auto& word : words_of(value)) add_assignment(word, one.environment);
    } else if (key == "WorkingDirectory") {
      one.directory = value;
    } else if (key == "KillSignal") {
      one.signal = value;
    } else if (key == "TimeoutStopSec" || key == "TimeoutSec") {
      if (const auto span = time_span(value)) one.grace = span;
    } else if (key == "Type") {
      one.notifies = value.starts_with("notify");
      if (value == "forking")
        one.notes.push_back("Type=forking: give it the option that keeps it in the foreground");
    } else if (key == "User" || key == "EnvironmentFile" || key == "ExecStop") {
      one.notes.push_back(key + "=" + value + " was left out");
    }
  }
  if (one.command.empty()) return missing(file, "[Service] has no ExecStart=");
  return one;
}

}  // namespace

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n')) {
      if (begun) words.push_back(std::exchange(word, ""));
      begun = false;
      continue;
    }
    begun = true;
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word += line[++i];
    } else {
      word += c;
    }
  }
  if (begun) words.push_back(word);
  return words;
}

Result<Deployment> read_deployment(std::string_view text, const std::string& file,
                                   const std::string& wanted) {
  if (text.find("[Service]") != text.npos) return from_unit(text, file);
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    for (const auto& document : documents) {
      if (at(document, "services").IsMap())
        return from_compose(at(document, "services"), file, wanted);
    }
    const bool is_manifest = std::ranges::any_of(
        documents, [](const YAML::Node& one) { return at(one, "kind").IsScalar(); });
    if (is_manifest) return from_kubernetes(documents, file, wanted);
  } catch (const YAML::Exception& error) {
    return missing(file, std::string("it is no YAML: ") + error.what());
  }
  return missing(
      file,
      "it is none of these: a Compose file (services:), a Kubernetes manifest (kind:), a "
      "systemd unit ([Service])");
}

Discovery discovery_of(const Deployment& deployment, const std::string& directory) {
  Discovery found;
  found.command = {deployment.command, deployment.environment};
  found.notifies = deployment.notifies;
  const auto& own = deployment.directory;
  found.directory = own.starts_with('/') ? own : directory;
  if (!deployment.command.empty())
    found.program = std::filesystem::path(deployment.command.front()).filename().string();
  auto ports = deployment.ports;
  if (deployment.probed && std::ranges::count(ports, *deployment.probed) == 0)
    ports.push_back(*deployment.probed);
  for (const auto number : ports) {
    FoundPort port{.port = number, .address = "127.0.0.1"};
    if (deployment.probed == number && !deployment.probe.empty()) {
      port.speech = Speech::http;
      port.tls = deployment.probe_tls;
      port.answers = {{deployment.probe, 200, {}}};
    }
    found.ports.push_back(std::move(port));
  }
  return found;
}

}  // namespace lastcall
