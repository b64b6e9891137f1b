#include "trial/durability_queries.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <memory>
#include <optional>

#include "base/invariant.hpp"
#include "base/request_text.hpp"
#include "client/http_get.hpp"
#include "client/session.hpp"
#include "history/segment.hpp"
#include "scenario/properties/acked_durable.hpp"
#include "trial/helper_command.hpp"
#include "trial/helper_environment.hpp"

namespace lastcall {
namespace {

constexpr auto kProperty = property::AckedDurable::kName;
constexpr std::size_t kMaxQuestions = 500;
// An idle server on the same machine answers at once.
constexpr auto kQuestionLimit = std::chrono::seconds(3);
// 500 questions to a command that takes 60 ms each, the start of an interpreter.
constexpr auto kQuestionsLimit = std::chrono::seconds(30);
// Before the stop: a question that takes longer would be in the way of what is tested.
constexpr auto kEarlyQuestionLimit = std::chrono::seconds(1);
constexpr int kMaxEarlyQuestions = 20;
constexpr Nanoseconds kFirstPause = std::chrono::milliseconds(20);
constexpr Nanoseconds kLongestPause = std::chrono::milliseconds(640);
// If this many questions could not be asked, the next one cannot be asked either.
constexpr int kMaxFailures = 3;

bool has(const std::string& text, std::string_view placeholder) {
  return text.find(placeholder) != std::string::npos;
}
bool has(const std::vector<std::string>& texts, std::string_view placeholder) {
  return std::ranges::any_of(texts, [&](const auto& text) { return has(text, placeholder); });
}
bool is_single(const Ask& ask) { return has(ask.url, "{id}") || has(ask.command, "{id}"); }
bool names_id(const Ask& ask) { return is_single(ask) || has(ask.expect, "{id}"); }

// Whether the target has heard {id} with this message of the group, or has named the id itself.
bool knows_id(const ClientGroup& group, std::uint32_t message) {
  const auto in_a_header = [](const auto& header) { return has(header.second, "{id}"); };
  const bool in_the_message = message < group.message.size() && has(group.message[message], "{id}");
  return group.id_from || has(group.url, "{id}") || in_the_message ||
         std::ranges::any_of(group.headers, in_a_header);
}

// Whether the target can be asked for what was sent with this message.
bool is_about(const Plan& plan, const Ask& ask, std::uint32_t group, std::uint32_t message) {
  const auto& groups = plan.scenario.clients;
  return group < groups.size() && (!names_id(ask) || knows_id(groups[group], message));
}

// As a part of a URL: what cannot stand in one at all is percent-encoded (RFC 3986, section 2.1).
std::string in_a_url(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kNever = "\"<>\\^`{|}";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F && kNever.find(c) == kNever.npos) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
    }
  }
  return encoded;
}

// What came back for one question.
struct Answer {
  std::string problem;  // it could not be asked: why
  bool good = false;    // 2xx, exit 0
  std::string text;
};

class Questions {
 public:
  Questions(const TrialContext& trial, const Ask& ask, Nanoseconds limit,
            std::function<bool()> over)
      : trial_(trial), ask_(ask), limit_(limit), over_(std::move(over)) {
    auto tls = client_tls("");
    LASTCALL_INVARIANT(tls.has_value());
    tls_ = std::move(*tls);
  }

  asio::awaitable<void> one_by_one(std::vector<Acknowledged> requests, std::size_t of) {
    const auto limit = now() + kQuestionsLimit;
    std::size_t asked = 0;
    int failures = 0;
    for (const auto& request : requests) {
      if (over_() || failures >= kMaxFailures || now() > limit) break;
      const auto answer = co_await ask(request);
      if (answer.problem.empty()) {
        ++asked;
        record(request, answer);
      } else {
        ++failures;
        not_observed("asking for " + request.id + ": " + answer.problem);
      }
    }
    if (asked + static_cast<std::size_t>(failures) < requests.size()) {
      not_observed("only " + std::to_string(asked) + " of " + std::to_string(requests.size()) +
                   " questions were answered: " +
                   (over_()                    ? "the restarted target had ended"
                    : failures >= kMaxFailures ? "the others failed"
                                               : "the time for them was over"));
    }
    say_how_many(asked, of);
  }

  asio::awaitable<void> listing(std::vector<Acknowledged> requests) {
    const Acknowledged all_of_them;
    const auto answer = co_await ask(all_of_them);
    if (!answer.problem.empty() || !answer.good) {
      not_observed("the listing: " + (answer.problem.empty() ? answer.text : answer.problem));
      co_return;
    }
    for (const auto& request : requests) record(request, answer);
    say_how_many(requests.size(), requests.size());
  }

  // Which have no id that could be asked for; they are taken out.
  void drop_nameless(std::vector<Acknowledged>& requests) {
    const auto nameless = std::ranges::stable_partition(
        requests, [](const Acknowledged& request) { return request.problem.empty(); });
    if (nameless.empty()) return;
    not_observed("no id was in the answer to " + std::to_string(nameless.size()) +
                 " acknowledged requests, the first: " + nameless.front().problem);
    requests.erase(nameless.begin(), nameless.end());
  }

  // `request`: for which; whatever it is if the question is for them all.
  asio::awaitable<Answer> ask(Acknowledged request) {
    if (ask_.url.empty()) co_return co_await ask_command(values_for(request));
    auto values = values_for(request);
    values["id"] = in_a_url(request.id);
    const auto got = co_await http_get(expand_placeholders(ask_.url, values), *tls_, limit_, over_);
    if (got.status == 0) co_return Answer{.problem = got.problem, .text = {}};
    const bool good = got.status / 100 == 2;
    co_return Answer{.problem = {},
                     .good = good,
                     .text = good ? got.body : "HTTP status " + std::to_string(got.status)};
  }

