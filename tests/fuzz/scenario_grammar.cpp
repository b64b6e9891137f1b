#include "scenario_grammar.hpp"

#include <array>
#include <set>
#include <variant>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "fault/syscalls.hpp"
#include "scenario/keys.hpp"
#include "scenario/parse.hpp"
#include "scenario/properties.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall::fuzz {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::size_t kRoot = 0;
constexpr int kMostRepairs = 30;
// Checkers look at every client; a fuzzer has to be quick.
constexpr std::int64_t kMostClients = 200;

// Few, so that one key often says what another one means.
constexpr std::array<std::string_view, 4> kWords{"queue", "db", "web", "mine"};
constexpr std::array<std::string_view, 16> kTexts{"server",
                                                  "{port}",
                                                  "{dir}/x",
                                                  "{port.tls}",
                                                  "{tls.cert}",
                                                  "{id}",
                                                  "{vary.queue}",
                                                  "{file}",
                                                  "{client}",
                                                  "{seed}",
                                                  "{tls.client-cert}",
                                                  "{here}/a",
                                                  "{sidecar.db}",
                                                  "--flag={id}",
                                                  "\\u202e\\U0001F600",
                                                  "x y"};
constexpr std::array<std::string_view, 12> kBytes{
    "{id}",    "GET /{id}",  "\\\\x00\\\\xff",    "{length}\\\\r\\\\n\\\\r\\\\n{body}{id}{end}",
    "a",       "\\\\r\\\\n", "{length.be32}{id}", "{client}",
    "ok {id}", "{seed}",     "{vary.queue}",      "quit"};
constexpr std::array<std::string_view, 14> kPlain{
    "queue",  "db",    "web",     "mine",       "*.json",    "x",    "log/out",
    "nobody", "admin", "READY=1", "STOPPING=1", "by design", "chat", "\\u0001\\u00e9"};
constexpr std::array<std::string_view, 8> kPatterns{
    "^ready", "x*", "([a-z]+)", "done|stopped", "10", "1000", "panic", "[0-9]{1,3} items$"};
constexpr std::array<std::string_view, 6> kPaths{"/",       "",    "/a/{id}", "/?x={client}",
                                                 "/health", "/%00"};

std::string toml_string(std::string_view text) { return '"' + std::string(text) + '"'; }

// Lines, each of a table, which can be taken out again.
class Draft {
 public:
  // `safe`: what replaces the line, or all lines of the table, where they are refused and cannot be
  // left out.
  std::size_t add_table(const std::string& header, std::size_t parent, std::string safe = "") {
    parents_.push_back(parent);
    pieces_.push_back({header, parents_.size() - 1, true, std::move(safe)});
    return parents_.size() - 1;
  }
  void add(std::size_t table, std::string line, std::string safe = "") {
    pieces_.push_back({std::move(line), table, false, std::move(safe)});
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& piece : pieces_) {
      if (!piece.left_out) text += piece.text + "\n";
    }
    return text;
  }
  // Takes out the lines that the errors name; false: nothing was taken out.
  bool repair(const std::vector<ScenarioError>& errors) {
    std::vector<std::size_t> lines;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_[i].left_out) continue;
      lines.insert(lines.end(),
                   1 + static_cast<std::size_t>(std::ranges::count(pieces_[i].text, '\n')), i);
    }
    bool changed = false;
    for (const auto& error : errors) {
      if (error.line <= lines.size() && take_out(pieces_[lines[error.line - 1]])) changed = true;
    }
    return changed;
  }

 private:
  struct Piece {
    std::string text;
    std::size_t table = kRoot;
    bool is_header = false;
    std::string safe;
    bool left_out = false;
  };

  [[nodiscard]] bool is_in(std::size_t table, std::size_t other) const {
    while (table != other && table != kRoot) table = parents_[table];
    return table == other;
  }
  bool take_out(Piece& piece) {
    if (piece.left_out) return false;
    const auto safe = std::exchange(piece.safe, "");
    if (!piece.is_header) {
      piece.left_out = safe.empty();
      if (!safe.empty()) piece.text = safe;
      return true;
    }
    if (piece.text == "[target]") return false;
    for (auto& other : pieces_) other.left_out |= is_in(other.table, piece.table);
    piece.left_out = safe.empty();
    if (!safe.empty()) piece.text += "\n" + safe;
    return true;
  }

  std::vector<Piece> pieces_;
  std::vector<std::size_t> parents_{kRoot};
};

// The keys that each fault needs, one of which it needs, and may have.
struct FaultKeys {
  std::string_view what;
  Words needed;
  Words one_of;
  Words allowed;
  std::string_view only_at = {};  // of `when`: the key that it needs
};
const std::vector<FaultKeys>& faults() {
  static const std::vector<FaultKeys> faults{
      {"stop", {}, {}, {"to"}},
      {"signal", {"signal"}, {}, {"to"}},
      {"double-signal", {"signal", "second"}, {}, {"gap", "to"}},
      {"storm", {"signal"}, {}, {"count", "gap", "to"}},
      {"pause", {"for"}, {}, {"to"}},
      {"kill", {}, {}, {"to"}},
      {"abort-clients", {}, {}, {"percent"}},
      {"network", {"action"}, {}, {"for", "at_byte", "toward", "percent"}},
      {"syscall", {}, {"error", "short_write", "delay"}, {"count"}, "syscall"},
      {"hold", {}, {}, {}, "function"},
      {"limit", {}, {"descriptors", "memory", "disk", "cpu"}, {}}};
  return faults;
}

