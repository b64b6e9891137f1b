#include "trial/questions.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "base/invariant.hpp"
#include "base/request_text.hpp"
#include "base/text.hpp"
#include "client/http_get.hpp"
#include "client/session.hpp"
#include "trial/helper_command.hpp"
#include "trial/helper_environment.hpp"

namespace lastcall {
namespace {

constexpr std::string_view kProperty = "acked-durable";
constexpr std::size_t kMostQuestions = 500;
// An idle server on the same machine answers at once.
constexpr auto kQuestionLimit = std::chrono::seconds(3);
// 500 questions to a command that takes 60 ms each, the start of an interpreter.
constexpr auto kQuestionsLimit = std::chrono::seconds(30);
// After so many that could not be asked, the next one cannot either.
constexpr int kMostFailures = 3;

bool has(const std::string& text, std::string_view placeholder) {
  return text.find(placeholder) != std::string::npos;
}
bool has(const std::vector<std::string>& texts, std::string_view placeholder) {
  return std::ranges::any_of(texts, [&](const auto& text) { return has(text, placeholder); });
}
bool is_single(const Ask& ask) { return has(ask.url, "{id}") || has(ask.command, "{id}"); }
bool names_id(const Ask& ask) { return is_single(ask) || has(ask.expect, "{id}"); }

bool sends_id(const ClientGroup& group) {
  return has(group.url, "{id}") || has(group.message, "{id}");
}

// What came back for one question.
struct Answer {
  std::string problem;  // it could not be asked: why
  bool good = false;    // 2xx, exit 0
  std::string text;
};

class Questions {
 public:
  Questions(const TrialParts& trial, const Ask& ask, std::function<bool()> over)
      : trial_(trial), ask_(ask), over_(std::move(over)) {
    auto tls = client_tls("");
    LASTCALL_INVARIANT(tls.has_value());
    tls_ = std::move(*tls);
  }

  asio::awaitable<void> one_by_one(std::vector<Acknowledged> requests, std::size_t of) {
    const auto limit = now() + kQuestionsLimit;
    std::size_t asked = 0;
    int failures = 0;
    for (const auto& request : requests) {
      if (over_() || failures >= kMostFailures || now() > limit) break;
      const auto answer = co_await ask(values_for(request));
      if (answer.problem.empty()) {
        ++asked;
        record(request, answer);
      } else {
        ++failures;
        not_observed("asking for " + id_of(request) + ": " + answer.problem);
      }
    }
    if (asked + static_cast<std::size_t>(failures) < requests.size()) {
      not_observed("only " + std::to_string(asked) + " of " + std::to_string(requests.size()) +
                   " questions were answered: " +
                   (over_()                     ? "the restarted target had ended"
                    : failures >= kMostFailures ? "the others failed"
                                                : "the time for them was over"));
    }
    say_how_many(asked, of);
  }

  asio::awaitable<void> listing(std::vector<Acknowledged> requests) {
    const auto answer = co_await ask(trial_.placeholders);
    if (!answer.problem.empty() || !answer.good) {
      not_observed("the listing: " + (answer.problem.empty() ? answer.text : answer.problem));
      co_return;
    }
    for (const auto& request : requests) record(request, answer);
    say_how_many(requests.size(), requests.size());
  }

 private:
  static std::string id_of(const Acknowledged& request) {
    return request_text(client_of(request.connection), request.request);
  }

  [[nodiscard]] Placeholders values_for(const Acknowledged& request) const {
    auto values = trial_.placeholders;
    values["id"] = id_of(request);
    values["client"] = std::to_string(client_of(request.connection).value);
    return values;
  }

  asio::awaitable<Answer> ask(const Placeholders& values) {
    if (ask_.url.empty()) co_return co_await ask_command(values);
    const auto got =
        co_await http_get(expand_placeholders(ask_.url, values), *tls_, kQuestionLimit);
    if (got.status == 0) co_return Answer{.problem = got.problem, .text = {}};
    const bool good = got.status / 100 == 2;
    co_return Answer{.problem = {},
                     .good = good,
                     .text = good ? got.body : "HTTP status " + std::to_string(got.status)};
  }