  // How often the answer holds the request.
  [[nodiscard]] std::uint32_t found_in(const Answer& answer, const Acknowledged& request) const {
    // The page of an error may name what it did not find.
    if (ask_.expect.empty() || (!answer.good && !ask_.url.empty())) return answer.good ? 1 : 0;
    const auto wanted = expand_placeholders(ask_.expect, values_for(request));
    return request.is_given ? words_in(answer.text, wanted) : occurrences(answer.text, wanted);
  }

 private:
  [[nodiscard]] Placeholders values_for(const Acknowledged& request) const {
    auto values = trial_.placeholders;
    values["id"] = request.id;
    values["client"] = std::to_string(client_of(request.connection).value);
    return values;
  }

  asio::awaitable<Answer> ask_command(Placeholders values) {
    auto command = helper_in(trial_, ask_.command, values, values.at("dir"));
    command.user = trial_.plan.scenario.target.user;
    command.limit = limit_;
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
    trial_.events.record(Asked{request.connection, request.request, found_in(answer, request)});
  }

  void not_observed(std::string reason) {
    trial_.events.record(NotObserved{std::string(kProperty), std::move(reason)});
  }
  void say_how_many(std::size_t asked, std::size_t of) {
    trial_.events.record(Observed{std::string(kProperty), "asked for " + std::to_string(asked) +
                                                              " of " + std::to_string(of) +
                                                              " acknowledged requests"});
  }

  const TrialContext& trial_;
  const Ask& ask_;
  Nanoseconds limit_;  // of one question
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
    std::map<ConnectionId, std::uint32_t> message_of;  // of the request under way
    std::map<std::pair<ConnectionId, RequestId>, const IdGiven*> given;
    for (const auto& event : segment->events) {
      if (const auto* id = std::get_if<IdGiven>(&event.body)) {
        given[{id->connection, id->request}] = id;
      }
      if (const auto* connect = std::get_if<ConnectInvoked>(&event.body)) {
        group_of[connect->connection] = connect->group;
      }
      if (const auto* sent = std::get_if<RequestSent>(&event.body)) {
        message_of[sent->connection] = sent->message;
      }
      const auto* ended = std::get_if<RequestEnded>(&event.body);
      if (ended == nullptr || ended->end != RequestEnd::ok) continue;
      if (!is_about(plan, ask, group_of[ended->connection], message_of[ended->connection]))
        continue;
      auto& request = found.emplace_back(
          Acknowledged{ended->connection, ended->request,
                       request_text(client_of(ended->connection), ended->request), false, ""});
      const auto id = given.find({ended->connection, ended->request});
      if (id == given.end()) continue;
      request.is_given = true;
      request.id = id->second->id;
      if (names_id(ask)) request.problem = id->second->problem;
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

std::uint32_t words_in(std::string_view text, std::string_view what) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (what.empty()) return 0;
  std::uint32_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    const auto end = at + what.size();
    const bool goes_on_before = at > 0 && is_word(text[at - 1]) && is_word(what.front());
    const bool goes_on_after = end < text.size() && is_word(text[end]) && is_word(what.back());
    if (!goes_on_before && !goes_on_after) ++count;
  }
  return count;
}

asio::awaitable<void> ask_for(const TrialContext& trial, const Ask& ask,
                              std::vector<Acknowledged> requests, std::function<bool()> over) {
  if (requests.empty()) co_return;
  Questions questions(trial, ask, kQuestionLimit, std::move(over));
  questions.drop_nameless(requests);
  if (requests.empty()) co_return;
  const auto all = requests.size();
  if (is_single(ask)) {
    co_await questions.one_by_one(spread(requests, kMaxQuestions), all);
  } else {
    co_await questions.listing(std::move(requests));
  }
}

EarlyQuestions::EarlyQuestions(const TrialContext& trial, const Ask& ask)
    : trial_(trial), ask_(ask), wake_(trial.io) {}

void EarlyQuestions::acknowledged(const Acknowledgement& first) {
  const bool is_known = !known_.emplace(first.group, first.message).second;
  if (is_known || over_ || !is_about(trial_.plan, ask_, first.group, first.message)) return;
  const bool is_given = trial_.plan.scenario.clients[first.group].id_from.has_value();
  pending_.push_back(
      {{first.connection, first.request, first.id, is_given, ""}, now(), kFirstPause});
  wake_.cancel();
}

void EarlyQuestions::end() {
  over_ = true;
  wake_.cancel();
}

asio::awaitable<void> EarlyQuestions::run() {
  Questions questions(trial_, ask_, kEarlyQuestionLimit, [this] { return over_; });
  for (int asked = 0; !over_ && asked < kMaxEarlyQuestions;) {
    const auto next = std::ranges::min_element(pending_, {}, &Pending::at);
    if (next == pending_.end() || next->at > now()) {
      wake_.expires_at(next == pending_.end() ? TimePoint::max() : next->at);
      co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    auto trying = std::move(*next);
    pending_.erase(next);
    ++asked;
    asking_ = true;
    const auto answer = co_await questions.ask(trying.request);
    asking_ = false;
    trial_.changes.notify();
    if (over_ && !answer.problem.empty()) break;  // it was broken off
    const auto found = answer.problem.empty() ? questions.found_in(answer, trying.request) : 0;
    const auto& request = trying.request;
    trial_.events.record(AskedBefore{request.connection, request.request, found, answer.problem});
    if (found > 0) continue;
    trying.at = now() + trying.pause;
    trying.pause = std::min(2 * trying.pause, kLongestPause);
    pending_.push_back(std::move(trying));
  }
}

}  // namespace lastcall
