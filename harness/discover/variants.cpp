#include "discover/variants.hpp"

#include <algorithm>

#include "base/durations.hpp"
#include "discover/known_servers.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// Ends that are nobody's fault where a server was told to stop twice, or before it had a handler.
constexpr std::string_view kAnyOrderlyEnd =
    R"([0, 1, 2, 129, 130, 131, 143, "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1"])";

struct Parts {
  std::string exit = {};     // exit codes that are right; empty: the default
  std::string signal = {};   // empty: the server's
  std::string clients = {};  // groups
  std::string faults = {};
  std::string properties = {};  // lines
};

class Writer {
 public:
  Writer(const Discovery& found, const Hints& hints, const std::vector<Talk>& talks)
      : found_(found), hints_(hints), talks_(talks) {}

  [[nodiscard]] std::string whole(const std::string& title, const Parts& parts) const {
    const auto* known = known_server(found_.program);
    auto exit = parts.exit;
    if (exit.empty() && known != nullptr) exit = known->exit;
    std::string text = "about = " + toml_text("try: " + title) + "\ncrowd = \"none\"\n\n";
    text += target_text(found_, talks_);
    text += "stop = { signal = " + toml_text(parts.signal.empty() ? signal() : parts.signal) +
            ", deadline = " + toml_text(format_duration(hints_.deadline)) +
            (exit.empty() ? "" : ", exit = " + exit) + " }\n";
    text += parts.clients + "\n[[faults]]\n" + parts.faults + "\n[properties]\n";
    text += parts.properties;
    text +=
        "prompt-exit = { judge = false, why = \"it needs more trials: lastcall init, then "
        "lastcall run\" }\n";
    return text + "\n[budget]\ntrials = 3\nload = \"5s\"\n";
  }

  [[nodiscard]] std::string signal() const { return stop_signal(found_, hints_); }
  [[nodiscard]] std::string promises() const { return promises_of(talks_, found_); }
  // All that speaks of single requests and connections.
  [[nodiscard]] static std::string no_promises(const std::string& why) {
    std::string text;
    for (const auto* property : {"in-flight-finished", "close-handshake", "stops-accepting"})
      text += std::string(property) + " = { judge = false, why = \"" + why + "\" }\n";
    return text;
  }

  // A group for each talk that asks.
  [[nodiscard]] std::string asking(int count, const std::string& lines) const {
    std::string text;
    for (const auto& talk : talks_) {
      if (talk.asks) text += group(talk, talk.name, count, lines);
    }
    return text;
  }
  // One that only connects, of each kind.
  [[nodiscard]] std::string behaving(const std::string& behaviour, int count,
                                     bool (*fits)(const Talk&)) const {
    std::string text;
    for (const auto& talk : talks_) {
      if (fits(talk))
        text +=
            group(talk, behaviour + " " + talk.name, count, "behaviour = \"" + behaviour + "\"\n");
    }
    return text;
  }
  [[nodiscard]] bool has(bool (*fits)(const Talk&)) const {
    return std::ranges::any_of(talks_, fits);
  }

 private:
  static std::string group(const Talk& talk, const std::string& name, int count,
                           const std::string& lines) {
    return "\n[[clients]]\nname = " + toml_text(name) + "\nurl = " + toml_text(talk.url) +
           "\ncount = " + std::to_string(count) + "\n" + talk.lines + lines;
  }

  const Discovery& found_;
  const Hints& hints_;
  const std::vector<Talk>& talks_;
};

bool asks(const Talk& talk) { return talk.asks; }
bool asks_http(const Talk& talk) { return talk.kind == TalkKind::http; }
bool is_websocket_talk(const Talk& talk) { return talk.kind == TalkKind::websocket; }
bool opens(const Talk& talk) { return talk.opens; }
bool is_any(const Talk&) { return true; }

std::string stop_at(const std::string& at) {
  return "what = \"stop\"\nwhen = { phase = \"load\", at = \"" + at + "\" }\n";
}

// Until it has a handler, a program does not hear a signal that the kernel ignores by default
// (signal(7)); whoever ends a server that only starts sends one that ends it.
std::string heard_during_start(const std::string& signal) {
  const bool is_ignored = signal == "SIGWINCH" || signal == "SIGURG" || signal == "SIGCHLD";
  return is_ignored ? "SIGTERM" : signal;
}

