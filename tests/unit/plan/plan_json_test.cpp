// plan.json: the same bytes for the same seed, back to the same plan, and refused with its place
// when wrong.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>

#include "plan/plan_file.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kScenario = R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
[[clients]]
url = "ws://127.0.0.1:{port}/"
count = 20
crowd = "none"
proxy = true
[[faults]]
what = "stop"
when = { phase = "load", at = "0ms..1s" }
[[faults]]
what = "double-signal"
signal = "SIGUSR1"
second = ["SIGTERM", "SIGINT"]
when = { event = "acknowledged", nth = "1..40" }
[[faults]]
what = "network"
action = "stall"
for = "1ms..9ms"
percent = 50
when = { log = "^ready", nth = 2 }
[[faults]]
what = "limit"
memory = "64MiB"
when = { notification = "STOPPING=1" }
[[faults]]
what = "abort-clients"
percent = 30
when = { phase = "drain", at = "1ms" }
[[target.vary]]
name = "queue"
values = ["10", "1000"]
)";

Plan drawn(std::uint64_t seed, std::uint32_t trial = 1) {
  const auto parsed = parse_scenario(kScenario, "s.toml");
  return draw_plan("s.toml", kScenario, std::get<Scenario>(parsed), seed, trial);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(std::min(at, text.size()), from.size(), to);
}

std::string error_of(std::string_view json) {
  const auto plan = plan_from_json(json, "plan.json");
  return plan.has_value() ? "no error" : plan.error().message();
}

std::uint64_t hash(std::string_view text) {  // FNV-1a
  std::uint64_t value = 0xCBF29CE484222325ULL;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return value;
}

TEST(PlanJson, IsPinnedForASeed) {
  EXPECT_EQ(to_json(drawn(7)), R"json({
  "format": "lastcall-plan",
  "version": 1,
  "seed": "0x0000000000000007",
  "scenario": {
    "file": "s.toml",
    "text": "about = \"why\"\n[target]\ncommand = [\"server\"]\nready = { notify = true }\n[[clients]]\nurl = \"ws://127.0.0.1:{port}/\"\ncount = 20\ncrowd = \"none\"\nproxy = true\n[[faults]]\nwhat = \"stop\"\nwhen = { phase = \"load\", at = \"0ms..1s\" }\n[[faults]]\nwhat = \"double-signal\"\nsignal = \"SIGUSR1\"\nsecond = [\"SIGTERM\", \"SIGINT\"]\nwhen = { event = \"acknowledged\", nth = \"1..40\" }\n[[faults]]\nwhat = \"network\"\naction = \"stall\"\nfor = \"1ms..9ms\"\npercent = 50\nwhen = { log = \"^ready\", nth = 2 }\n[[faults]]\nwhat = \"limit\"\nmemory = \"64MiB\"\nwhen = { notification = \"STOPPING=1\" }\n[[faults]]\nwhat = \"abort-clients\"\npercent = 30\nwhen = { phase = \"drain\", at = \"1ms\" }\n[[target.vary]]\nname = \"queue\"\nvalues = [\"10\", \"1000\"]\n"
  },
  "varied": {
    "queue": "10"
  },
  "clients": [
    {
      "seed": "0xe3ae36252c014b24",
      "overrides": {}
    }
  ],
  "faults": [
    {
      "signals": [
        {
          "signal": "SIGTERM",
          "after": "0s"
        }
      ],
      "to": "process",
      "when": {
        "phase": "load",
        "at": "414571us"
      }
    },
    {
      "signals": [
        {
          "signal": "SIGUSR1",
          "after": "0s"
        },
        {
          "signal": "SIGINT",
          "after": "70204us"
        }
      ],
      "to": "process",
      "when": {
        "event": "acknowledged",
        "nth": 38
      }
    },
    {
      "network": "stall",
      "toward": "both",
      "for": "4439us",
      "at_byte": 0,
      "percent": 50,
      "when": {
        "log": "^ready",
        "nth": 2
      }
    },
    {
      "limit": "memory",
      "value": 67108864,
      "when": {
        "notification": "STOPPING=1",
        "nth": 1
      }
    },
    {
      "abort-clients": 30,
      "when": {
        "phase": "drain",
        "at": "1ms"
      }
    }
  ]
}
)json");
}