  asio::awaitable<Answer> ask_command(const Placeholders& values) {
    auto command = helper_in(trial_, ask_.command, values, values.at("dir"));
    command.user = trial_.plan.scenario.target.user;
    command.limit = kQuestionLimit;
    const auto done = co_await run_helper(trial_.ends, std::move(command), over_);
    if (done.out_is_cut) co_return Answer{.problem = "more than 1 MiB of output", .text = {}};
    // Exit 1 without a word on standard error is how grep and its like say "not there".
    const bool nothing = done.problem.empty() && done.how == EndKind::exited && done.value == 1 &&
                         done.last_words.empty();
    const bool judged_by_exit = ask_.expect.empty() && done.problem.empty();
    if (!done.succeeded() && !nothing && !judged_by_exit) {
      co_return Answer{.problem = done.text(), .text = {}};
    }
    co_return Answer{.problem = {}, .good = done.succeeded(), .text = done.out};
  }

  void record(const Acknowledged& request, const Answer& answer) {
    std::uint32_t found = answer.good ? 1 : 0;
    // The page of an error may name what it did not find.
    if (!ask_.expect.empty() && (answer.good || ask_.url.empty())) {
      found = occurrences(answer.text, expand_placeholders(ask_.expect, values_for(request)));
    }
    trial_.segment.record(Asked{request.connection, request.request, found});
  }

  void not_observed(std::string reason) {
    trial_.segment.record(NotObserved{std::string(kProperty), std::move(reason)});
  }
  void say_how_many(std::size_t asked, std::size_t of) {
    trial_.segment.record(Observed{std::string(kProperty), "asked for " + std::to_string(asked) +
                                                               " of " + std::to_string(of) +
                                                               " acknowledged requests"});
  }

  const TrialParts& trial_;
  const Ask& ask_;
  std::function<bool()> over_;
  std::unique_ptr<asio::ssl::context> tls_;
};

}  // namespace

Result<std::vector<Acknowledged>> acknowledged_requests(const Plan& plan, const Ask& ask,
                                                        const std::vector<std::string>& segments) {
  std::vector<Acknowledged> found;
  for (const auto& path : segments) {
    auto segment = read_segment(path);
    if (!segment) return segment.error();
    std::map<ConnectionId, std::uint32_t> group_of;
    for (const auto& event : segment->events) {
      if (const auto* connect = std::get_if<ConnectInvoked>(&event.body)) {
        group_of[connect->connection] = connect->group;
      }
      const auto* ended = std::get_if<RequestEnded>(&event.body);
      if (ended == nullptr || ended->end != RequestEnd::ok) continue;
      const auto group = group_of[ended->connection];
      const bool heard = group < plan.scenario.clients.size() &&
                         (!names_id(ask) || sends_id(plan.scenario.clients[group]));
      if (heard) found.push_back({ended->connection, ended->request});
    }
  }
  return found;
}

std::vector<Acknowledged> spread(const std::vector<Acknowledged>& all, std::size_t count) {
  if (all.size() <= count || count < 2) return all;
  std::vector<Acknowledged> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(all[i * (all.size() - 1) / (count - 1)]);
  return some;
}

std::uint32_t occurrences(std::string_view text, std::string_view what) {
  if (what.empty()) return 0;
  std::uint32_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

asio::awaitable<void> ask_for(const TrialParts& trial, const Ask& ask,
                              std::vector<Acknowledged> requests, std::function<bool()> over) {
  if (requests.empty()) co_return;
  Questions questions(trial, ask, std::move(over));
  const auto all = requests.size();
  if (is_single(ask)) {
    co_await questions.one_by_one(spread(requests, kMostQuestions), all);
  } else {
    co_await questions.listing(std::move(requests));
  }
}

}  // namespace lastcall
