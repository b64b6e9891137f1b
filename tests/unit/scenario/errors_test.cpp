// Each kind of mistake in a scenario file, with its place.
#include <gmock/gmock.h>

#include "scenario/parse.hpp"

namespace lastcall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> whole_errors_of(std::string_view text) {
  const auto result = parse_scenario(text, "s.toml");
  std::vector<std::string> lines;
  if (const auto* errors = std::get_if<1>(&result)) {
    for (const auto& error : *errors) lines.push_back(error.text());
  }
  return lines;
}

// Without the list of keys that are allowed.
std::vector<std::string> errors_of(std::string_view text) {
  auto lines = whole_errors_of(text);
  for (auto& line : lines) line = line.substr(0, line.find(" (allowed: "));
  return lines;
}

// A scenario that is fine but for `text`, which begins on line 6, in [target]. What it has itself
// is left out of the rest.
std::vector<std::string> mistake(std::string_view text) {
  const auto unless = [&](std::string_view own, std::string_view line) {
    return text.starts_with(own) ? std::string("\n") : std::string(line) + "\n";
  };
  return errors_of("about = \"why\"\n" +
                   unless("[[clients]]", "clients = [{ url = \"ws://127.0.0.1:{port}/\" }]") +
                   "[target]\n" + unless("command", "command = [\"server\"]") +
                   unless("ready", "ready = { notify = true }") + std::string(text) + "\n");
}

struct Mistake {
  std::string text;
  std::string expected;  // from the line on
};

void expect_each(const std::vector<Mistake>& mistakes) {
  for (const auto& [text, expected] : mistakes) {
    EXPECT_THAT(mistake(text), ElementsAre("s.toml:" + expected)) << text;
  }
}

TEST(Errors, OfAnUnknownKeySayWhichKeysAreAllowedThere) {
  const std::string begin =
      "about = \"why\"\n[target]\ncommand = [\"x\"]\nready = { notify = true }\n";
  EXPECT_THAT(whole_errors_of(begin + "[budget]\nrounds = 1\n"),
              ElementsAre("s.toml:6:1: unknown key 'rounds' in [budget] (allowed: trials, load, "
                          "trial_timeout)"));
  EXPECT_THAT(whole_errors_of(begin + "[budget]\ntrial = 1\n"),
              ElementsAre("s.toml:6:1: unknown key 'trial' in [budget]; did you mean 'trials'? "
                          "(allowed: trials, load, trial_timeout)"));
  EXPECT_THAT(whole_errors_of(begin + "[properties.recovers]\nwithin = 1\n"),
              ElementsAre("s.toml:6:1: unknown key 'within' in [properties.recovers] (allowed: "
                          "judge, why)"));
}

TEST(Errors, OfATargetNameTheirPlace) {
  expect_each({
      {"comand = [\"x\"]", "6:1: unknown key 'comand' in [target]; did you mean 'command'?"},
      {"xyz = 1", "6:1: unknown key 'xyz' in [target]"},
      {"command = \"server\"", "6:11: expected an array, each item a string, found a string"},
      {"command = []", "6:11: the array must not be empty"},
      {"command = [\"a\", 7]", "6:17: expected a string, found an integer"},
      {"command = [\"a\\u0000\"]", "6:12: contains a NUL byte"},
      {"environment = { A = \"{dirr}\" }", "6:21: unknown placeholder {dirr}; did you mean {dir}?"},
      {"environment = { \"A=B\" = \"\" }",
       "6:17: a name of the environment is not empty and has no '=', found \"A=B\""},
      {"environment = [1]",
       "6:15: expected a table of named values, each a string, found an array"},
      {"directory = \"\"", "6:13: must not be empty"},
      {"workdir = \"x\"", "6:1: unknown key 'workdir' in [target]; here it is 'directory'"},
      {"cwd = \"x\"\ndirectory = \"y\"",
       "6:1: takes the place of 'directory': leave one of them out"},
      {"cwd = \"\"", "6:7: must not be empty"},
      {"env = { A = \"b\" }", "6:1: unknown key 'env' in [target]; here it is 'environment'"},
      {"directory = \"{length}\"", "6:13: {length} is for what clients send"},
      {"files = { \"../x\" = \"\" }",
       "6:11: the path of a file is relative to {dir} and stays below it, found \"../x\""},
      {"files = { \"a\" = \"\", \"a/b\" = \"\" }", "6:11: 'a' is a folder of {dir}, not a file"},
      {"files = { tmp = \"\" }", "6:11: 'tmp' is a folder of {dir}, not a file"},
      {"state = \"../x\"",
       "6:9: the path of a file is relative to {dir} and stays below it, found \"../x\""},
      {"[properties]\nlog-complete = { file = \"/var/log/x\" }",
       "7:25: the path of a file is relative to {dir} and stays below it, found \"/var/log/x\""},
      {"stop = { signal = \"SIGTREM\" }",
       "6:19: unknown signal 'SIGTREM'; did you mean 'SIGTERM'?"},
      {"stop = { deadline = 5 }", "6:21: expected a duration such as \"250ms\", found an integer"},
      {"stop = { deadline = \"5 s\" }",
       "6:21: expected a duration such as \"250ms\", found \"5 s\""},
      {"stop = { deadline = \"0s\" }", "6:21: must be from 1ms to 24h, found \"0s\""},
      {"stop = { deadline = \"-1s\" }", "6:21: a duration cannot be negative, found \"-1s\""},
      {"stop = { exit = 256 }", "6:17: must be from 0 to 255, found 256"},
      {"stop = { exit = [0, true] }",
       "6:21: expected an exit code from 0 to 255 or a signal name such as \"SIGTERM\", found a "
       "boolean"},
  });
}