TEST(PlanJson, IsPinnedByItsHashForMoreSeeds) {
  EXPECT_EQ(hash(to_json(drawn(0))), 0xA353225FD29BE3BCULL);
  EXPECT_EQ(hash(to_json(drawn(1))), 0x8794B3C43D9D419DULL);
  EXPECT_EQ(hash(to_json(drawn(0xDEADBEEF))), 0x1D46C406C6AFF132ULL);
  EXPECT_EQ(hash(to_json(drawn(UINT64_MAX))), 0xDA4E7F46E823BE95ULL);
}

RC_GTEST_PROP(PlanJson, ComesBackAsTheSamePlan, (std::uint64_t seed)) {
  auto plan = drawn(seed);
  const auto changes =
      *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 20));
  for (const auto position : changes) {
    auto& change = plan.groups[0].overrides[position];
    change.absent = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>())
      change.start = Nanoseconds(*rc::gen::inRange<std::int64_t>(0, 1LL << 40));
    if (*rc::gen::arbitrary<bool>()) change.behaviour = *rc::gen::elementOf(values<Behaviour>());
  }
  if (*rc::gen::arbitrary<bool>()) plan.faults.pop_back();
  const auto json = to_json(plan);
  const auto back = plan_from_json(json, "plan.json");
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->seed == plan.seed);
  RC_ASSERT(back->scenario_file == plan.scenario_file);
  RC_ASSERT(back->scenario_text == plan.scenario_text);
  RC_ASSERT(back->groups == plan.groups);
  RC_ASSERT(back->faults == plan.faults);
  RC_ASSERT(back->varied == plan.varied);
  RC_ASSERT(to_json(*back) == json);
}

TEST(PlanJson, SaysThatATrialIsUntracedAndComesBackSo) {
  const auto untraced = to_json(drawn(7, 4));
  EXPECT_THAT(untraced, HasSubstr("  \"traced\": false\n}"));
  EXPECT_EQ(to_json(drawn(7)), replaced(untraced, ",\n  \"traced\": false", ""));
  EXPECT_FALSE(plan_from_json(untraced, "plan.json")->traced);
  EXPECT_TRUE(plan_from_json(to_json(drawn(7)), "plan.json")->traced);
  const auto never = replaced(untraced, "command =", "trace = false\\ncommand =");
  EXPECT_FALSE(plan_from_json(replaced(never, ",\n  \"traced\": false", ""), "plan.json")->traced);
  EXPECT_EQ(error_of(replaced(never, "\"traced\": false", "\"traced\": true")),
            "cannot read plan.json: traced: the scenario says trace = false");
}

