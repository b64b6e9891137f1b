#include "reports/trial_text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "checkers/checker_support.hpp"
#include "reports/event_words.hpp"
#include "reports/plan_words.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

constexpr std::size_t kShownEvents = 40;
constexpr std::size_t kShownOutput = 20;
constexpr std::size_t kShownConnections = 8;
constexpr std::size_t kShownStackLines = 40;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

// The first `count` characters; the text is valid UTF-8.
std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size()) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80;
    if (begins && count-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

class Writer {
 public:
  Writer(const Trial& trial, const TrialTextOptions& options)
      : trial_(trial),
        history_(trial.history),
        options_(options),
        width_(std::max(options.width, kNarrowest)) {}

  std::string text() {
    head("Trial " + std::to_string(trial_.result.number) + " of " + trial_.result.scenario +
         (trial_.result.traced ? "" : " (untraced)"));
    for (const auto& sentence : story(trial_)) paragraph(sentence);
    verdicts();
    if (!history_.events().empty()) {
      pick_window();
      lanes();
      events();
      output();
      signals();
      connections();
      stacks();
    }
    plan();
    if (!options_.replay.empty()) text_ += "\nRun it again\n  " + printable(options_.replay) + "\n";
    return std::move(text_);
  }

 private:
  void head(const std::string& title) {
    text_ += (text_.empty() ? "" : "\n") + coloured("\x1b[1m", fitted(title, width_)) + "\n";
  }
  void paragraph(const std::string& sentence) { text_ += wrapped(sentence, width_, "  "); }
  void line(const std::string& one) { text_ += fitted(one, width_) + "\n"; }
  void more(std::size_t count, const std::string& what) {
    if (count > 0) line("  … and " + counted(count, what) + " (--full shows all)");
  }
  [[nodiscard]] std::string coloured(const char* code, const std::string& what) const {
    return options_.colour ? code + what + "\x1b[0m" : what;
  }

  void verdicts() {
    const auto told = told_verdicts(trial_.result);
    if (told.empty()) return;
    head("Why");
    for (const auto* verdict : told) {
      const auto outcome = std::string(name(verdict->outcome));
      const auto what =
          verdict->property + (verdict->consequence_of.empty()
                                   ? ""
                                   : ", as a consequence of " + verdict->consequence_of);
      const auto* const colour = verdict->outcome == Outcome::fail ? "\x1b[31m" : "\x1b[33m";
      text_ += "  " + coloured(colour, outcome) + " " + fitted(what, width_ - outcome.size() - 3) +
               "\n" + wrapped(verdict->reason, width_, "    ");
    }
  }

  // Around the stop and the evidence.
  void pick_window() {
    evidence_ = evidence_of(trial_);
    auto shown = evidence_;
    if (const auto stop = history_.stop()) shown.push_back(stop->index);
    if (const auto end = history_.first<TargetEnded>()) shown.push_back(end->index);
    if (shown.empty()) shown = {0, history_.events().size() - 1};
    const auto [first, last] = std::ranges::minmax(shown);
    const auto span = history_.time(last) - history_.time(first);
    const auto margin = std::max(span / 8, Nanoseconds(std::chrono::milliseconds(2)));
    from_ = std::max(history_.time(first) - margin, history_.time(0));
    to_ = history_.time(last) + margin;
  }

  [[nodiscard]] bool in_window(EventIndex event) const {
    return history_.time(event) >= from_ && history_.time(event) <= to_;
  }

  // A character a slice of the window: how much happened there, in each lane.
  void lanes() {
    constexpr std::size_t kName = 16;
    const auto columns = width_ - kName - 2;
    std::map<Lane, std::vector<std::size_t>> counts;
    std::map<Lane, std::set<std::size_t>> proving;
    for (EventIndex i = 0; i < history_.events().size(); ++i) {
      if (!in_window(i)) continue;
      const auto lane = lane_of(history_.at(i));
      auto& own = counts.try_emplace(lane, columns).first->second;
      const auto column = column_of(history_.time(i), columns);
      ++own[column];
      if (std::ranges::binary_search(evidence_, i)) proving[lane].insert(column);
    }
    head("Timeline");
    text_ += std::string(kName + 2, ' ') + scale(columns) + "\n";
    for (const auto& [lane, own] : counts) {
      auto title = "  " + std::string(name(lane));
      title.resize(kName + 2, ' ');
      text_ +=
          title + (lane == Lane::phases ? phases(columns) : density(own, proving[lane])) + "\n";
    }
  }

  [[nodiscard]] std::size_t column_of(TimePoint at, std::size_t columns) const {
    const auto span = static_cast<double>((to_ - from_).count()) + 1;
    const auto share = static_cast<double>((at - from_).count()) / span;
    return std::min(columns - 1, static_cast<std::size_t>(share * static_cast<double>(columns)));
  }

  // Where the stop is, and how far the window reaches.
  [[nodiscard]] std::string scale(std::size_t columns) const {
    std::string text(columns, ' ');
    const auto put = [&](std::size_t column, const std::string& what) {
      column = std::min(column, columns - std::min(columns, what.size()));
      text.replace(column, what.size(), what);
    };
    const auto stop = history_.stop();
    const auto zero = stop ? history_.time(*stop) : history_.time(0);
    const auto milliseconds = [&](TimePoint at) {
      return std::to_string(
                 std::chrono::duration_cast<std::chrono::milliseconds>(at - zero).count()) +
             " ms";
    };
    put(columns, milliseconds(to_));
    put(0, milliseconds(from_));
    if (stop && in_window(*stop)) put(column_of(zero, columns), "|stop");
    return text;
  }

  [[nodiscard]] std::string phases(std::size_t columns) const {
    std::string text(columns, ' ');
    const auto all = history_.all<PhaseBegan>();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto begin = std::max(history_.time(all[i].index), from_);
      const auto end = i + 1 < all.size() ? std::min(history_.time(all[i + 1].index), to_) : to_;
      if (end <= begin) continue;
      const auto from = column_of(begin, columns);
      const auto to = column_of(end, columns) + 1;
      std::string phase(name(all[i].body->phase));
      phase.resize(to - from, '-');
      text.replace(from, to - from, phase);
    }
    return text;
  }

  [[nodiscard]] std::string density(const std::vector<std::size_t>& counts,
                                    const std::set<std::size_t>& proving) const {
    constexpr std::array kHeights{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const auto most = std::ranges::max(counts);
    std::string text;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (proving.contains(i)) {
        text += coloured("\x1b[31m", "!");
      } else {
        text += kHeights[counts[i] == 0 ? 0 : 1 + (counts[i] * 7) / std::max<std::size_t>(most, 1)];
      }
    }
    return text;
  }

  // Those of the target and of lastcall, and of clients what proves a verdict.
  void events() {
    std::vector<EventIndex> shown;
    std::size_t of_clients = 0;
    for (EventIndex i = 0; i < history_.events().size(); ++i) {
      if (!in_window(i)) continue;
      const auto lane = lane_of(history_.at(i));
      const bool proves = std::ranges::binary_search(evidence_, i);
      if (!proves && (lane == Lane::output || !is_news(i))) continue;  // output: below
      if (lane == Lane::clients && !proves) {
        ++of_clients;
      } else {
        shown.push_back(i);
      }
    }
    head("Around the evidence (! proves a verdict)");
    const auto first = options_.full ? 0 : first_shown(shown);
    const auto last = options_.full ? shown.size() : std::min(shown.size(), first + kShownEvents);
    more(first, "earlier event");
    for (auto i = first; i < last; ++i) event_line(shown[i]);
    more(shown.size() - last, "later event");
    if (of_clients > 0) line("  " + counted(of_clients, "event") + " of clients not shown");
  }

  // Of what lastcall notes of itself, and of processes that ended before the stop, only what
  // matters.
  [[nodiscard]] bool is_news(EventIndex i) const {
    constexpr auto kLongLag = std::chrono::milliseconds(20);
    if (options_.full) return true;
    const auto& body = static_cast<const EventVariant&>(history_.at(i).body);
    if (const auto* lag = std::get_if<Lag>(&body)) return Nanoseconds(lag->nanoseconds) >= kLongLag;
    if (std::holds_alternative<EventsLost>(body) || std::holds_alternative<TraceFailed>(body))
      return true;
    const auto lane = lane_of(history_.at(i));
    return lane != Lane::lastcall && (lane != Lane::calls || is_of_the_stop(history_, i));
  }

  // So that the evidence is in the middle of what is shown.
  [[nodiscard]] std::size_t first_shown(const std::vector<EventIndex>& shown) const {
    if (shown.size() <= kShownEvents || evidence_.empty()) return 0;
    const auto proof = std::ranges::lower_bound(shown, evidence_.front()) - shown.begin();
    const auto before = std::max<std::ptrdiff_t>(proof - std::ptrdiff_t{kShownEvents} / 2, 0);
    return std::min(static_cast<std::size_t>(before), shown.size() - kShownEvents);
  }

  void event_line(EventIndex event) {
    const bool proves = std::ranges::binary_search(evidence_, event);
    auto one = std::string(proves ? "! " : "  ") + relative_time(history_, event) + " " +
               printable(sentence(trial_.plan, history_.at(event)));
    one = fitted(one, width_);
    text_ += (proves ? coloured("\x1b[31m", one) : one) + "\n";
  }

  void output() {
    std::vector<EventIndex> lines;
    for (const auto& [at, said] : history_.all<TargetOutput>()) {
      if (!said->line.empty()) lines.push_back(at);
    }
    if (lines.empty()) return;
    head("The target's last words");
    const auto first = options_.full ? 0 : lines.size() - std::min(kShownOutput, lines.size());
    more(first, "earlier line");
    for (auto i = first; i < lines.size(); ++i) event_line(lines[i]);
  }

  void signals() {
    const auto taken = history_.all<SignalTaken>();
    if (taken.empty()) return;
    head("Signals that the target took");
    const auto last = options_.full ? taken.size() : std::min<std::size_t>(taken.size(), 10);
    for (std::size_t i = 0; i < last; ++i) event_line(taken[i].index);
    more(taken.size() - last, "signal");
  }

  void connections() {
    const auto& all = history_.connections();
    if (all.empty()) return;
    head("Connections");
    std::map<std::string, std::map<std::string, std::size_t>> groups;
    for (const auto& one : all) {
      // Only a damaged history names a group that the plan does not have.
      const bool is_known = group_of(trial_.plan, one) != nullptr;
      ++groups[is_known ? group_name(trial_.plan, one.group) : "other clients"][end_of(one)];
    }
    for (const auto& [group, ends] : groups) {
      std::string how;
      for (const auto& [end, count] : ends)
        how += (how.empty() ? "" : ", ") + std::to_string(count) + " " + end;
      paragraph(group + ": " + how);
    }
    std::size_t told = 0;
    std::set<std::uint64_t> proving;
    for (const auto event : evidence_) {
      const auto connection = exchange_of(history_.at(event).body).connection;
      if (!connection || !proving.insert(connection->value).second) continue;
      if (++told <= kShownConnections || options_.full) connection_lines(*connection);
    }
    if (!options_.full) more(told - std::min(told, kShownConnections), "connection");
  }

  [[nodiscard]] std::string end_of(const ConnectionView& one) const {
    if (one.reset) return "reset";
    const auto* ended =
        one.ended ? std::get_if<ConnectionEnded>(&history_.at(*one.ended).body) : nullptr;
    return ended == nullptr ? "without an end" : std::string(name(ended->why));
  }

  // What happened on it last.
  void connection_lines(ConnectionId id) {
    std::vector<EventIndex> own;
    for (EventIndex i = 0; i < history_.events().size(); ++i) {
      if (exchange_of(history_.at(i).body).connection == id) own.push_back(i);
    }
    const auto first = options_.full ? 0 : own.size() - std::min<std::size_t>(own.size(), 4);
    for (auto i = first; i < own.size(); ++i) event_line(own[i]);
  }

  void stacks() {
    const auto stuck = history_.all<ThreadsStuck>();
    const auto taken = history_.all<StacksTaken>();
    const auto panics = history_.all<PanicEntered>();
    const auto late = history_.all<SentLate>();
    if (stuck.empty() && taken.empty() && panics.empty() && late.empty()) return;
    head("Stacks");
    for (const auto& [at, one] : stuck) paragraph(one->text);
    for (const auto& [at, one] : taken) {
      if (options_.full || is_of_the_stop(history_, at)) stack(at, one->text);
    }
    for (const auto& [at, one] : panics) stack(at, one->stack);
    for (const auto& [at, one] : late) {
      stack(at, one->writer);
      stack(at, one->closer);
    }
  }

  void stack(EventIndex at, const std::string& text) {
    event_line(at);
    const auto lines = lines_of(text);
    const auto last = options_.full ? lines.size() : std::min(lines.size(), kShownStackLines);
    for (std::size_t i = 0; i < last; ++i) line("    " + lines[i]);
    more(lines.size() - last, "line");
  }

  void plan() {
    head("The plan");
    for (const auto& one : plan_words(trial_.plan)) text_ += wrapped(one, width_, "  - ", "    ");
  }

  const Trial& trial_;
  const History& history_;
  const TrialTextOptions& options_;
  std::size_t width_;
  std::vector<EventIndex> evidence_{};
  TimePoint from_{};
  TimePoint to_{};
  std::string text_{};
};

}  // namespace

std::string fitted(const std::string& text, std::size_t width) {
  const auto safe = printable(text);
  if (characters(safe) <= width) return safe;
  return std::string(first_characters(safe, width - 1)) + "…";
}

std::string wrapped(const std::string& text, std::size_t width, const std::string& indent,
                    const std::string& more_indent) {
  const auto room = width - std::min(indent.size(), width - 1);
  const auto safe = printable(text);
  std::string lines;
  std::string_view rest = safe;
  while (!rest.empty()) {
    auto piece = first_characters(rest, room);
    if (piece.size() < rest.size() && rest[piece.size()] != ' ') {
      const auto space = piece.rfind(' ');
      if (space != std::string_view::npos && space > 0) piece = piece.substr(0, space);
    }
    lines +=
        (lines.empty() || more_indent.empty() ? indent : more_indent) + std::string(piece) + "\n";
    rest.remove_prefix(piece.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  }
  return lines;
}

std::string trial_text(const Trial& trial, const TrialTextOptions& options) {
  return Writer(trial, options).text();
}

}  // namespace lastcall::reports