TEST(Errors, OfReadinessNameTheirPlace) {
  expect_each({
      {"ready = {}", "6:9: [target.ready] takes at least one of 'url', 'port', 'log', 'notify'"},
      {"ready = { timeout = \"1s\" }",
       "6:9: [target.ready] takes at least one of 'url', 'port', 'log', 'notify'"},
      {"ready = { port = [\"{port}\", \"x\"] }",
       "6:29: a port is {port}, {port.NAME} or a number from 1 to 65535, found \"x\""},
      {"ready = { log = [] }", "6:17: the array must not be empty"},
      {"ready = { notify = false }", "6:20: expected true, found false"},
      {"ready = { url = \"ws://127.0.0.1/\" }",
       "6:17: a URL here begins with http:// or https://, found \"ws://127.0.0.1/\""},
      {"ready = { port = \"70000\" }",
       "6:18: a port is {port}, {port.NAME} or a number from 1 to 65535, found \"70000\""},
      {"ready = { log = \"(\" }", "6:17: bad regular expression \"(\": missing ): ("},
      {"ready = { log = '(a)\\1' }",
       "6:17: bad regular expression \"(a)\\1\": invalid escape sequence: \\1; a backreference "
       "is "
       "not supported, because a search takes linear time (RE2's syntax)"},
      {"ready = true", "6:9: expected a table, found a boolean"},
  });
}

constexpr const char* kWebSocket = "[[clients]]\nurl = \"ws://127.0.0.1:{port}/\"\n";
constexpr const char* kHttp = "[[clients]]\nurl = \"http://127.0.0.1:{port}/\"\n";
constexpr const char* kTcp = "[[clients]]\nurl = \"tcp://127.0.0.1:{port}\"\n";

TEST(Errors, OfHeadersNameTheirPlace) {
  const std::string ws = kWebSocket;
  const std::string http = kHttp;
  expect_each({
      {http + "headers = { A = \"x\\r\\nB: y\" }",
       "8:17: the value of a header has no line breaks or other control characters, found "
       "\"x??B: y\""},
      {http + "headers = { A = \" x\" }",
       "8:17: the value of a header neither begins nor ends with a space, found \" x\""},
      {http + "headers = { A = \"{prt}\" }",
       "8:17: unknown placeholder {prt}; did you mean {port}?"},
      {http + "headers = { A = 7 }", "8:17: expected a string, found an integer"},
      {http + "headers = { \"A\\r\\nB\" = \"x\" }",
       "8:13: the name of a header has letters, digits and !#$%&'*+-.^_`|~ only, without spaces, "
       "found \"A??B\""},
      {http + "headers = { content-length = \"1\" }",
       "8:13: lastcall itself sets the header 'content-length'"},
      {ws + "headers = { Sec-WebSocket-Key = \"1\" }",
       "8:13: lastcall itself sets the header 'Sec-WebSocket-Key'"},
      {ws + "headers = { Sec-WebSocket-Protocol = \"x\" }",
       "8:13: the key 'subprotocol' says this header"},
      {ws + "headers = { A = \"{id}\" }",
       "8:17: {id} is that of a message, and an upgrade is none"},
      {http + "headers = { A = \"x\", a = \"y\" }", "8:22: the header 'a' is there already"},
      {http + "headers = [\"A: x\"]",
       "8:11: expected a table of named values, each a string, found an array"},
      {std::string(kTcp) + "headers = { A = \"x\" }",
       "8:1: 'headers' is for http, https, ws and wss only"},
      {http + "headers = { A = \"{vary.x}\" }\n[[target.vary]]\nname = \"x\"\nvalues = [\"a\\nb\"]",
       "8:17: {vary.x}: the value of a header has no line breaks or other control characters, "
       "found \"a?b\""},
      {http + "headers = { A = \"{length}\" }", "8:17: {length} is for what clients send"},
  });
}

TEST(Errors, OfLengthsNameTheirPlace) {
  const std::string tcp = kTcp;
  expect_each({
      {tcp + "message = '{body}x'", "8:11: {body} goes with a {length} before it"},
      {tcp + "message = ['x', '{length}x{end}{end}']",
       "8:17: {end} goes with a {length} before it"},
      {tcp + "ack = '{length}'", "8:7: {length} is for what clients send"},
      {tcp + "opening = [{ expect = '{length.be32}' }]",
       "8:23: {length.be32} is for what clients send"},
      {tcp + "opening = [{ send = '{end}' }]", "8:21: {end} goes with a {length} before it"},
      {tcp + "message = '{lenght}'", "8:11: unknown placeholder {lenght}; did you mean {length}?"},
  });
}