TEST(PlanJson, ErrorsNameTheirPlace) {
  const auto json = to_json(drawn(7));
  const auto with = [&](std::string_view from, std::string_view to) {
    return error_of(replaced(json, from, to));
  };
  EXPECT_EQ(error_of(json), "no error");
  EXPECT_EQ(with("lastcall-plan", "other"),
            "cannot read plan.json: format: expected \"lastcall-plan\"");
  EXPECT_EQ(with("\"version\": 1", "\"version\": 2"),
            "cannot read plan.json: version: this lastcall reads version 1");
  EXPECT_EQ(with("\"version\": 1", "\"version\": -1"),
            "cannot read plan.json: version: expected a non-negative integer");
  EXPECT_EQ(with("\"seed\": \"0x", "\"sed\": \"0x"),
            "cannot read plan.json: unknown key 'sed'; did you mean 'seed'?");
  EXPECT_EQ(
      with("0x0000000000000007", "7"),
      "cannot read plan.json: seed: expected a seed such as \"0x0123456789abcdef\", found \"7\"");
  EXPECT_EQ(with("\"overrides\": {}", "\"overrides\": {\"20\": {}}"),
            "cannot read plan.json: clients[0].overrides: expected the position of a client, below "
            "20, found '20'");
  EXPECT_EQ(with("\"overrides\": {}", "\"overrides\": {\"7\": {\"absent\": 1}}"),
            "cannot read plan.json: clients[0].overrides.7.absent: expected true or false");
  EXPECT_EQ(with("\"load\"", "\"after\""),
            "cannot read plan.json: faults[0].when.phase: expected one of 'start', 'load', "
            "'drain', found 'after'");
  EXPECT_EQ(with("\"SIGTERM\"", "\"SIGTREM\""),
            "cannot read plan.json: faults[0].signals[0].signal: unknown signal 'SIGTREM'");
  EXPECT_EQ(with("\"to\": \"process\"", "\"to\": \"all\""),
            "cannot read plan.json: faults[0].to: expected one of 'process', 'group', 'child', "
            "'tree', found 'all'");
  EXPECT_EQ(with("\"percent\": 50", "\"percent\": 0"),
            "cannot read plan.json: faults[2].percent: expected a percentage from 1 to 100");
  EXPECT_EQ(
      with("\"^ready\"", "\"(\""),
      "cannot read plan.json: faults[2].when.log: bad regular expression \"(\": missing ): (");
  EXPECT_EQ(with("\"limit\": \"memory\"", "\"limit\": \"time\""),
            "cannot read plan.json: faults[3].limit: expected one of 'descriptors', 'memory', "
            "'disk', 'cpu', found 'time'");
  EXPECT_EQ(with("\"queue\": \"", "\"queue\": \"x"),
            "cannot read plan.json: varied.queue: 'x10' is not one of its values");
  EXPECT_EQ(with("\"clients\": [", "\"clients\": [{}, "),
            "cannot read plan.json: clients: expected at most 1 items, found 2");
  EXPECT_EQ(with("\"faults\": [", "\"faults\": [{}, {}, {}, {}, {}, "),
            "cannot read plan.json: faults: expected at most 9 items, found 10");
  EXPECT_EQ(with("count = 20", "count = 0"),
            "cannot read plan.json: scenario: s.toml:7:9: must be from 1 to 1000000, found 0");
  EXPECT_EQ(error_of("[]"), "cannot read plan.json: expected an object");
}

TEST(PlanJson, TakesHoldsBesidesTheFaultsOfItsScenarioAndNothingElse) {
  auto plan = drawn(7);
  plan.faults.push_back(
      {NthVisit{.function = "push(int)+0x1f", .phase = Phase::drain}, HoldThread{}});
  const auto back = plan_from_json(to_json(plan), "plan.json");
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back->faults, plan.faults);
  plan.faults.push_back(plan.faults.front());
  EXPECT_EQ(
      error_of(to_json(plan)),
      "cannot read plan.json: faults[6]: expected a hold: the scenario has no more than 5 faults");
}

TEST(PlanJson, AHoldFollowsNothingButAFaultAtAFunction) {
  auto plan = drawn(7);
  plan.faults.push_back({NthVisit{.function = "push", .follows = true}, HoldThread{}});
  EXPECT_EQ(error_of(to_json(plan)),
            "cannot read plan.json: faults[5].when.follows: the fault before it is at no function");
}

TEST(PlanJson, TakesNoFileNameThatIsNone) {
  const auto json = to_json(drawn(7));
  const std::string expected =
      "cannot read plan.json: scenario.file: expected the path of a scenario file";
  EXPECT_EQ(error_of(replaced(json, "\"s.toml\"", "\"\"")), expected);
  EXPECT_EQ(error_of(replaced(json, "\"s.toml\"", "\"s\\u0000.toml\"")), expected);
}

TEST(PlanJson, TakesNoValueThatNoScenarioCouldDraw) {
  const auto json = to_json(drawn(7));
  const auto with = [&](std::string_view from, std::string_view to) {
    const auto faults = json.find("\"faults\": [");
    return error_of(json.substr(0, faults) + replaced(json.substr(faults), from, to));
  };
  const std::string read = "cannot read plan.json: faults";
  EXPECT_EQ(with("\"after\": \"0s\"", "\"after\": \"2562047h\""),
            read +
                "[0].signals[0].after: expected a duration such as \"250ms\", found "
                "\"2562047h\"");
  EXPECT_EQ(with("\"after\": \"0s\"", "\"after\": \"1000000h\""),
            read + "[0].signals[0].after: must be at most 24h, found \"1000000h\"");
  EXPECT_EQ(with("\"at_byte\": 0", "\"at_byte\": 18446744073709551615"),
            read + "[2].at_byte: must be from 0 to 1125899906842624, found 18446744073709551615");
  EXPECT_EQ(with("\"value\": 67108864", "\"value\": 1"),
            read + "[3].value: must be from 1048576 to 1125899906842624, found 1");
}

