// page_of_trial(): the story of a trial, and its events in columns, so that half a million of them
// are a few megabytes that a browser reads in a fraction of a second.
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <unordered_map>

#include "checkers/checker_support.hpp"
#include "reports/event_words.hpp"
#include "reports/json_text.hpp"
#include "reports/page.hpp"
#include "reports/plan_words.hpp"

namespace lastcall::reports {
namespace {

namespace bj = boost::json;

using json_values::text;

bj::array texts(const std::vector<std::string>& all) {
  bj::array array;
  for (const auto& one : all) array.push_back(text(one));
  return array;
}

// Numbers as a JSON array.
class Column {
 public:
  void add(std::int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    if (!numbers_.empty()) numbers_ += ',';
    numbers_.append(digits, end);
  }
  [[nodiscard]] std::string json() const { return "[" + numbers_ + "]"; }

 private:
  std::string numbers_;
};

// Each text once, and its number. A target may print a hundred megabytes: what is too much is in
// history.jsonl only.
class Texts {
 public:
  std::int64_t number(std::string text) {
    constexpr std::size_t kMostBytes = std::size_t{6} << 20U;
    if (size_ + text.size() > kMostBytes) text = "too much for this page: see history.jsonl";
    const auto [known, is_new] = numbers_.emplace(std::move(text), all_.size());
    if (is_new) {
      all_.push_back(&known->first);
      size_ += known->first.size();
    }
    return static_cast<std::int64_t>(known->second);
  }
  [[nodiscard]] bj::array json() const {
    bj::array array;
    for (const auto* one : all_) array.push_back(text(*one));
    return array;
  }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<const std::string*> all_;
  std::size_t size_ = 0;
};

// More than anybody reads; each may have 64 KiB.
constexpr std::size_t kMostStacks = 100;

std::int64_t microseconds(const History& history, EventIndex event) {
  return std::chrono::duration_cast<std::chrono::microseconds>(history.time(event) -
                                                               history.time(0))
      .count();
}

std::int64_t microseconds(const History& history, std::optional<EventIndex> event) {
  return event ? microseconds(history, *event) : -1;
}

// The first of these that happened.
std::optional<EventIndex> earliest(std::initializer_list<std::optional<EventIndex>> events) {
  std::optional<EventIndex> first;
  for (const auto& event : events) {
    if (event && (!first || *event < *first)) first = event;
  }
  return first;
}

// Which events the page has: all of them, or those of clients only as near to the stop as there is
// room for.
std::vector<bool> kept_events(const History& history, const std::vector<EventIndex>& evidence,
                              std::size_t most) {
  const auto& events = history.events();
  std::vector<bool> kept(events.size(), true);
  if (events.size() <= most) return kept;
  const auto stop = history.stop();
  const auto middle = history.time(stop ? stop->index : EventIndex{0});
  std::vector<EventIndex> of_clients;
  for (EventIndex i = 0; i < events.size(); ++i) {
    if (lane_of(events[i]) == Lane::clients && !std::ranges::binary_search(evidence, i))
      of_clients.push_back(i);
  }
  std::ranges::stable_sort(of_clients, {},
                           [&](EventIndex i) { return std::chrono::abs(events[i].at - middle); });
  const auto others = events.size() - of_clients.size();
  for (auto i = most - std::min(most, others); i < of_clients.size(); ++i)
    kept[of_clients[i]] = false;
  return kept;
}

std::string events_of(const History& history, const std::vector<bool>& kept) {
  Column at, kind, what, connection, request;
  Texts kinds, texts;
  std::unordered_map<std::uint64_t, std::int64_t> connections;
  for (const auto& one : history.connections())
    connections.emplace(one.id.value, static_cast<std::int64_t>(connections.size()));
  std::int64_t before = 0;
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    if (!kept[i]) continue;
    const auto& event = history.at(i);
    const auto now = microseconds(history, i);
    at.add(now - before);
    before = now;
    kind.add(
        kinds.number(std::string(lastcall::kind(event)) + " " + std::string(name(lane_of(event)))));
    what.add(texts.number(words(event)));
    const auto exchange = exchange_of(event.body);
    const auto known =
        exchange.connection ? connections.find(exchange.connection->value) : connections.end();
    connection.add(known == connections.end() ? -1 : known->second);
    request.add(exchange.request ? exchange.request->value : -1);
  }
  return R"({"at":)" + at.json() + R"(,"kind":)" + kind.json() + R"(,"text":)" + what.json() +
         R"(,"connection":)" + connection.json() + R"(,"request":)" + request.json() +
         R"(,"kinds":)" + bj::serialize(kinds.json()) + R"(,"texts":)" +
         bj::serialize(texts.json()) + "}";
}

std::string connections_of(const Trial& trial) {
  const auto& history = trial.history;
  Column client, attempt, group, begin, up, goodbye, end, why;
  for (const auto& one : history.connections()) {
    const auto* wanted = group_of(trial.plan, one);
    client.add(client_of(one.id).value);
    attempt.add(static_cast<std::uint32_t>(one.id.value));
    group.add(one.group);
    begin.add(microseconds(history, one.invoked));
    up.add(microseconds(history,
                        wanted == nullptr ? one.tcp_up : all_layers_up(one, wanted->protocol)));
    goodbye.add(microseconds(history, earliest({one.close_frame_received, one.close_notify_received,
                                                one.fin_received, one.reset})));
    end.add(microseconds(history, one.ended));
    const auto* ended =
        one.ended ? std::get_if<ConnectionEnded>(&history.at(*one.ended).body) : nullptr;
    why.add(one.reset ? static_cast<int>(ConnectionEndReason::reset)
                      : (ended == nullptr ? -1 : static_cast<int>(ended->why)));
  }
  bj::array reasons;
  for (const auto reason : lastcall::names<ConnectionEndReason>()) reasons.push_back(text(reason));
  return R"({"client":)" + client.json() + R"(,"attempt":)" + attempt.json() + R"(,"group":)" +
         group.json() + R"(,"begin":)" + begin.json() + R"(,"up":)" + up.json() + R"(,"goodbye":)" +
         goodbye.json() + R"(,"end":)" + end.json() + R"(,"why":)" + why.json() + R"(,"reasons":)" +
         bj::serialize(reasons) + "}";
}

bj::array groups_of(const Plan& plan) {
  bj::array groups;
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < plan.scenario.clients.size(); ++i) {
    groups.push_back({{"name", text(group_name(plan, i))}, {"first", first}});
    first += plan.scenario.clients[i].count;
  }
  return groups;
}