TEST(Errors, OfIdsThatTheServerChoosesNameTheirPlace) {
  const std::string http = kHttp;
  expect_each({
      {http + "id_from = {}", "8:11: id_from takes exactly one of 'json', 'pattern'"},
      {http + "id_from = { json = \"/a\", pattern = \"(a)\" }",
       "8:26: id_from takes exactly one of 'json', 'pattern'"},
      {http + "id_from = { json = \"id\" }",
       "8:20: expected a JSON pointer such as \"/order/id\" (RFC 6901), found \"id\""},
      {http + "id_from = { pattern = \"a\" }",
       "8:23: the regular expression needs exactly one group, \"( )\", and has 0: \"a\""},
      {http + "id_from = { pattern = \"(a)(b)\" }",
       "8:23: the regular expression needs exactly one group, \"( )\", and has 2: \"(a)(b)\""},
      {http + "id_from = { pattern = \"(\" }", "8:23: bad regular expression \"(\": missing ): ("},
      {http + "id_from = \"/id\"", "8:11: expected a table, found a string"},
  });
}

TEST(Errors, OfSidecarsNameTheirPlace) {
  const std::string side = "[[sidecars]]\nname = \"db\"\ncommand = [\"x\"]\n";
  const std::string ready = "ready.notify = true\n";
  expect_each({
      {side, "6:1: missing key 'ready' in [[sidecars]]"},
      {"[[sidecars]]\nname = \"db\"\n" + ready, "6:1: missing key 'command' in [[sidecars]]"},
      {"[[sidecars]]\ncommand = [\"x\"]\n" + ready, "6:1: missing key 'name' in [[sidecars]]"},
      {"[[sidecars]]\nname = \"DB\"\ncommand = [\"x\"]\n" + ready,
       "7:1: expected a lower-case word such as \"my-checker\", found \"DB\""},
      {"[[sidecars]]\nname = \"a23456789012345678901\"\ncommand = [\"x\"]\n" + ready,
       "7:8: must not be longer than 20 characters"},
      {side + ready + side + ready, "11:1: the name 'db' is taken by another sidecar"},
      {side + "ready = {}",
       "9:9: [sidecars.ready] takes at least one of 'url', 'port', 'log', 'notify'"},
      {side + ready + "chdir = \"x\"",
       "10:1: unknown key 'chdir' in [[sidecars]]; here it is 'directory'"},
      {side + ready + "directory = \"x\"\ncwd = \"y\"",
       "11:1: takes the place of 'directory': leave one of them out"},
      {side + ready + "stop = \"SIGTREM\"",
       "10:8: unknown signal 'SIGTREM'; did you mean 'SIGTERM'?"},
      {"environment = { A = \"{sidecar.bd}\" }\n" + side + ready,
       "6:21: no [[sidecars]] has the name 'bd'"},
      {"limits.disk = \"1MiB\"\n[[sidecars]]\nname = \"db\"\ncommand = [\"x\", \"{dir}\"]\n" +
           ready,
       "9:17: with a limited disk nobody but the target sees {dir}: use {sidecar.NAME}"},
  });
}

TEST(Errors, OfAScenarioWithoutClientsNameWhatNeedsThem) {
  const std::string target = "about = \"why\"\n[target]\ncommand = [\"x\"]\nready.log = \"up\"\n";
  const std::string stop = "[[faults]]\nwhat = \"stop\"\nwhen.phase = \"load\"\n[[faults]]\n";
  EXPECT_THAT(errors_of(target), ElementsAre());
  EXPECT_THAT(errors_of(target + "[[faults]]\nwhat = \"stop\"\nwhen = { event = \"sent\" }"),
              ElementsAre("s.toml:7:10: 'event' needs [[clients]]"));
  EXPECT_THAT(errors_of(target + stop + "what = \"abort-clients\"\nwhen.phase = \"load\""),
              ElementsAre("s.toml:8:1: a fault 'abort-clients' needs [[clients]]"));
}

TEST(Errors, OfClientsNameTheirPlace) {
  const std::string ws = kWebSocket;
  const std::string http = kHttp;
  expect_each({
      {ws + "count = 0", "8:9: must be from 1 to 1000000, found 0"},
      {ws + "count = 1000001", "8:9: must be from 1 to 1000000, found 1000001"},
      {ws + "count = 9223372036854775807",
       "8:9: must be from 1 to 1000000, found 9223372036854775807"},
      {ws + "count = 1.5", "8:9: expected an integer, found a floating-point number"},
      {ws + "pace = \"2s..1s\"", "8:8: the range is reversed: \"2s..1s\""},
      {ws + "pace = \"1s..\"",
       "8:8: expected a duration such as \"250ms\" or a range such as \"0ms..2s\", found \"1s..\""},
      {ws + "ramp = \"25h\"", "8:8: must be from 0s to 24h, found \"25h\""},
      {ws + "messages = -1", "8:12: must be from 0 to 4294967295, found -1"},
      {ws + "method = \"GET\"", "8:1: 'method' is for http and https only"},
      {ws + "status = 200", "8:1: 'status' is for http and https only"},
      {ws + "name = \"\"", "8:8: must not be empty"},
      {http + "ack = \"x\"", "8:1: 'ack' is for ws, wss, tcp and tls only"},
      {http + "status = 99", "8:10: must be from 100 to 599, found 99"},
      {http + "method = \"POT\"",
       "8:10: expected one of 'GET', 'POST', 'PUT', 'DELETE', found 'POT'; did you mean 'POST'?"},
      {http + "method = \"GET\"\nmessage = \"x\"",
       "9:1: a GET request carries no message; without 'method' it is a POST"},
      {ws + "[[clients]]\nname = \"clients-1\"\nurl = \"ws://localhost/\"",
       "9:1: the name 'clients-1' is taken by another group of clients"},
      {ws + "count = 1000000\n[[clients]]\nurl = \"ws://localhost/\"",
       "9:1: with this group the clients are more than 1000000"},
      {"[[clients]]\ncount = 1", "6:1: missing key 'url' in [[clients]]"},
  });
}

