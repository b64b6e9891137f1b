#include "trial/custom_checkers.hpp"

#include <poll.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>

#include "checkers/checker_support.hpp"
#include "history/utf8.hpp"
#include "trial/helper_command.hpp"
#include "trial/helper_environment.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t kReasonLimit = 1000;

bool is_readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&watched, 1, 0) > 0;
}

// The only process that this one has is the checker, so it waits for whoever ends.
HelperResult run_alone(HelperCommand command, int lifeline) {
  asio::io_context io(1);
  ChildEnds ends;
  asio::signal_set signals(io, SIGCHLD);
  std::function<void()> listen = [&] {
    signals.async_wait([&](auto ec, int) {
      if (ec) return;
      ends.reap();
      listen();
    });
  };
  listen();
  HelperResult result;
  asio::co_spawn(io, run_helper(ends, std::move(command), [=] { return is_readable(lifeline); }),
                 [&](std::exception_ptr failure, HelperResult done) {
                   if (failure) std::rethrow_exception(failure);
                   result = std::move(done);
                   io.stop();
                 });
  io.run();
  return result;
}

std::optional<Outcome> outcome_named(std::string_view word) {
  for (const auto outcome :
       {Outcome::not_applicable, Outcome::pass, Outcome::unknown, Outcome::fail}) {
    if (word == name(outcome)) return outcome;
  }
  return std::nullopt;
}

// Throws what is wrong with it.
Verdict parsed(const std::string& text) {
  const auto value = json::parse(text);
  if (!value.is_object()) throw std::runtime_error("no JSON object");
  const auto& object = value.get_object();
  const auto* word = object.if_contains("outcome");
  if (word == nullptr || !word->is_string()) throw std::runtime_error("'outcome' is missing");
  const auto outcome = outcome_named(std::string_view(word->get_string()));
  if (!outcome) {
    throw std::runtime_error("there is no outcome '" + std::string(word->get_string()) + "'");
  }
  const auto* judged = object.if_contains("judged");
  if (judged == nullptr || !judged->is_number()) throw std::runtime_error("'judged' is missing");
  Verdict verdict;
  verdict.outcome = *outcome;
  verdict.judged = judged->to_number<std::uint64_t>();
  if (const auto* reason = object.if_contains("reason")) {
    if (!reason->is_string()) throw std::runtime_error("'reason' is no string");
    verdict.reason = std::string(reason->get_string()).substr(0, kReasonLimit);
  }
  return verdict;
}

// As for the checkers of lastcall.
std::string why_unknown(const Verdict& verdict, const History& history) {
  if (auto trouble = sidecar_trouble(history, verdict); !trouble.empty()) return trouble;
  if (verdict.outcome == Outcome::fail) return "";
  const auto lost = history.first<EventsLost>();
  return lost ? lost_text(*lost->body) : "";
}

Verdict judged_by(const CustomChecker& checker, const History& history, const CustomRun& run) {
  if (const auto failed = history.first<TargetNotStarted>())
    return Verdict::unknown("the target could not be started: " + failed->body->reason);
  auto command =
      helper_of(checker.command, run.placeholders, run.placeholders.at("here"), run.tools);
  command.input = run.history_file;
  command.limit = checker.timeout;
  auto verdict = custom_verdict(run_alone(std::move(command), run.lifeline));
  if (auto reason = why_unknown(verdict, history); !reason.empty())
    verdict.conclude(Outcome::unknown, std::move(reason));
  return verdict;
}

}  // namespace

Verdict custom_verdict(const HelperResult& done) {
  if (!done.succeeded()) return Verdict::unknown("the checker did not judge: " + done.text());
  const auto said = done.last_words.empty() ? "" : "; its last words: " + done.last_words;
  try {
    auto verdict = parsed(done.out);
    if (verdict.outcome != Outcome::pass || verdict.judged > 0) return verdict;
    return Verdict::unknown("the checker passes and judged nothing" + said);
  } catch (const std::exception& error) {
    return Verdict::unknown(std::string("the checker printed no verdict: ") + error.what() + said);
  }
}

std::vector<Verdict> judge_custom(const Plan& plan, const History& history, const CustomRun& run) {
  std::vector<Verdict> verdicts;
  for (const auto& [name, checker] : plan.scenario.custom) {
    auto verdict = judged_by(checker, history, run);
    verdict.property = "custom." + name;
    verdict.reason = valid_utf8(verdict.reason);
    std::ranges::replace(verdict.reason, '\n', ' ');
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace lastcall