class Writer {
 public:
  Writer(Choices& choices, Draft& draft) : choices_(choices), draft_(draft) {}

  void write(const Table& table, std::size_t id, const std::string& path) {
    const auto keys = table.where == "[[faults]]" ? keys_of_fault(id) : keys_of(table);
    std::vector<const Key*> nested;
    for (const auto* key : keys) {
      if (is_nested(*key)) {
        nested.push_back(key);
      } else {
        const bool is_needed = path == "target" && key->name == "command";
        draft_.add(id, std::string(key->name) + " = " + values(*key),
                   is_needed ? R"(command = ["server"])" : "");
      }
    }
    for (const auto* key : nested) write_below(*key, id, path);
  }

 private:
  bool is_nested(const Key& key) {
    return key.kind == Kind::table && (key.short_for.empty() || choices_.once_in(2));
  }

  void write_below(const Key& key, std::size_t parent, const std::string& path) {
    const auto name = path + (path.empty() ? "" : ".") + std::string(key.name);
    const auto safe = name == "target.ready" ? "notify = true" : "";
    const bool is_list = key.shape == Shape::list || key.shape == Shape::one_or_list;
    const auto count = key.shape == Shape::one ? 1 : 1 + choices_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto own = key.shape == Shape::map ? name + "." + std::string(kWords[i]) : name;
      const auto header = is_list ? "[[" + own + "]]" : "[" + own + "]";
      write(*key.table, draft_.add_table(header, parent, safe), own);
    }
  }

  std::vector<const Key*> keys_of(const Table& table) {
    std::set<std::string_view> wanted;
    const auto is_alternative = [&](std::string_view key) {
      return std::ranges::find(table.exactly_one_of, key) != table.exactly_one_of.end();
    };
    // Without clients and faults there is little to plan, and to judge.
    const bool is_top = &table == &scenario_table();
    for (const auto& key : table.keys) {
      const bool is_drawn = is_top ? !choices_.once_in(4) : choices_.once_in(3);
      if (key.required || (!is_alternative(key.name) && is_drawn)) wanted.insert(key.name);
    }
    if (!table.exactly_one_of.empty()) {
      const bool is_given = !only_at_.empty() && table.where == "[faults.when]";
      const auto one = is_given ? only_at_ : choices_.of(table.exactly_one_of);
      wanted.insert(one);
      if (std::ranges::find(table.joins, one) != table.joins.end() && choices_.once_in(2))
        wanted.insert(table.may_join);
    }
    if (!table.at_least_one_of.empty()) wanted.insert(choices_.of(table.at_least_one_of));
    std::vector<const Key*> keys;
    for (const auto& key : table.keys) {
      const bool is_alone = !key.with.empty() && !wanted.contains(key.with);
      if (wanted.contains(key.name) && !is_alone) keys.push_back(&key);
    }
    return keys;
  }

  std::vector<const Key*> keys_of_fault(std::size_t id) {
    const auto& fault = choices_.of(faults());
    draft_.add(id, "what = " + toml_string(fault.what));
    only_at_ = fault.only_at;
    auto names = fault.needed;
    if (!fault.one_of.empty()) names.push_back(choices_.of(fault.one_of));
    for (const auto name : fault.allowed) {
      if (choices_.once_in(2)) names.push_back(name);
    }
    names.push_back("when");
    std::vector<const Key*> keys;
    for (const auto name : names) keys.push_back(&faults_table().key(name));
    return keys;
  }

  std::string values(const Key& key) {
    const bool is_list =
        key.shape == Shape::list || (key.shape == Shape::one_or_list && choices_.once_in(3));
    if (key.shape == Shape::map) return map(key);
    if (!is_list) return value(key);
    std::string text;
    const auto count = 1 + choices_.below(3);
    for (std::uint64_t i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + value(key);
    return "[" + text + "]";
  }

  std::string map(const Key& key) {
    constexpr std::array<std::string_view, 3> kVariables{"A", "PATH", "LD_PRELOAD"};
    constexpr std::array<std::string_view, 3> kFiles{"a.conf", "etc/b", "tmp/x"};
    constexpr std::array<std::string_view, 3> kHeaders{"X-A", "Authorization", "Accept"};
    constexpr std::array<std::string_view, 3> kValues{"10", "1000", "off"};
    const auto named = [&](std::uint64_t i) {
      switch (key.names) {
        case Names::variable:
          return kVariables[i];
        case Names::path:
          return kFiles[i];
        case Names::header:
          return kHeaders[i];
        case Names::choice:
          return key.choices[(i + choices_.below(key.choices.size())) % key.choices.size()];
        case Names::word:
          return kWords[i];
        case Names::any:
          break;
      }
      return kValues[i];
    };
    std::string text;
    const auto count = 1 + choices_.below(3);
    for (std::uint64_t i = 0; i < count; ++i)
      text += (i == 0 ? "" : ", ") + toml_string(named(i)) + " = " + value(key);
    return "{ " + text + " }";
  }

  std::string duration(const Key& key) {
    constexpr std::array<std::int64_t, 8> kUsual{0,
                                                 kMillisecond,
                                                 5 * kMillisecond,
                                                 50'000'000,
                                                 100'000'000,
                                                 1'000'000'000,
                                                 10 * std::int64_t{1'000'000'000},
                                                 kDay};
    const auto high = key.high > 0 ? key.high : kDay;
    const auto drawn = choices_.once_in(4) ? choices_.between(key.low, high) : choices_.of(kUsual);
    return format_duration(Nanoseconds(std::clamp(drawn, key.low, high)));
  }
  std::string duration_range(const Key& key) {
    const auto low = duration(key);
    if (choices_.once_in(2)) return toml_string(low);
    const auto high = duration(key);
    const bool is_ordered = *parse_duration(low) <= *parse_duration(high);
    return toml_string(is_ordered ? low + ".." + high : high + ".." + low);
  }

  std::int64_t number(const Key& key) {
    const bool is_many = key.name == "count" && key.high > kMostClients;
    return choices_.between(key.low, is_many ? kMostClients : key.high);
  }

  std::string url(const Key& key) {
    const std::string scheme(choices_.of(key.choices));
    const bool has_path = scheme != "tcp" && scheme != "tls";
    const std::string port = choices_.once_in(2) ? "{port.tls}" : "{port}";
    return toml_string(scheme + "://127.0.0.1:" + port +
                       (has_path ? std::string(choices_.of(kPaths)) : ""));
  }

  std::string value(const Key& key) {
    switch (key.kind) {
      case Kind::plain:
        return toml_string(key.name == "name" ? choices_.of(kWords) : choices_.of(kPlain));
      case Kind::text:
        return toml_string(key.name == "values"
                               ? choices_.of(std::array<std::string_view, 2>{"10", "1000"})
                               : choices_.of(kTexts));
      case Kind::content:
      case Kind::header:
        return toml_string(choices_.of(kTexts));
      case Kind::bytes:
        return toml_string(choices_.of(kBytes));
      case Kind::boolean:
        return choices_.once_in(2) ? "true" : "false";
      case Kind::truth:
        return "true";
      case Kind::integer:
        return std::to_string(number(key));
      case Kind::size:
        return choices_.once_in(2) ? R"("64MiB")" : std::to_string(number(key));
      case Kind::duration:
        return toml_string(duration(key));
      case Kind::duration_range:
        return duration_range(key);
      case Kind::percent:
        return toml_string(std::to_string(choices_.below(101)) + " %");
      case Kind::date:
        return R"("2026-12-31")";
      case Kind::count_range: {
        const auto low = number(key);
        if (choices_.once_in(2)) return std::to_string(low);
        return toml_string(std::to_string(low) + ".." + std::to_string(std::max(low, number(key))));
      }
      case Kind::choice:
        return toml_string(choices_.of(key.choices));
      case Kind::url:
        return url(key);
      case Kind::port:
        return toml_string(choices_.once_in(2) ? "8080" : "{port}");
      case Kind::network:
        return toml_string(choices_.once_in(2) ? "127.0.0.0/8" : "127.0.0.1");
      case Kind::pattern:
      case Kind::group:
        return toml_string(choices_.of(kPatterns));
      case Kind::pointer:
        return toml_string(choices_.once_in(2) ? "/order/id" : "");
      case Kind::signal:
        return toml_string(choices_.of(signal_names()));
      case Kind::syscall:
        return toml_string(choices_.of(syscall_words()));
      case Kind::error:
        return toml_string(choices_.of(error_names()));
      case Kind::moment:
        return choices_.once_in(4) ? toml_string(choices_.of(std::array<std::string_view, 3>{
                                         "measured", "entry", "exit"}))
                                   : duration_range(key);
      case Kind::end:
        return choices_.once_in(2) ? toml_string(choices_.of(signal_names()))
                                   : std::to_string(number(key));
      case Kind::property:
        return choices_.once_in(4) ? R"("custom.queue")"
                                   : toml_string(choices_.of(kProperties).name);
      case Kind::table:  // one that a text stands for
        return value(key.table->key(key.short_for));
    }
    return "1";
  }

  Choices& choices_;
  Draft& draft_;
  std::string_view only_at_;  // of the fault whose keys are written
};

}  // namespace

std::string scenario_of(Choices& choices) {
  Draft draft;
  Writer(choices, draft).write(scenario_table(), kRoot, "");
  for (int repairs = 0; repairs < kMostRepairs; ++repairs) {
    const auto text = draft.text();
    const auto parsed = parse_scenario(text, "s.toml");
    const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed);
    if (errors == nullptr || !draft.repair(*errors)) return text;
  }
  return draft.text();
}

}  // namespace lastcall::fuzz