TEST(Errors, OfUrlsNameTheirPlace) {
  const std::string host =
      "7:7: the host of a URL is 127.x.y.z, localhost or [::1], so that traffic stays on this "
      "machine; found ";
  const auto url = [](const std::string& text) { return "[[clients]]\nurl = \"" + text + "\""; };
  expect_each({
      {url("http://example.com/"), host + "\"example.com\""},
      {url("http://127.0.0.1@evil/"), host + "\"127.0.0.1@evil\""},
      {url("http://127.0.0.1.evil/"), host + "\"127.0.0.1.evil\""},
      {url("http://127.0.0.256/"), host + "\"127.0.0.256\""},
      {url("http://127.0.0/"), host + "\"127.0.0\""},
      {url("http://127.0.0.01/"), host + "\"127.0.0.01\""},
      {url("http://{dir}/"), host + "\"{dir}\""},
      {url("http://[::1/"), host + "\"[::1\""},
      {url("http://"), host + "\"\""},
      {url("http://127.0.0.1:0/"),
       "7:7: a port is {port}, {port.NAME} or a number from 1 to 65535, found \"0\""},
      {url("http://127.0.0.1:99999/"),
       "7:7: a port is {port}, {port.NAME} or a number from 1 to 65535, found \"99999\""},
      {url("http://127.0.0.1/{prt}"), "7:7: unknown placeholder {prt}; did you mean {port}?"},
      {url("http://127.0.0.1/ x"),
       "7:7: a URL has no spaces or control characters, found \"http://127.0.0.1/ x\""},
      {url("tcp://127.0.0.1:{port}/"),
       "7:7: a tcp:// URL ends with its port, found \"tcp://127.0.0.1:{port}/\""},
      {url("tls://127.0.0.1"), "7:7: a tls:// URL has a port"},
      {url("ftp://127.0.0.1/"),
       "7:7: a URL here begins with ws://, wss://, http://, https://, tcp:// or tls://, found "
       "\"ftp://127.0.0.1/\""},
  });
}

TEST(Errors, OfFaultsNameTheirPlace) {
  const std::string fault = "[[faults]]\nwhen = { phase = \"load\" }\n";
  const std::string stop = "[[faults]]\nwhat = \"stop\"\n";
  expect_each({
      {fault, "6:1: missing key 'what' in [[faults]]"},
      {stop, "6:1: missing key 'when' in [[faults]]"},
      {fault + "what = \"stopp\"",
       "8:8: expected one of 'stop', 'signal', 'double-signal', 'storm', 'pause', 'kill', "
       "'abort-clients', 'network', 'syscall', 'hold', 'limit', found 'stopp'; did you mean "
       "'stop'?"},
      {fault + "what = \"stop\"\nsignal = \"SIGTERM\"",
       "9:1: 'signal' does not go with a fault 'stop'"},
      {fault + "what = \"stop\"\ngap = \"1s\"", "9:1: 'gap' does not go with a fault 'stop'"},
      {fault + "what = \"signal\"", "6:1: a fault 'signal' needs 'signal'"},
      {fault + "what = \"signal\"\nsignal = \"SIGTERM\"\nsecond = \"SIGTERM\"",
       "10:1: 'second' does not go with a fault 'signal'"},
      {fault + "what = \"double-signal\"\nsignal = \"SIGTERM\"",
       "6:1: a fault 'double-signal' needs 'second'"},
      {stop + "when = {}",
       "8:8: [faults.when] takes exactly one of 'phase', 'event', 'log', 'notification', "
       "'syscall', 'function'"},
      {stop + "when = { phase = \"load\", event = \"sent\" }",
       "8:26: [faults.when] takes exactly one of 'phase', 'event', 'log', 'notification', "
       "'syscall', 'function'"},
      {stop + "when = { phase = \"load\", nth = 1 }",
       "8:26: 'nth' goes with 'event', 'log', 'notification', 'syscall' or 'function' only"},
      {stop + "when = { event = \"sent\", at = \"1s\" }",
       "8:26: 'at' goes with 'phase' or 'syscall' only"},
      {stop + "when = { event = \"sent\", nth = 0 }",
       "8:32: must be from 1 to 1000000000, found 0"},
      {stop + "when = { event = \"sent\", nth = \"4..1\" }",
       "8:32: the range is reversed: \"4..1\""},
      {stop + "when = { event = \"sent\", nth = \"0..1\" }",
       "8:32: must be from 1 to 1000000000, found \"0..1\""},
      {stop + "when = { event = \"sent\", nth = \"4\" }",
       "8:32: expected an integer or a range such as \"1..40\", found \"4\""},
      {stop + "when = { phase = \"after\" }",
       "8:18: expected one of 'start', 'load', 'drain', found 'after'"},
      {"[[faults]]\nwhat = \"stop\"\nwhen = 1", "8:8: expected a table, found an integer"},
  });
}

