#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "reports/event_words.hpp"
#include "reports/page.hpp"
#include "reports/plan_words.hpp"
#include "reports/reports.hpp"
#include "reports/trace.hpp"
#include "reports/trial_text.hpp"
#include "scenario/parse.hpp"
#include "unit/history/one_of_each.hpp"
#include "unit/reports/every_outcome.hpp"

namespace lastcall {
namespace {

namespace bj = boost::json;
using ::lastcall::testing::at_ms;
using ::lastcall::testing::every_outcome;
using ::lastcall::testing::one_of_each;
using reports::Lane;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kScenario = R"(about = "chat"
crowd = "none"
[target]
command = ["./chat", "--port", "{port}", "two words"]
ready = { port = "{port}" }
stop = { signal = "SIGTERM", deadline = "2s" }
[[clients]]
name = "orders"
url = "http://127.0.0.1:{port}/"
count = 3
[[faults]]
what = "stop"
when = { event = "acknowledged", nth = 22 }
)";

Plan plan() {
  auto parsed = parse_scenario(kScenario, "chat.toml");
  const auto& scenario = std::get<Scenario>(parsed);
  return draw_plan("chat.toml", kScenario, scenario, 1);
}

const ConnectionId kFirst = connection_id(ClientId{0}, 0);
const ConnectionId kThird = connection_id(ClientId{2}, 1);

// Three connections, a stop at 200 ms, a hang of which the third connection knows.
History history() {
  const auto event = [](int ms, EventBody body) { return Event{at_ms(ms), std::move(body)}; };
  return History::of(
      {event(0, PhaseBegan{Phase::start}),
       event(1, TargetStarted{77, "./chat"}),
       event(41, TargetReady{}),
       event(100, PhaseBegan{Phase::load}),
       event(110, ConnectInvoked{kFirst, 0}),
       event(111, LayerUp{kFirst, Layer::tcp}),
       event(112, LayerUp{kFirst, Layer::http}),
       event(113, RequestSent{kFirst, {}, 12}),
       event(114, RequestEnded{kFirst, {}, RequestEnd::ok, 200, 2}),
       event(120, ConnectInvoked{kThird, 0}),
       event(121, LayerUp{kThird, Layer::tcp}),
       event(122, LayerUp{kThird, Layer::http}),
       event(123, RequestSent{kThird, {}, 12}),
       event(200, FaultInvoked{{}, 0, "SIGTERM to process", 15, true}),
       event(201, PhaseBegan{Phase::drain}),
       event(210, TargetOutput{Stream::out, "</script>\x1b[2J dr\xFFining"}),
       event(2200, DeadlinePassed{}),
       event(2210, StacksTaken{77, StacksAt::deadline, "main (77)\n  drain"}),
       event(2211, ThreadWaits{77, 77, "main", "drain", "mutex 0x10"}),
       event(2212, ThreadsStuck{true, true, "deadlock of 1 thread: main (77) in drain waits"}),
       event(2220, TargetForced{9, "past the deadline"}),
       event(2230, Reset{kThird}),
       event(2231, ConnectionEnded{kThird, ConnectionEndReason::reset, ""}),
       event(2240, TargetEnded{EndKind::signalled, 9})});
}

TrialSummary result() {
  TrialSummary result;
  result.scenario = "chat.toml";
  result.number = 3;
  result.directory = "trials/chat-0003";
  result.verdicts = {
      {.property = "serves", .outcome = Outcome::pass, .judged = 1},
      {.property = "clean-exit",
       .outcome = Outcome::fail,
       .judged = 1,
       .reason = "did not end by itself",
       .evidence = {20},
       .consequence_of = "deadline"},
      {.property = "deadline",
       .outcome = Outcome::fail,
       .judged = 1,
       .reason = "still running 2 s after SIGTERM <\x01>",
       .evidence = {16, 13}},
      {.property = "close-handshake", .outcome = Outcome::unknown, .reason = "events were lost"}};
  return result;
}

TEST(EventWords, EveryKindHasWordsOnOneLineAndALane) {
  std::set<Lane> lanes;
  for (const auto& event : one_of_each()) {
    const auto text = reports::words(event);
    EXPECT_FALSE(text.empty()) << kind(event);
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    lanes.insert(reports::lane_of(event));
  }
  EXPECT_EQ(lanes.size(), values<Lane>().size());
}
TEST(EventWords, SayWhoWhatAndHow) {
  const auto said = [](EventBody body) { return reports::words({at_ms(0), std::move(body)}); };
  EXPECT_EQ(said(RequestEnded{kFirst, {}, RequestEnd::refused, 503, 5, "later"}),
            "refused 503: \"later\"");
  EXPECT_EQ(said(RequestEnded{kFirst, {}, RequestEnd::unknown}), "no answer");
  EXPECT_EQ(said(CloseFrame{kFirst, Direction::received, 1001, "bye"}),
            "got Close frame 1001: \"bye\"");
  EXPECT_EQ(said(TargetEnded{EndKind::signalled, 11, true}),
            "the target ends: SIGSEGV, core dumped");
  EXPECT_EQ(said(Lag{"trial", 80'000'000}), "trial was held up for 80.0 ms");
  EXPECT_EQ(said(ExitExamined{7, 2}), "exit examined: pid 7, left 2");
}

TEST(PlanWords, SayWhatRunsWhoComesAndWhatIsDone) {
  EXPECT_THAT(
      reports::plan_words(plan()),
      ElementsAre("runs '{here}/chat' --port '{port}' 'two words'",
                  "watches its system calls and threads",
                  "clients \"orders\", 3 of http://127.0.0.1:{port}/: 3 steady",
                  "SIGTERM to the target, at the 22nd event \"acknowledged\" of all clients",
                  "waits 2 s for the end after the stop"));
}
TEST(PlanWords, EachTriggerIsASentence) {
  const auto said = [](Trigger when) {
    return reports::words(Fault{std::move(when), HoldThread{}});
  };
  EXPECT_EQ(said(PhaseMoment{Phase::load, std::chrono::milliseconds(1500)}),
            "hold, 1.50 s into the load");
  EXPECT_EQ(said(NthLine{"draining", 1}), "hold, at the 1st line of output that matches draining");
  EXPECT_EQ(said(NthNotification{"STOPPING=1", 3}), "hold, at the 3rd notification STOPPING=1");
  EXPECT_EQ(said(NthSyscall{.syscall = "rename", .path = "*.db", .phase = Phase::drain, .nth = 11}),
            "hold, before the 11th rename() of *.db, counted from the beginning of the drain");
  EXPECT_EQ(said(NthVisit{.function = "push", .nth = 2, .hold = std::chrono::milliseconds(5)}),
            "hold, as a thread comes to push for the 2nd time; it is held there for 5 ms");
}

TEST(Story, IsToldFromTheStartToTheEnd) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  EXPECT_THAT(
      reports::story({p, h, r}),
      ElementsAre("The target started as process 77 and was ready after 40.0 ms.",
                  "SIGTERM came, 100 ms into the load, with 2 connections up.",
                  "It was still running at the deadline, 2.00 s after the stop. lastcall "
                  "ended it with SIGKILL: past the deadline. It ended 2.04 s after the stop "
                  "with SIGKILL."));
}
TEST(Story, TellsTheCauseBeforeItsConsequencesAndWhatIsUnknown) {
  const auto r = result();
  std::vector<std::string> names;
  for (const auto* verdict : reports::told_verdicts(r)) names.push_back(verdict->property);
  EXPECT_THAT(names, ElementsAre("deadline", "clean-exit", "close-handshake"));
  const auto p = plan();
  const auto h = history();
  EXPECT_THAT(reports::evidence_of({p, h, r}), ElementsAre(13U, 16U, 20U));
  EXPECT_EQ(reports::relative_time(h, 16), "+2.000000 s");
  EXPECT_EQ(reports::relative_time(h, 4), "-0.090000 s");
}
TEST(Story, OfATargetThatNeverStarted) {
  const auto p = plan();
  const auto h = History::of({{at_ms(0), TargetNotStarted{"no such file"}}});
  const TrialSummary r;
  EXPECT_THAT(reports::story({p, h, r}),
              ElementsAre("The target could not be started: no such file.", "No stop came.",
                          "Its end was not seen."));
}