TEST(PlanJson, IsReadFromARegularFileOnly) {
  const testing::ScratchFolder folder;
  EXPECT_TRUE(read_plan(folder.write("plan.json", to_json(drawn(7)))).has_value());
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_plan(folder / "fifo").error().message(),
            "cannot read " + folder / "fifo" + " (it is no regular file)");
}

constexpr std::string_view kCrowd = R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
[[clients]]
url = "ws://127.0.0.1:{port}/"
)";

TEST(PlanJson, OfACrowdAndAMeasuredStopIsPinnedAndComesBack) {
  const auto parsed = parse_scenario(kCrowd, "s.toml");
  const auto json = to_json(draw_plan("s.toml", kCrowd, std::get<Scenario>(parsed), 7));
  EXPECT_EQ(json.substr(json.find("  \"clients\": [")), R"json(  "clients": [
    {
      "seed": "0xe3ae36252c014b24",
      "overrides": {
        "0": {
          "behaviour": "quiet"
        },
        "1": {
          "behaviour": "idle"
        },
        "6": {
          "behaviour": "late"
        },
        "9": {
          "behaviour": "leaves"
        }
      }
    }
  ],
  "faults": [
    {
      "signals": [
        {
          "signal": "SIGTERM",
          "after": "0s"
        }
      ],
      "to": "process",
      "when": {
        "phase": "load",
        "millionths": 350653
      }
    }
  ]
}
)json");
  const auto back = plan_from_json(json, "plan.json");
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), json);
  const auto with = [&](std::string_view from, std::string_view to) {
    return error_of(replaced(json, from, to));
  };
  EXPECT_THAT(with("\"behaviour\": \"", "\"behaviour\": \"x"),
              HasSubstr(".behaviour: expected one of 'steady', 'silent', "));
  EXPECT_EQ(with("\"phase\": \"load\"", "\"phase\": \"drain\""),
            "cannot read plan.json: faults[0].when.phase: expected one of 'load', found 'drain'");
  EXPECT_EQ(with("\"millionths\": ", "\"millionths\": 1"),
            "cannot read plan.json: faults[0].when.millionths: expected an integer from 0 to "
            "999999");
}

constexpr std::string_view kCalls = R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
trace = true
state = "state"
[[clients]]
url = "ws://127.0.0.1:{port}/"
[[faults]]
what = "kill"
when = { syscall = "rename", path = "*.ckpt", nth = "1..30", at = "exit", phase = "load" }
[[faults]]
what = "syscall"
error = "ENOSPC"
count = 2
when = { syscall = "fsync", role = "state" }
[[faults]]
what = "syscall"
delay = "20ms..50ms"
when = { syscall = "accept" }
[[faults]]
what = "syscall"
short_write = true
when = { syscall = "write" }
)";

std::string calls_json() {
  const auto parsed = parse_scenario(kCalls, "s.toml");
  return to_json(draw_plan("s.toml", kCalls, std::get<Scenario>(parsed), 7));
}

TEST(PlanJson, OfFaultsAtSystemCallsIsPinnedAndComesBack) {
  const auto json = calls_json();
  EXPECT_EQ(json.substr(json.find("  \"faults\": [")), R"json(  "faults": [
    {
      "signals": [
        {
          "signal": "SIGKILL",
          "after": "0s"
        }
      ],
      "to": "process",
      "when": {
        "syscall": "rename",
        "path": "*.ckpt",
        "phase": "load",
        "nth": 4,
        "at": "exit"
      }
    },
    {
      "syscall": "error",
      "error": "ENOSPC",
      "count": 2,
      "when": {
        "syscall": "fsync",
        "role": "state",
        "nth": 1,
        "at": "entry"
      }
    },
    {
      "syscall": "delay",
      "for": "38614us",
      "count": 1,
      "when": {
        "syscall": "accept",
        "nth": 1,
        "at": "entry"
      }
    },
    {
      "syscall": "short-write",
      "count": 1,
      "when": {
        "syscall": "write",
        "nth": 1,
        "at": "entry"
      }
    }
  ]
}
)json");
  const auto back = plan_from_json(json, "plan.json");
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(std::get<NthSyscall>(back->faults[0].when).at, CallSide::exit);
  EXPECT_EQ(std::get<DisturbSyscall>(back->faults[1].act).error, ENOSPC);
}