TEST(Errors, OfFaultsAtAFunctionNameTheirPlace) {
  const std::string stop = "trace = true\n[[faults]]\nwhat = \"stop\"\nwhen = ";
  expect_each({
      {stop + "{ function = \"drain\", at = \"exit\" }",
       "9:30: 'at' goes with 'phase' or 'syscall' only"},
      {stop + "{ function = \"drain\", hold = \"11s\" }",
       "9:37: must be from 0s to 10s, found \"11s\""},
      {stop + "{ phase = \"load\", hold = \"8ms\" }", "9:26: 'hold' goes with 'function' only"},
      {stop + "{ phase = \"load\", thread = \"w*\" }", "9:26: 'thread' goes with 'function' only"},
      {"trace = false\n[[faults]]\nwhat = \"stop\"\nwhen = { function = \"drain\" }",
       "9:10: a fault at a function needs [target] trace = true"},
      {"untraced_every = 4\n[[faults]]\nwhat = \"stop\"\nwhen = { function = \"drain\" }",
       "6:1: a fault at a function needs every trial traced: say 0, or leave it out"},
      {"trace = true\n[[faults]]\nwhat = \"stop\"\nwhen = { phase = \"load\" "
       "}\n[[faults]]\nwhat = "
       "\"hold\"\nwhen = { phase = \"load\" }",
       "12:8: a fault 'hold' needs a 'when' with 'function'"},
  });
}

TEST(Errors, OfFaultsAtASystemCallNameTheirPlace) {
  const std::string kill = "trace = true\n[[faults]]\nwhat = \"kill\"\nwhen = ";
  const std::string disturb =
      "trace = true\n[[faults]]\nwhat = \"stop\"\nwhen = { phase = \"load\" "
      "}\n[[faults]]\nwhat = "
      "\"syscall\"\n";
  expect_each({
      {kill + "{ syscall = \"fsinc\" }",
       "9:20: unknown system call 'fsinc'; did you mean 'fsync'?"},
      {kill + "{ syscall = \"fsync\", at = \"1ms\" }",
       "9:29: beside 'syscall', 'at' is \"entry\" or \"exit\""},
      {kill + "{ phase = \"load\", at = \"entry\" }",
       "9:26: beside 'phase' alone, 'at' is a duration"},
      {kill + "{ phase = \"start\", at = \"measured\" }",
       "9:27: at = \"measured\" goes with phase = \"load\" only"},
      {kill + "{ syscall = \"fsync\", phase = \"load\", at = \"measured\" }",
       "9:45: at = \"measured\" goes with phase = \"load\" only"},
      {kill + "{ phase = \"load\", at = \"exti\" }",
       "9:31: expected a duration or a range of those, \"measured\", or with 'syscall' \"entry\" "
       "or \"exit\", "
       "found \"exti\""},
      {kill + "{ syscall = \"sync\", path = \"*\" }",
       "9:10: 'path' does not go with 'sync', which names no file"},
      {kill + "{ syscall = \"rename\", role = \"listener\" }",
       "9:10: 'role' does not go with 'rename', which is given no descriptor"},
      {kill + "{ syscall = \"fsync\", role = \"state\" }",
       "9:29: the role 'state' needs [target] state"},
      {kill + "{ phase = \"load\", path = \"*\" }", "9:26: 'path' goes with 'syscall' only"},
      {kill + "{ syscall = \"fsync\", event = \"sent\" }",
       "9:29: [faults.when] takes exactly one of 'phase', 'event', 'log', 'notification', "
       "'syscall', 'function'"},
      {"trace = false\n[[faults]]\nwhat = \"kill\"\nwhen = { syscall = \"fsync\" }",
       "9:10: a fault at a system call needs [target] trace = true"},
      {"untraced_every = 4\n[[faults]]\nwhat = \"kill\"\nwhen = { syscall = \"fsync\" }",
       "6:1: a fault at a system call needs every trial traced: say 0, or leave it out"},
      {"untraced_every = 1", "6:1: 1 traces no trial: say trace = false"},
      {disturb + "error = \"EIO\"\nwhen = { phase = \"load\" }",
       "13:8: a fault 'syscall' needs a 'when' with 'syscall'"},
      {disturb + "error = \"ENOSPCC\"\nwhen = { syscall = \"fsync\" }",
       "12:9: unknown error 'ENOSPCC'; did you mean 'ENOSPC'?"},
      {disturb + "when = { syscall = \"fsync\" }",
       "10:1: a fault 'syscall' needs exactly one of 'error', 'short_write', 'delay'"},
      {disturb + "short_write = true\nwhen = { syscall = \"fsync\" }",
       "13:10: 'fsync' does not write what could be cut short"},
      {disturb + "error = \"EIO\"\nwhen = { syscall = \"fsync\", at = \"exit\" }",
       "13:10: a fault 'syscall' acts at the entry of the call"},
      {disturb + "error = \"EIO\"\nsignal = \"SIGHUP\"\nwhen = { syscall = \"fsync\" }",
       "13:1: 'signal' does not go with a fault 'syscall'"},
  });
}