// Everything that holds a stack, with the event that it belongs to; what tells of the stop first.
// `places`: of each event its place on the page.
bj::array stacks_of(const History& history, const std::vector<std::int64_t>& places) {
  bj::array stacks;
  bj::array earlier;
  const auto add = [&](EventIndex event, const std::string& title, const std::string& stack) {
    if (stack.empty()) return;
    auto& list = is_of_the_stop(history, event) ? stacks : earlier;
    list.push_back({{"event", places[event]},
                    {"title", text(relative_time(history, event) + " " + title)},
                    {"text", text(stack)}});
  };
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    const auto& event = history.at(i);
    const auto& body = static_cast<const EventVariant&>(event.body);
    if (const auto* taken = std::get_if<StacksTaken>(&body)) {
      add(i, words(event), taken->text);
    } else if (const auto* panic = std::get_if<PanicEntered>(&body)) {
      add(i, words(event), panic->stack);
    } else if (const auto* late = std::get_if<SentLate>(&body)) {
      add(i, "who wrote: " + words(event), late->writer);
      add(i, "who had closed it", late->closer);
    } else if (const auto* reached = std::get_if<FunctionReached>(&body)) {
      add(i, words(event), reached->stack);
    } else if (const auto* last = std::get_if<FinalCalls>(&body)) {
      add(i, "last calls of process " + std::to_string(last->pid), last->text);
    }
  }
  for (auto& one : earlier) stacks.push_back(std::move(one));
  if (stacks.size() > kMostStacks) stacks.resize(kMostStacks);
  return stacks;
}

bj::array waits_of(const History& history, const std::vector<std::int64_t>& places) {
  bj::array waits;
  for (const auto& [i, one] : history.all<ThreadWaits>())
    waits.push_back({{"event", places[i]},
                     {"pid", one->pid},
                     {"tid", one->tid},
                     {"thread", text(one->thread)},
                     {"place", text(one->place)},
                     {"waits", text(one->waits)}});
  return waits;
}

bj::array stuck_of(const History& history) {
  bj::array all;
  for (const auto& [i, one] : history.all<ThreadsStuck>())
    all.push_back(
        {{"deadlock", one->deadlock}, {"certain", one->certain}, {"text", text(one->text)}});
  return all;
}

bj::array verdicts_of(const TrialSummary& result, const std::vector<std::int64_t>& places) {
  bj::array verdicts;
  for (const auto* verdict : told_verdicts(result)) {
    bj::array evidence;
    for (const auto event : verdict->evidence) {
      if (event < places.size()) evidence.push_back(places[event]);
    }
    verdicts.push_back({{"property", text(verdict->property)},
                        {"outcome", text(name(verdict->outcome))},
                        {"reason", text(verdict->reason)},
                        {"consequence_of", text(verdict->consequence_of)},
                        {"evidence", std::move(evidence)}});
  }
  return verdicts;
}

}  // namespace

std::string page_of_trial(const Trial& trial, const std::string& replay, std::size_t most) {
  const auto& history = trial.history;
  const auto kept = kept_events(history, evidence_of(trial), most);
  std::vector<std::int64_t> places(kept.size());  // of an event that is left out: the next
  std::int64_t place = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    places[i] = place;
    place += kept[i] ? 1 : 0;
  }
  const auto stop = history.stop();
  bj::object head{{"number", trial.result.number},
                  {"scenario", text(trial.result.scenario)},
                  {"directory", text(trial.result.directory)},
                  {"replay", text(replay)},
                  {"traced", trial.result.traced},
                  {"story", texts(story(trial))},
                  {"plan", texts(plan_words(trial.plan))},
                  {"verdicts", verdicts_of(trial.result, places)},
                  {"stop_us", stop ? microseconds(history, stop->index) : std::int64_t{-1}},
                  {"left_out", history.events().size() - static_cast<std::size_t>(place)},
                  {"groups", groups_of(trial.plan)},
                  {"stacks", stacks_of(history, places)},
                  {"waits", waits_of(history, places)},
                  {"stuck", stuck_of(history)}};
  auto json = bj::serialize(head);
  json.pop_back();  // the columns are written without a value of JSON for each number
  return json + R"(,"connections":)" + connections_of(trial) + R"(,"events":)" +
         events_of(history, kept) + "}";
}

}  // namespace lastcall::reports