TEST(TrialText, FitsEveryWidthAndSteersNoTerminal) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  for (const std::size_t width : {1U, 40U, 57U, 80U, 300U}) {
    const auto text = reports::trial_text({p, h, r}, {.width = width});
    std::size_t longest = 0;
    std::size_t column = 0;
    for (const char c : text) {
      EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
      if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80) ++column;
      if (c == '\n') column = 0;
      longest = std::max(longest, column);
    }
    EXPECT_LE(longest, std::max<std::size_t>(width, reports::kNarrowest));
  }
}
TEST(TrialText, ShowsEvidenceOutputConnectionsAndStacks) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  const auto text = reports::trial_text({p, h, r}, {.width = 120, .replay = "lastcall replay x"});
  EXPECT_THAT(text, HasSubstr("Trial 3 of chat.toml\n"));
  EXPECT_THAT(text, HasSubstr("  fail clean-exit, as a consequence of deadline\n"));
  EXPECT_THAT(text, HasSubstr("! +0.000000 s SIGTERM to process\n"));
  EXPECT_THAT(text, HasSubstr("  +0.010000 s </script>?[2J dr\xEF\xBF\xBDining\n"));
  EXPECT_THAT(text, HasSubstr("  clients \"orders\": 1 reset, 1 without an end\n"));
  EXPECT_THAT(text, HasSubstr("      drain\n"));
  EXPECT_THAT(text, HasSubstr("Run it again\n  lastcall replay x\n"));
}
TEST(TrialText, WrapsAtWordsAndCutsLongOnes) {
  EXPECT_EQ(reports::wrapped("one two three", 9, "  "), "  one two\n  three\n");
  EXPECT_EQ(reports::wrapped("abcdefghij", 6, "  "), "  abcd\n  efgh\n  ij\n");
  EXPECT_EQ(reports::wrapped("\xC3\xA9\xC3\xA9 \xC3\xA9", 2, ""), "\xC3\xA9\xC3\xA9\n\xC3\xA9\n");
  EXPECT_EQ(reports::wrapped("one two", 5, "- ", "  "), "- one\n  two\n");
  EXPECT_EQ(reports::fitted("abcdef", 4), "abc\xE2\x80\xA6");
}