TEST(Errors, OfBehavioursAndScriptsNameTheirPlace) {
  const std::string ws = kWebSocket;
  const std::string raw = "[[clients]]\nurl = \"tcp://127.0.0.1:{port}\"\n";
  const std::string tls = "[[clients]]\nurl = \"https://127.0.0.1:{port}/\"\n";
  expect_each({
      {ws + "behaviour = \"rest\"",
       "8:13: expected one of 'steady', 'silent', 'never-closes', 'slow-reader', "
       "'half-open', "
       "'abort-handshake', 'abort-message', 'reset', 'garbage', 'idle', 'quiet', 'late', "
       "'leaves', "
       "found 'rest'; did you mean 'reset'?"},
      {ws + "mix = { steady = 0 }", "8:18: must be from 1 to 1000000, found 0"},
      {ws + "behaviour = \"reset\"\nmix = { steady = 1 }",
       "9:1: 'mix' does not go with 'behaviour'"},
      {ws + "talk = \"staff-chat\"\nack = \"x\"", "9:1: 'ack' does not go with 'talk'"},
      {ws + "crowd = \"hash\"",
       "8:9: expected one of 'usual', 'harsh', 'none', found 'hash'; did you mean 'harsh'?"},
      {raw + "crowd = \"hash\"",
       "8:9: expected one of 'usual', 'harsh', 'none', found 'hash'; did you mean 'harsh'?"},
      {ws + "crowd = \"usual\"\nmix = { steady = 1 }",
       "9:1: 'mix' does not go with a crowd, which has habits of its own; say crowd = "
       "\"none\""},
      {ws + "during = \"drain\"\ncrowd = \"harsh\"",
       "8:1: 'during' does not go with a crowd, which has habits of its own; say crowd = "
       "\"none\""},
      {raw + "crowd = \"usual\"", "8:1: a crowd needs something to ask: say 'message'"},
      {"[[clients]]\nurl = \"http://127.0.0.1:{port}/\"\nmix = { steady = 1, quiet = 1 }",
       "8:1: 'quiet' is for ws, wss, tcp and tls only; an HTTP client that sends no request "
       "is "
       "'silent'"},
      {ws + "during = \"drain\"\nbehaviour = \"late\"",
       "9:1: 'late' does not go with during = \"drain\": all come late then"},
      {ws + "during = \"drain\"\nbehaviour = \"leaves\"",
       "9:1: 'leaves' does not go with during = \"drain\": it goes before the stop"},
      {ws + "reconnect_until = \"end\"", "8:1: 'reconnect_until' goes with 'reconnect' only"},
      {ws + "closing = \"x\"", "8:1: 'closing' is for tcp and tls only"},
      {raw + "ping = \"1s\"", "8:1: 'ping' is for ws and wss only"},
      {raw + "opening = [{ send = \"x\", expect = \"y\" }]",
       "8:26: opening takes exactly one of 'send', 'expect'"},
      {raw + "ack = '\\q'", "8:7: unknown escape '\\q'"},
      {raw + "source = \"10.0.0.0/8\"",
       "8:10: expected loopback addresses such as \"127.0.0.0/8\", found \"10.0.0.0/8\""},
      {raw + "source = \"127.0.0.1/8\"",
       "8:10: expected loopback addresses such as \"127.0.0.0/8\", found \"127.0.0.1/8\""},
      {ws + "verify = false", "8:1: 'verify' is for wss, https and tls only"},
      {tls + "verify = false\ncert = \"x\"", "9:1: 'cert' goes with 'key' only"},
      {tls,
       "6:1: the server's certificate is not lastcall's own {tls.cert}: say 'ca', the PEM "
       "file "
       "that it is verified against, or verify = false"},
      {tls + "verify = false\nca = \"x\"", "9:1: 'ca' does not go with verify = false"},
  });
}

TEST(Errors, OfFaultsOnTheNetworkAndOnLimitsNameTheirPlace) {
  const std::string proxied = "[[clients]]\nurl = \"ws://127.0.0.1:{port}/\"\nproxy = true\n";
  const std::string stop = proxied + "[[faults]]\nwhat = \"stop\"\nwhen.phase = \"load\"\n";
  const std::string fault = stop + "[[faults]]\nwhen.phase = \"load\"\n";
  expect_each({
      {fault.substr(fault.find("[[faults]]")) + "what = \"network\"\naction = \"cut\"",
       "9:1: a fault 'network' needs clients with proxy = true"},
      {fault + "what = \"network\"", "12:1: a fault 'network' needs 'action'"},
      {fault + "what = \"network\"\naction = \"stall\"", "12:1: the action 'stall' needs 'for'"},
      {fault + "what = \"network\"\naction = \"cut\"\nfor = \"1s\"",
       "16:1: 'for' does not go with the action 'cut'"},
      {fault + "what = \"network\"\naction = \"truncate\"",
       "12:1: the action 'truncate' needs 'at_byte'"},
      {fault + "what = \"limit\"",
       "12:1: a fault 'limit' needs exactly one of 'descriptors', 'memory', 'disk', 'cpu'"},
      {fault + "what = \"limit\"\nmemory = \"64MB\"",
       "15:10: expected a number of bytes or a size such as \"64MiB\", found \"64MB\""},
      {fault + "what = \"storm\"", "12:1: a fault 'storm' needs 'signal'"},
      {fault + "what = \"pause\"", "12:1: a fault 'pause' needs 'for'"},
      {fault + "what = \"kill\"\nsignal = \"SIGTERM\"",
       "15:1: 'signal' does not go with a fault 'kill'"},
  });
}

