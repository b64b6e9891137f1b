#include "trial/probes.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "scenario/properties/config_effective.hpp"
#include "scenario/properties/drains_health.hpp"
#include "scenario/properties/overhead.hpp"
#include "target/port_lease.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using property::ConfigEffective;
using property::DrainsHealth;
using ::testing::ElementsAre;
using testing::http_answer;
using ::testing::IsEmpty;
using ::testing::StartsWith;

bool never() { return false; }
bool always() { return true; }

class Probes : public testing::TrialFixture {
 protected:
  template <class Property>
  void ask_for(const std::string& port) {
    settings<Property>(plan_.scenario).url = url(port);
  }
  static std::string url(const std::string& port) { return "http://127.0.0.1:" + port + "/ready"; }
  // Whether each probe found the listener, and the status that it was answered.
  [[nodiscard]] std::vector<std::string> health() const {
    std::vector<std::string> all;
    for (const auto& event : events_.events) {
      const auto& probed = std::get<HealthProbed>(event.body);
      EXPECT_GE(probed.asked, 0);
      all.push_back((probed.connected ? "up " : "refused ") + std::to_string(probed.status));
    }
    return all;
  }
};

TEST_F(Probes, OfHealthGoOnUntilTheListenerHasRefusedThreeTimes) {
  ask_for<DrainsHealth>(serve({http_answer("200 OK"), http_answer("503 Service Unavailable"),
                               http_answer("503 Service Unavailable")}));
  run(probe_health(trial_, never, never));
  EXPECT_THAT(health(),
              ElementsAre("up 200", "up 503", "up 503", "refused 0", "refused 0", "refused 0"));
}

TEST_F(Probes, OfHealthBeforeTheStopIsOne) {
  ask_for<DrainsHealth>(serve({http_answer("200 OK")}));
  run(probe_health_once(trial_));
  EXPECT_THAT(health(), ElementsAre("up 200"));
}

TEST_F(Probes, OfHealthRecordNothingOnceTheTrialIsClosed) {
  ask_for<DrainsHealth>(serve({http_answer("200 OK")}));
  run(probe_health(trial_, never, always));
  EXPECT_THAT(recorded(), IsEmpty());
}

TEST_F(Probes, OfHealthEndWithTheTarget) {
  bool ended = false;
  ask_for<DrainsHealth>(serve({http_answer("200 OK")}, [&] { ended = true; }));
  run(probe_health(
      trial_, [&] { return ended; }, never));
  EXPECT_THAT(health(), ElementsAre("up 200"));
}

TEST_F(Probes, OfHealthAreNotMadeWithoutAUrlOrIfNobodyJudges) {
  plan_.scenario.properties["drains-health"] = {};
  run(probe_health(trial_, never, never));
  ask_for<DrainsHealth>(serve({http_answer("200 OK")}));
  plan_.scenario.properties["drains-health"].judged = false;
  run(probe_health_once(trial_));
  EXPECT_THAT(recorded(), IsEmpty());
}

TEST_F(Probes, OfASettingRecordTheLinesOfTheAnswer) {
  ask_for<ConfigEffective>(serve({http_answer("200 OK", "workers=4\nmode=fast\n")}));
  run(observe_setting(trial_));
  EXPECT_THAT(recorded(), ElementsAre("observed config-effective workers=4",
                                      "observed config-effective mode=fast"));
}

TEST_F(Probes, OfASettingSayWhyThereIsNoAnswer) {
  const auto port = serve({http_answer("404 Not Found", "workers=4")});
  ask_for<ConfigEffective>(port);
  run(observe_setting(trial_));
  EXPECT_THAT(recorded(),
              ElementsAre("not_observed config-effective " + url(port) + ": HTTP status 404"));
}

TEST_F(Probes, OfASettingKeepAThousandLines) {
  std::string body;
  for (int i = 0; i < 1001; ++i) body += "line\n";
  ask_for<ConfigEffective>(serve({http_answer("200 OK", body)}));
  run(observe_setting(trial_));
  const auto all = recorded();
  ASSERT_EQ(all.size(), 1001U);
  EXPECT_EQ(all[999], "observed config-effective line");
  EXPECT_EQ(all[1000], "not_observed config-effective the answer has more than a thousand lines");
}

// What is open is counted at 16 answers, 32 and so on.
class Count : public testing::TrialFixture {
 protected:
  // Before each look clients acknowledge one of `steps`; then it is over.
  void run_steps(std::vector<int> steps, std::function<bool()> held) {
    std::size_t looks = 0;
    run(count_open(
        trial_, board_,
        [&] {
          if (looks == steps.size()) return true;
          for (int i = 0; i < steps[looks]; ++i) board_.count(ClientEvent::acknowledged);
          ++looks;
          return false;
        },
        std::move(held)));
  }
  [[nodiscard]] std::vector<std::uint64_t> answers() const {
    std::vector<std::uint64_t> all;
    for (const auto& event : events_.events)
      all.push_back(std::get<OpenCounted>(event.body).answers);
    return all;
  }
  TriggerBoard board_ = *TriggerBoard::create();
};

TEST_F(Count, OfWhatIsOpenIsMadeEachTimeTwiceAsManyAnswersCame) {
  run_steps({15, 1, 15, 1, 0, 100, 1}, never);
  EXPECT_THAT(answers(), ElementsAre(16, 32, 132));
}

TEST_F(Count, OfWhatIsOpenWaitsForACommandOfLastcallItself) {
  int looks = 0;
  run_steps({16, 0, 3, 0}, [&] { return ++looks <= 2; });
  EXPECT_THAT(answers(), ElementsAre(19));
}

TEST_F(Count, OfResourcesIsMadeIfTheyAreBounded) {
  auto& overhead = settings<property::Overhead>(plan_.scenario);
  overhead.startup = std::chrono::seconds(1);
  note_resources(trial_, ::getpid(), Phase::start);
  EXPECT_THAT(recorded(), IsEmpty());
  overhead.memory = 1U << 30U;
  note_resources(trial_, ::getpid(), Phase::load);
  EXPECT_THAT(recorded(), ElementsAre(StartsWith("resources_used load ")));
}

}  // namespace
}  // namespace lastcall
