#include "trial/trial_result.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lastcall {
namespace {

TrialResult result_with_everything() {
  TrialResult result;
  result.seed = UINT64_MAX;
  result.broken = "it \"broke\"\n";
  result.not_started = "cannot execute it";
  result.duration = Nanoseconds(5'000'000'001);
  result.overhead = Nanoseconds(7);
  result.stop = Nanoseconds(3);
  result.stop_moment = {Phase::load, Nanoseconds(7)};
  result.idle_tail = Nanoseconds(0);
  result.idle_held_by = "held by 1 connection";
  result.habits = {{"idle", "late"}};
  result.idle_waits = {Nanoseconds(100), "server (80) waited"};
  result.clients = 20'000;
  result.connections = 19'999;
  result.answers = {GroupAnswers::talking, GroupAnswers::unanswered,  GroupAnswers::fell_silent,
                    GroupAnswers::stalled, GroupAnswers::gone_lately, GroupAnswers::not_asked};
  result.only_refusals = {0, 404};
  result.heard_instead = {"", "-NOAUTH"};
  result.unreached = {2, 0};
  result.visits = {{0, 3}, {2, 0}};
  result.kept = true;
  result.traced = false;
  result.warnings = {"cannot remove /tmp/x: Operation not permitted"};
  result.verdicts = {{.property = "released",
                      .outcome = Outcome::fail,
                      .judged = 4,
                      .reason = "left a file",
                      .evidence = {12, 900},
                      .evidence_text = {"{\"t\":1}", "{\"t\":2}"},
                      .consequence_of = "no-panic"},
                     {.property = "deadline",
                      .outcome = Outcome::pass,
                      .judged = 1,
                      .not_judged = {{"whose bytes waited", 3}, {"sent late", 1}},
                      .noted = {{"excused by \"^E\" (why)", 300}}},
                     {.property = "serves", .outcome = Outcome::unknown, .reason = "lost"},
                     {.property = "no-panic", .outcome = Outcome::not_applicable}};
  return result;
}

TEST(TrialResult, ComesBackFromItsJson) {
  const auto sent = result_with_everything();
  const auto received = trial_result_from_json(to_json(sent));
  ASSERT_TRUE(received.has_value()) << received.error().message();
  EXPECT_EQ(received->seed, sent.seed);
  EXPECT_EQ(received->broken, sent.broken);
  EXPECT_EQ(received->not_started, sent.not_started);
  EXPECT_EQ(received->duration, sent.duration);
  EXPECT_EQ(received->overhead, sent.overhead);
  EXPECT_EQ(received->stop, sent.stop);
  ASSERT_TRUE(received->stop_moment);
  EXPECT_EQ(received->stop_moment->phase, Phase::load);
  EXPECT_EQ(received->stop_moment->after, Nanoseconds(7));
  EXPECT_EQ(received->idle_tail, sent.idle_tail);
  EXPECT_EQ(received->idle_held_by, sent.idle_held_by);
  EXPECT_EQ(received->habits, sent.habits);
  EXPECT_EQ(received->idle_waits, sent.idle_waits);
  EXPECT_EQ(received->clients, sent.clients);
  EXPECT_EQ(received->connections, sent.connections);
  EXPECT_EQ(received->unreached, sent.unreached);
  EXPECT_EQ(received->visits, sent.visits);
  EXPECT_EQ(received->kept, sent.kept);
  EXPECT_EQ(received->traced, sent.traced);
  EXPECT_EQ(received->answers, sent.answers);
  EXPECT_EQ(received->only_refusals, sent.only_refusals);
  EXPECT_EQ(received->heard_instead, sent.heard_instead);
  EXPECT_EQ(received->warnings, sent.warnings);
  ASSERT_EQ(received->verdicts.size(), sent.verdicts.size());
  for (std::size_t i = 0; i < sent.verdicts.size(); ++i) {
    EXPECT_EQ(received->verdicts[i].property, sent.verdicts[i].property);
    EXPECT_EQ(received->verdicts[i].outcome, sent.verdicts[i].outcome);
    EXPECT_EQ(received->verdicts[i].judged, sent.verdicts[i].judged);
    EXPECT_EQ(received->verdicts[i].reason, sent.verdicts[i].reason);
    EXPECT_EQ(received->verdicts[i].evidence, sent.verdicts[i].evidence);
    EXPECT_EQ(received->verdicts[i].evidence_text, sent.verdicts[i].evidence_text);
    EXPECT_EQ(received->verdicts[i].not_judged, sent.verdicts[i].not_judged);
    EXPECT_EQ(received->verdicts[i].noted, sent.verdicts[i].noted);
    EXPECT_EQ(received->verdicts[i].consequence_of, sent.verdicts[i].consequence_of);
  }
}

TEST(TrialResult, WithAWordForAnswersThatDoesNotExistIsAnError) {
  auto json = to_json(result_with_everything());
  json.replace(json.find("unanswered"), 10, "unanswerex");
  EXPECT_TRUE(trial_result_from_json(json).has_error());
}

TEST(TrialResult, WithoutAnIdleTailIsNotOneOfZero) {
  auto sent = result_with_everything();
  sent.stop_moment.reset();
  sent.idle_tail.reset();
  sent.habits.reset();
  sent.idle_waits.reset();
  const auto received = trial_result_from_json(to_json(sent));
  ASSERT_TRUE(received.has_value()) << received.error().message();
  EXPECT_FALSE(received->stop_moment);
  EXPECT_EQ(received->idle_tail, std::nullopt);
  EXPECT_EQ(received->habits, std::nullopt);
  EXPECT_EQ(received->idle_waits, std::nullopt);
}

TEST(TrialResult, IsNotLostForBytesThatAreNoText) {
  auto result = result_with_everything();
  result.broken = "cannot keep a copy of a\xff";
  result.idle_waits->text = "\xff";
  result.heard_instead[1] = "\x80";
  result.verdicts[0].evidence_text[0] = "\xc3(";
  result.verdicts[1].noted[0].why = "\xed\xa0\x80";
  const auto back = trial_result_from_json(to_json(result));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back->broken, "cannot keep a copy of a\xef\xbf\xbd");
  EXPECT_EQ(to_json(*back), to_json(result));
}

TEST(TrialResult, IsOneLineOfJson) {
  const auto json = to_json(result_with_everything());
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(TrialResult, ThatWasCutOffAnywhereIsAnError) {
  const auto json = to_json(result_with_everything());
  for (std::size_t size = 0; size + 2 < json.size(); ++size) {
    EXPECT_TRUE(trial_result_from_json(json.substr(0, size)).has_error()) << size;
  }
}

TEST(TrialResult, OfTheWrongShapeIsAnError) {
  for (const auto* text : {"", "null", "[]", "{}", "{\"seed\":\"1\"}"}) {
    EXPECT_TRUE(trial_result_from_json(text).has_error()) << text;
  }
}

TEST(TrialResult, WithAnOutcomeThatDoesNotExistIsAnError) {
  auto json = to_json(result_with_everything());
  const std::string known = "\"outcome\":\"fail\"";
  json.replace(json.find(known), known.size(), "\"outcome\":\"fine\"");
  EXPECT_TRUE(trial_result_from_json(json).has_error())
      << "a verdict must not turn into 'nothing to judge'";
}

}  // namespace
}  // namespace lastcall