TEST(Errors, OfASettingThatVariesNameTheirPlace) {
  const std::string vary = "[[target.vary]]\nname = \"level\"\nvalues = [\"a\", \"b\"]\n";
  expect_each({
      {vary + "[properties]\nconfig-effective = { setting = \"lvel\", expect = { a = \"x\" } }",
       "10:22: no [[target.vary]] has the name 'lvel'"},
      {vary + "[properties]\nconfig-effective = { setting = \"level\", expect = { a = \"x\" } }",
       "10:41: nothing is expected for the value 'b'"},
      {vary + vary, "10:1: 'level' varies already"},
      {"[properties]\ncheckpoint-intact = { files = [\"x\"] }",
       "7:21: 'files' goes with one of 'format' and 'command'"},
      {"[properties]\ncustom.Mine = { command = [\"x\"] }",
       "7:8: expected a lower-case word such as \"my-checker\", found \"Mine\""},
  });
}

TEST(Errors, AScenarioThatNeverStopsIsOne) {
  const std::string none =
      "6:1: no fault begins the stop: one must be 'stop' or 'kill', or have only the "
      "target's stop "
      "signals as 'signal'";
  expect_each({
      {"[[faults]]\nwhat = \"signal\"\nsignal = \"SIGUSR1\"\nwhen = { phase = \"load\" }", none},
      {"[[faults]]\nwhat = \"signal\"\nsignal = [\"SIGTERM\", \"SIGUSR1\"]\nwhen = { phase = "
       "\"load\" }",
       none},
      {"[[faults]]\nwhat = \"stop\"\nwhen = { phase = \"drain\" }",
       "8:10: no fault begins the stop: the drain phase comes after it, so another fault "
       "must "
       "begin it"},
  });
}

TEST(Errors, OfPropertiesAndBudgetNameTheirPlace) {
  expect_each({
      {"[properties]\nserve = {}", "7:1: unknown property 'serve'; did you mean 'serves'?"},
      {"[properties]\nrequire = [\"dedline\"]",
       "7:12: unknown property 'dedline'; did you mean 'deadline'?"},
      {"[properties]\nrequire = \"serves\"",
       "7:11: expected an array, each item the name of a property, found a string"},
      {"[properties]\nserves = { judge = false }",
       "7:12: a property that is switched off states 'why'"},
      {"[properties]\nserves = { why = \"x\" }",
       "7:12: 'why' says why a property is switched off: it goes with judge = false only"},
      {"[properties]\nserves = { judge = false, why = \"\" }", "7:33: must not be empty"},
      {"[properties]\nrequire = [\"serves\"]\nserves = { judge = false, why = \"x\" }",
       "7:12: 'serves' is required and switched off"},
      {"trace = false\n[properties]\nreleased = \"strict\"",
       "8:12: 'strict' needs trace = true in [target]"},
      {"[properties]\nreleased = \"strikt\"",
       "7:12: expected one of 'strict', found 'strikt'; did you mean 'strict'?"},
      {"[properties]\nreleased = true",
       "7:12: expected a table or one of 'strict', found a boolean"},
      {"[properties]\nreleased = { allow = [7] }",
       "7:23: expected a string or a table, [properties.released] allow, found an integer"},
      {"[properties]\nreleased = { allow = [\"\"] }", "7:23: must not be empty"},
      {"[properties]\nreleased = { allow = [{ why = \"x\" }] }",
       "7:23: [properties.released] allow takes exactly one of 'file', 'process', 'port'"},
      {"[properties]\nreleased = { allow = [{ file = \"x\", port = \"y\" }] }",
       "7:37: [properties.released] allow takes exactly one of 'file', 'process', 'port'"},
      {"[properties]\nserves = { codes = [1000] }",
       "7:12: unknown key 'codes' in [properties.serves]"},
      {"[properties]\nclose-handshake = { codes = [1, 1000] }",
       "7:30: must be from 1000 to 4999, found 1"},
      {"[properties]\nclose-handshake = { codes = [] }", "7:29: the array must not be empty"},
      {"environment = { A = \"{port.admin}\" }\n[properties]\nreleased = { allow = [{ port = "
       "\"adnin\" }] }",
       "8:32: {port.adnin} does not stand in the scenario; did you mean 'admin'?"},
      {"[properties]\nno-panic = { allow = [\"[\"] }",
       "7:23: bad regular expression \"[\": missing ]: ["},
      {"[properties]\nno-panic = { allow = [{ pattern = \"[\", why = \"x\" }] }",
       "7:35: bad regular expression \"[\": missing ]: ["},
      {"[properties]\nno-panic = { allow = [{ why = \"x\" }] }",
       "7:23: [properties.no-panic] allow takes exactly one of 'pattern', 'name'"},
      {"[properties]\nno-panic = { allow = [7] }",
       "7:23: expected a string or a table, [properties.no-panic] allow, found an integer"},
      {"[properties]\nno-masked-panic = { allow = [{ name = \"E\", why = \"x\" }] }",
       "7:30: expected a regular expression, found a table"},
      {"[properties]\nno-panic = { logged = \"warning\" }",
       "7:23: expected one of 'panics', 'fail', 'warn', found 'warning'"},
      {"[budget]\ntrials = \"20\"", "7:10: expected an integer, found a string"},
      {"[budget]\nload = 1979-05-27",
       "7:8: expected a duration such as \"250ms\", found a date or time"},
  });
}