TEST(Page, EventsStandInColumnsWithTheirConnections) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  const auto page = bj::parse(reports::page_of_trial({p, h, r}, "lastcall replay x")).as_object();
  const auto& events = page.at("events").as_object();
  const auto count = h.events().size();
  for (const auto* column : {"at", "kind", "text", "connection", "request"})
    EXPECT_EQ(events.at(column).as_array().size(), count) << column;
  EXPECT_EQ(events.at("at").as_array()[4], 10'000);  // microseconds since the event before
  EXPECT_EQ(page.at("stop_us"), 200'000);
  const auto& connections = page.at("connections").as_object();
  EXPECT_EQ(bj::serialize(connections.at("client")), "[0,2]");
  EXPECT_EQ(bj::serialize(connections.at("attempt")), "[0,1]");
  EXPECT_EQ(bj::serialize(connections.at("goodbye")), "[-1,2230000]");
  const auto& verdict = page.at("verdicts").as_array()[0].as_object();
  EXPECT_EQ(verdict.at("property"), "deadline");
  EXPECT_EQ(bj::serialize(verdict.at("evidence")), "[16,13]");
  EXPECT_EQ(page.at("stacks").as_array()[0].at("text"), "main (77)\n  drain");
  EXPECT_EQ(page.at("waits").as_array()[0].at("waits"), "mutex 0x10");
}
TEST(Page, LeavesOutClientsEventsFarFromTheStopAndSaysSo) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  const auto page =
      bj::parse(reports::page_of_trial({p, h, r}, "", h.events().size() - 3)).as_object();
  const auto& at = page.at("events").as_object().at("at").as_array();
  EXPECT_EQ(at.size(), h.events().size() - 3);
  EXPECT_EQ(page.at("left_out"), 3);
  // Evidence points at the same events: the stop and the deadline.
  const auto& evidence = page.at("verdicts").as_array()[0].at("evidence").as_array();
  std::int64_t time = 0;
  for (std::size_t i = 0; i <= evidence[1].to_number<std::size_t>(); ++i)
    time += at[i].to_number<std::int64_t>();
  EXPECT_EQ(time, 200'000);
}
TEST(Page, OfAFloodOfOutputItHasTheFirstMegabytes) {
  std::vector<Event> events;
  for (int i = 0; i < 200; ++i)
    events.push_back(
        {at_ms(i), TargetOutput{Stream::out, std::string(60'000, static_cast<char>('a' + i % 26)) +
                                                 std::to_string(i)}});
  const auto p = plan();
  const auto h = History::of(std::move(events));
  const auto r = result();
  const auto page = reports::page_of_trial({p, h, r}, "");
  EXPECT_LT(page.size(), std::size_t{7} << 20U);
  const auto parsed = bj::parse(page);
  const auto& columns = parsed.at("events").as_object();
  EXPECT_EQ(columns.at("at").as_array().size(), 200U);
  EXPECT_EQ(columns.at("texts").as_array().back(), "too much for this page: see history.jsonl");
}
TEST(Page, NothingInTheDataCanEndItsElement) {
  EXPECT_EQ(reports::inert("\"</script><!--\xE2\x80\xA8\xE2\x80\xA9>\""),
            "\"\\u003c/script\\u003e\\u003c!--\\u2028\\u2029\\u003e\"");
  EXPECT_EQ(bj::parse(reports::inert("\"</script>\xE2\x80\xA8\"")), "</script>\xE2\x80\xA8");
  auto campaign = every_outcome();
  campaign.scenarios[0].about = "</script><script>alert(1)</script>";
  if (reports::viewer().empty()) GTEST_SKIP() << "built without npm";
  const auto without = reports::html(CampaignSummary{}, {});
  const std::vector<reports::TrialPage> trials{{2, R"({"story":["</script>"]})"}};
  const auto with = reports::html(campaign, trials);
  const auto ends = [](const std::string& text) {
    std::size_t count = 0;
    for (auto at = text.find("</script"); at != std::string::npos;
         at = text.find("</script", at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(ends(with), ends(without) + 1);
  EXPECT_THAT(with, HasSubstr(R"(id="trial-2">{"story":["\u003c/script\u003e"]}</script>)"));
  EXPECT_THAT(with, Not(HasSubstr("<!--lastcall-data-->")));
}
TEST(Page, TellsTheFirstTrialsOfEachFindingInTurn) {
  auto campaign = every_outcome();
  auto& scenario = campaign.scenarios[0];
  scenario.findings = {{"deadline", "", {5, 6, 7, 8}, {}}, {"released", "", {9, 5}, {}}};
  // 3: a property is unknown there.
  EXPECT_THAT(reports::told_trials(campaign), ElementsAre(5, 9, 6, 7, 3));
}
TEST(Page, OfACampaignHasTheWordsOfTheOtherReports) {
  const auto page = bj::parse(reports::page_of_campaign(every_outcome())).as_object();
  EXPECT_EQ(page.at("decision"), "Not decided:");
  const auto& scenario = page.at("scenarios").as_array()[0].as_object();
  EXPECT_EQ(scenario.at("properties").as_array()[0].at("bound"),
            "P(failure) ≤ 63.16 % at 95 %, 3 trials");
  EXPECT_EQ(scenario.at("trials").as_array()[1].at("failed"), bj::array{"clean-exit"});
  EXPECT_EQ(scenario.at("trials").as_array()[3].at("broken"), "cannot lease a port");
}
// A gate that is not settled, and two campaigns before this one.
reports::Release release() {
  reports::Release release{.policy = "ci/gate.toml"};
  auto& gate = release.gate.emplace();
  gate.standing = Standing::not_settled;
  gate.findings = {{.scenario = "scenarios/chat.toml",
                    .property = "clean-exit",
                    .rule = "fails_at_most",
                    .standing = Standing::not_settled,
                    .text = "fails 1 of 3 trials <b>",
                    .more_clean_trials = 470}};
  release.past = {{.id = 1, .started_utc = "2026-01-29T12:00:00Z", .target_version = "1.2"},
                  {.id = 2, .started_utc = "2026-01-30T12:00:00Z"}};
  release.past[1].counts = {{"scenarios/chat.toml", "clean-exit", 2, 20, 1},
                            {"scenarios/chat.toml", "serves", 0, 0, 21},
                            {"scenarios/other.toml", "released", 1, 20, 0}};
  return release;
}
TEST(Page, HasTheGateWhichDecidesAndTheTrend) {
  const auto page = bj::parse(reports::page_of_campaign(every_outcome(), release())).as_object();
  EXPECT_EQ(page.at("decision"), "Not decided:");
  EXPECT_EQ(page.at("why"),
            "by the gate of ci/gate.toml: not settled, 1 check not settled, 0 checks passed.");
  const auto& gate = page.at("gate").as_object();
  EXPECT_EQ(gate.at("standing"), "not-settled");
  EXPECT_EQ(gate.at("findings").as_array()[0].at("more"), 470);
  EXPECT_EQ(page.at("past").as_array()[0].at("version"), "1.2");
  std::map<std::string, bj::value> trends;
  for (const auto& one : page.at("scenarios").as_array()[0].at("properties").as_array())
    if (const auto* trend = one.as_object().if_contains("trend"))
      trends[std::string(one.at("name").as_string())] = *trend;
  EXPECT_EQ(trends.at("clean-exit"), (bj::array{nullptr, bj::array{2, 20}}));
  EXPECT_EQ(trends.at("serves"), (bj::array{nullptr, nullptr}));
  EXPECT_EQ(trends.at("released"), (bj::array{nullptr, nullptr}));
  // Judged over the campaign: its failures are no rate.
  EXPECT_FALSE(trends.contains("prompt-exit"));
}
TEST(Page, SaysShipIfTheGatePassedWhateverFailed) {
  auto known = release();
  known.gate->standing = Standing::passed;
  known.gate->findings[0].standing = Standing::passed;
  auto campaign = every_outcome();
  campaign.exit_code = 1;
  const auto page = bj::parse(reports::page_of_campaign(campaign, known)).as_object();
  EXPECT_EQ(page.at("decision"), "Safe to ship");
  EXPECT_EQ(page.at("why"), "by the gate of ci/gate.toml: passed, 1 check passed.");
  EXPECT_EQ(bj::parse(reports::page_of_campaign(campaign)).at("decision"), "Do not ship:");
}
TEST(Markdown, SaysWhatKeepsTheGateFromPassing) {
  const auto text = reports::markdown(every_outcome(), release());
  EXPECT_THAT(text, HasSubstr("**Not decided:** by the gate of ci/gate.toml: not settled"));
  EXPECT_THAT(text,
              HasSubstr("## Gate\n\n- **not-settled** scenarios/chat.toml, clean-exit: fails 1 "
                        "of 3 trials \\<b\\>; 470 more clean trials would settle it\n"));
}

TEST(Trace, HasPhasesMarksAndASliceAConnectionAndRequest) {
  const auto p = plan();
  const auto h = history();
  const auto r = result();
  const auto file = bj::parse(reports::trace({p, h, r})).as_object();
  std::vector<std::string> slices;
  std::vector<std::string> phases;
  for (const auto& one : file.at("traceEvents").as_array()) {
    const auto& ph = one.at("ph").as_string();
    if (ph == "b" || ph == "e")
      slices.push_back(std::string(ph) + " " + std::string(one.at("name").as_string()));
    if (ph == "X") phases.emplace_back(one.at("name").as_string());
  }
  EXPECT_THAT(phases, ElementsAre("start", "load", "drain"));
  EXPECT_THAT(slices, ElementsAre("b clients \"orders\", client 1", "b request 1", "e request 1",
                                  "e clients \"orders\", client 1",
                                  "b clients \"orders\", client 3, connection 2", "b request 1",
                                  "e request 1", "e clients \"orders\", client 3, connection 2"));
}

}  // namespace
}  // namespace lastcall
