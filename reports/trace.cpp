#include "reports/trace.hpp"

#include <boost/json.hpp>

#include "checkers/checker_support.hpp"
#include "reports/event_words.hpp"
#include "reports/json_text.hpp"

namespace lastcall::reports {
namespace {

namespace bj = boost::json;

constexpr int kTarget = 1;  // the process of the lanes; groups of clients follow

using json_values::text;

// Entries of traceEvents, written one by one: a long history has a million.
class Entries {
 public:
  explicit Entries(const History& history) : history_(history) {}

  void add(bj::object entry) {
    all_ += (all_.empty() ? "" : ",\n") + bj::serialize(std::move(entry));
  }
  void add(EventIndex at, bj::object entry) {
    // Microseconds, with nanoseconds behind the point.
    entry["ts"] =
        std::chrono::duration<double, std::micro>(history_.time(at) - history_.time(0)).count();
    add(std::move(entry));
  }
  void name_process(int pid, const std::string& name) {
    add({{"ph", "M"}, {"pid", pid}, {"name", "process_name"}, {"args", {{"name", text(name)}}}});
  }
  void name_thread(int tid, std::string_view name) {
    add({{"ph", "M"},
         {"pid", kTarget},
         {"tid", tid},
         {"name", "thread_name"},
         {"args", {{"name", text(name)}}}});
    add({{"ph", "M"},
         {"pid", kTarget},
         {"tid", tid},
         {"name", "thread_sort_index"},
         {"args", {{"sort_index", tid}}}});
  }
  [[nodiscard]] std::string json() const {
    return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + all_ + "\n]}\n";
  }

 private:
  const History& history_;
  std::string all_;
};

int thread_of(Lane lane) { return static_cast<int>(lane) + 1; }

void add_phases(Entries& entries, const History& history) {
  const auto phases = history.all<PhaseBegan>();
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const auto end = i + 1 < phases.size() ? phases[i + 1].index : history.events().size() - 1;
    entries.add(phases[i].index, {{"ph", "X"},
                                  {"pid", kTarget},
                                  {"tid", thread_of(Lane::phases)},
                                  {"name", text(name(phases[i].body->phase))},
                                  {"dur", std::chrono::duration<double, std::micro>(
                                              history.time(end) - history.time(phases[i].index))
                                              .count()}});
  }
}

void add_marks(Entries& entries, const Trial& trial) {
  const auto& events = trial.history.events();
  for (EventIndex i = 0; i < events.size(); ++i) {
    const auto lane = lane_of(events[i]);
    if (lane == Lane::phases || lane == Lane::clients) continue;
    entries.add(i, {{"ph", "i"},
                    {"s", "t"},
                    {"pid", kTarget},
                    {"tid", thread_of(lane)},
                    {"cat", text(kind(events[i]))},
                    {"name", text(words(events[i]))}});
  }
}

// A slice of a connection: begins or ends.
bj::object slice(const char* phase, const ConnectionView& connection, std::string_view name) {
  return {{"ph", phase},
          {"pid", kTarget + 1 + static_cast<int>(connection.group)},
          {"tid", 0},
          {"cat", "connection"},
          {"id", connection.id.value},
          {"name", text(name)}};
}

void add_connection(Entries& entries, const Trial& trial, const ConnectionView& one) {
  const auto who = address(trial.plan, one.id);
  const auto last = trial.history.events().size() - 1;
  auto begin = slice("b", one, who);
  const auto end = one.ended.value_or(last);
  if (one.ended) begin["args"] = {{"end", text(words(trial.history.at(*one.ended)))}};
  entries.add(one.invoked, std::move(begin));
  for (const auto& request : one.requests) {
    const auto name = "request " + std::to_string(request.id.value + 1);
    auto sent = slice("b", one, name);
    if (request.ended) sent["args"] = {{"end", text(words(trial.history.at(*request.ended)))}};
    entries.add(request.sent, std::move(sent));
    entries.add(request.ended.value_or(end), slice("e", one, name));
  }
  for (const auto& mark :
       {one.close_frame_received, one.close_notify_received, one.fin_received, one.reset}) {
    if (mark) entries.add(*mark, slice("n", one, words(trial.history.at(*mark))));
  }
  entries.add(end, slice("e", one, who));
}

}  // namespace

std::string trace(const Trial& trial) {
  Entries entries(trial.history);
  entries.name_process(kTarget, "trial " + std::to_string(trial.result.number) + ": target");
  for (const auto lane : values<Lane>()) {
    if (lane != Lane::clients) entries.name_thread(thread_of(lane), name(lane));
  }
  for (std::size_t i = 0; i < trial.plan.scenario.clients.size(); ++i)
    entries.name_process(kTarget + 1 + static_cast<int>(i), group_name(trial.plan, i));
  if (!trial.history.events().empty()) {
    add_phases(entries, trial.history);
    add_marks(entries, trial);
    for (const auto& connection : trial.history.connections())
      add_connection(entries, trial, connection);
  }
  return entries.json();
}

}  // namespace lastcall::reports