TEST(PlanJson, OfFaultsAtFunctionsComesBack) {
  const std::string scenario = R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
trace = true
[[faults]]
what = "stop"
when = { function = "push", thread = "ping", phase = "load", nth = "2..9", hold = "1ms..8ms" }
[[faults]]
what = "hold"
when = { function = "drain", hold = "5ms" }
)";
  const auto parsed = parse_scenario(scenario, "s.toml");
  const auto json = to_json(draw_plan("s.toml", scenario, std::get<Scenario>(parsed), 7));
  const auto back = plan_from_json(json, "plan.json");
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), json);
  const auto& visit = std::get<NthVisit>(back->faults[0].when);
  EXPECT_EQ(visit.thread, "ping");
  EXPECT_TRUE(visit.nth >= 2 && visit.nth <= 9) << visit.nth;
  EXPECT_TRUE(visit.hold >= std::chrono::milliseconds(1)) << visit.hold.count();
  EXPECT_TRUE(std::holds_alternative<HoldThread>(back->faults[1].act));
  EXPECT_THAT(error_of(replaced(json, R"("function": "drain",)", R"("log": "x",)")),
              HasSubstr("faults[1].when"));
}

TEST(PlanJson, ErrorsOfFaultsAtSystemCallsNameTheirPlace) {
  const auto json = calls_json();
  const auto with = [&](std::string_view from, std::string_view to) {
    const auto faults = json.find("\"faults\": [");
    return error_of(json.substr(0, faults) + replaced(json.substr(faults), from, to));
  };
  const std::string read = "cannot read plan.json: faults";
  EXPECT_EQ(with("\"rename\"", "\"rname\""),
            read + "[0].when.syscall: unknown system call 'rname'");
  EXPECT_EQ(with("\"rename\"", "\"sync\""),
            read + "[0].when.syscall: 'path' does not go with 'sync', which names no file");
  EXPECT_EQ(with("\"ENOSPC\"", "\"ENOSPCC\""), read + "[1].error: unknown error 'ENOSPCC'");
  EXPECT_EQ(with("\"count\": 2", "\"count\": 0"),
            read + "[1].count: must be from 1 to 10000, found 0");
  EXPECT_EQ(with("\"state\"", "\"stat\""),
            read +
                "[1].when.role: expected one of 'listener', 'connection', 'state', 'log', found "
                "'stat'");
  EXPECT_EQ(with("\"write\"", "\"fsync\""),
            read + "[3].when.syscall: 'fsync' does not write what could be cut short");
  EXPECT_EQ(error_of(replaced(json, "trace = true", "trace = false")).substr(0, 38),
            "cannot read plan.json: scenario: s.tom");
}

TEST(PlanJson, SyntaxErrorsHaveTheirLineAndColumn) {
  EXPECT_THAT(error_of(""), HasSubstr("cannot read plan.json: 1:1: "));
  EXPECT_THAT(error_of("{\n  \"a\": x}"), HasSubstr("cannot read plan.json: 2:8: "));
  EXPECT_THAT(error_of(to_json(drawn(7)) + "x"), HasSubstr("extra data"));
  EXPECT_THAT(error_of(std::string(100'000, '[')), HasSubstr("cannot read plan.json: 1:17: "));
}

TEST(PlanJson, CutOrGarbledAnywhereIsReadOrRefusedWithoutACrash) {
  const auto json = to_json(drawn(7));
  for (std::size_t at = 0; at + 2 < json.size(); ++at) {
    EXPECT_NE(error_of(std::string_view(json).substr(0, at)), "no error") << at;
    for (const char c : {'\0', '"', '{', ']', ',', '9', '-', '\\', '\xff'}) {
      auto garbled = json;
      garbled[at] = c;
      (void)error_of(garbled);
    }
  }
}

}  // namespace
}  // namespace lastcall