// When one request is answered, however slow the server is.
std::string when_calm(const Discovery& found) {
  Nanoseconds slowest{};
  for (const auto& port : found.ports) {
    if (const auto* best = port.best()) slowest = std::max(slowest, best->took);
  }
  const auto from = std::chrono::ceil<std::chrono::milliseconds>(slowest * 2 + 400ms);
  return format_duration(std::min<Nanoseconds>(from, 4s)) + ".." +
         format_duration(std::min<Nanoseconds>(from, 4s) + 400ms);
}

}  // namespace

std::vector<StopVariant> variants_of(const Discovery& found, const Hints& hints,
                                     const std::vector<Talk>& talks) {
  const Writer writer(found, hints, talks);
  std::vector<StopVariant> all;
  const auto add = [&](const std::string& name, const std::string& title, const Parts& parts,
                       const std::string& may_wait = "") {
    all.push_back({name, title, writer.whole(title, parts), may_wait});
  };
  const bool is_asked = writer.has(asks);
  const auto few = writer.asking(2, "pace = \"20ms..60ms\"\n");

  add("calm-stop", "calm stop",
      {.clients = writer.asking(1, "messages = 1\n"),
       .faults = stop_at(when_calm(found)),
       .properties = writer.promises()});
  if (is_asked) {
    add("under-load", "stop under load",
        {.clients = writer.asking(10, "crowd = \"usual\"\npace = \"0ms..10ms\"\n"),
         .faults = stop_at("measured"),
         .properties = writer.promises()});
  }
  if (writer.has(is_websocket_talk)) {
    add("idle-websocket", "idle WebSocket",
        {.clients = writer.behaving("quiet", 3, is_websocket_talk),
         .faults = stop_at("300ms..700ms"),
         .properties = writer.promises()});
  }
  if (writer.has(asks_http)) {
    add("idle-keep-alive", "idle keep-alive",
        {.clients = writer.behaving("idle", 3, asks_http),
         .faults = stop_at("300ms..700ms"),
         .properties = writer.promises()});
  }
  if (writer.has(opens)) {
    add("idle-connection", "idle HTTP/2 connection",
        {.clients = writer.behaving("quiet", 3, opens),
         .faults = stop_at("300ms..700ms"),
         .properties = writer.promises()},
        "lastcall's clients do not close on GOAWAY, and a server may wait for that until a "
        "time-out of its own");
  }
  const auto start = std::clamp<Nanoseconds>(found.ready_after, 20ms, 2s);
  add("during-start", "signal during the start",
      {.exit = std::string(kAnyOrderlyEnd),
       .signal = heard_during_start(writer.signal()),
       .faults = "what = \"stop\"\nwhen = { phase = \"start\", at = \"0ms.." +
                 format_duration(std::chrono::floor<std::chrono::milliseconds>(start)) + "\" }\n",
       .properties = Writer::no_promises("nobody is connected during the start")});
  add("second-signal", "second signal",
      {.clients = few,
       .faults = "what = \"double-signal\"\nsignal = \"" + writer.signal() + "\"\nsecond = \"" +
                 writer.signal() +
                 "\"\ngap = \"20ms..200ms\"\nwhen = { phase = \"load\", at = \"300ms..700ms\" }\n",
       .properties = Writer::no_promises("a second signal may force the end") +
                     "repeat-signal = { policy = \"force\", within = " +
                     toml_text(format_duration(hints.deadline)) +
                     ", exit = " + std::string(kAnyOrderlyEnd) + " }\n"});
  if (writer.signal() != "SIGINT") {
    add("sigint", "SIGINT",
        {.exit = std::string(kAnyOrderlyEnd),
         .signal = "SIGINT",
         .clients = few,
         .faults = stop_at("300ms..700ms"),
         .properties = Writer::no_promises("SIGINT is Ctrl-C, which may cut")});
  }
  if (!talks.empty()) {
    add("silent-peer", "silent peer",
        {.clients = few + writer.behaving("silent", 2, is_any),
         .faults = stop_at("300ms..700ms"),
         .properties = writer.promises()},
        "a server may wait for a peer that has said nothing until a time-out of its own");
  }
  if (is_asked) {
    add("slow-reader", "slow reader",
        {.clients = few + writer.behaving("slow-reader", 2, asks),
         .faults = stop_at("400ms..900ms"),
         .properties = writer.promises()},
        "a server may wait for a client that reads slowly until a time-out of its own");
    add("client-storm", "client storm",
        {.clients =
             writer.asking(40,
                           "ramp = \"200ms\"\nmix = { steady = 6, reset = 2, abort-message = 1, "
                           "abort-handshake = 1 }\nmisbehaves = \"0ms..500ms\"\n"),
         .faults = stop_at("300ms..800ms"),
         .properties = writer.promises()});
  }
  return all;
}

}  // namespace lastcall