TEST(Errors, OfAFileAreAllReportedAtOnceInOrder) {
  EXPECT_THAT(errors_of(R"([budget]
trials = 0
[target]
comand = ["x"]
ready = { url = "http://example.com/", timeout = 3 }
[[clients]]
count = 0
url = "ws://127.0.0.1/"
method = "GET"
[properties]
serve = {}
[surprise]
)"),
              ElementsAre("s.toml:1:1: missing key 'about' at the top level",
                          "s.toml:2:10: must be from 1 to 1000000, found 0",
                          "s.toml:3:1: missing key 'command' in [target]",
                          "s.toml:4:1: unknown key 'comand' in [target]; did you mean 'command'?",
                          HasSubstr("s.toml:5:17: the host of a URL is"),
                          "s.toml:5:50: expected a duration such as \"250ms\", found an integer",
                          "s.toml:7:9: must be from 1 to 1000000, found 0",
                          "s.toml:9:1: 'method' is for http and https only",
                          "s.toml:11:1: unknown property 'serve'; did you mean 'serves'?",
                          "s.toml:12:2: unknown key 'surprise' at the top level"));
}

TEST(Errors, OfTomlSyntaxHaveTheirPlace) {
  EXPECT_THAT(errors_of("about = \"why\"\ntarget = = 3\n"),
              ElementsAre(HasSubstr("s.toml:2:10: ")));
  EXPECT_THAT(errors_of("a = 1\na = 2\n"), ElementsAre(HasSubstr("s.toml:2:")));
  EXPECT_THAT(errors_of("a = 99999999999999999999\n"), ElementsAre(HasSubstr("s.toml:1:")));
  EXPECT_THAT(errors_of(std::string_view("a = \"\0\"", 7)), ElementsAre(HasSubstr("s.toml:1:")));
  EXPECT_THAT(errors_of("a = \"\xff\"\n"), ElementsAre(HasSubstr("s.toml:1:")));
}

TEST(Errors, OfAnEmptyFileNameWhatIsMissing) {
  EXPECT_THAT(errors_of(""), ElementsAre("s.toml:1:1: missing key 'about' at the top level",
                                         "s.toml:1:1: missing key 'target' at the top level"));
}

TEST(Errors, OfDeepNestingDoNotOverflowTheStack) {
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_FALSE(errors_of("a = " + repeated("[", 100'000)).empty());
  EXPECT_FALSE(errors_of("a = " + repeated("{a=", 100'000)).empty());
  EXPECT_FALSE(errors_of("a = " + repeated("{a.b.c.d.e.f=", 100'000)).empty());
  EXPECT_FALSE(
      errors_of("a = " + repeated("{a.b.c.d.e.f=", 200) + "1" + repeated("}", 200)).empty());
  EXPECT_THAT(errors_of("\n[a" + repeated(".a", 100'000) + "]"),
              ElementsAre("s.toml:2:1: a key of more than 9 dotted parts"));
  EXPECT_FALSE(errors_of(repeated("'a' . \"b\" . ", 100'000) + "c = 1").empty());
  EXPECT_FALSE(mistake("ready = { log = \"" + repeated("(", 900) + "\" }").empty());
  EXPECT_THAT(mistake("ready = { log = \"" + repeated("(", 900) + repeated(")", 900) + "\" }"),
              ElementsAre("s.toml:6:17: a regular expression of more than 1000 characters"));
}

TEST(Errors, InAFileCutOrGarbledAnywhereAreReportedWithoutACrash) {
  const std::string text = R"(about = "why" # é
clients = [{ url = "ws://127.0.0.1:{port}/", pace = "1ms..2ms" }]
[target]
command = ["a", '''b''', """{dir}\n"""]
ready = { log = "[a-z]{2}(x|y)*", timeout = "1.5s" }
files.'x' = "\u00e9"
[[faults]]
what = "double-signal"
signal = "SIGTERM"
second = ["SIGINT"]
when.event = "sent"
when.nth = "1..3"
)";
  EXPECT_TRUE(errors_of(text).empty());
  for (std::size_t at = 0; at < text.size(); ++at) {
    (void)errors_of(text.substr(0, at));
    for (const char c : {'\0', '"', '\'', '[', '{', '.', '=', '\n', '\xff', '9', '-', '\\'}) {
      std::string garbled = text;
      garbled[at] = c;
      (void)errors_of(garbled);
    }
  }
}

}  // namespace
}  // namespace lastcall
