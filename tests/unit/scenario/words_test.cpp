// Durations, names and placeholders: the words that scenario files are made of.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <csignal>

#include "base/text.hpp"
#include "scenario/placeholders.hpp"
#include "scenario/words.hpp"

namespace lastcall {
namespace {

TEST(Durations, AreExact) {
  EXPECT_EQ(parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(parse_duration("1.5s"), std::chrono::milliseconds(1500));
  EXPECT_EQ(parse_duration("0.000000001s"), Nanoseconds(1));
  EXPECT_EQ(parse_duration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("1h"), std::chrono::hours(1));
  EXPECT_EQ(format_duration(std::chrono::milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(Nanoseconds(0)), "0s");
  EXPECT_EQ(format_duration(std::chrono::hours(24)), "24h");
}

TEST(Durations, NothingElseIsOne) {
  for (const char* text :
       {"", "s", "1", "1 s", " 1s", "1s ", "-1s", "+1s", "1.s", ".5s", "0.5ns", "1.1111111111s",
        "1S", "1e3s", "99999999999999999999s", "9999999999h", "0x1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(Durations, SurviveBeingWritten, ()) {
  const auto duration = Nanoseconds(*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 46));
  RC_ASSERT(parse_duration(format_duration(duration)) == duration);
}

RC_GTEST_PROP(Durations, ArbitraryTextIsReadOrRefused, (const std::string& text)) {
  (void)parse_duration(text);
  (void)parse_duration_range(text);
  (void)parse_count_range(text);
  (void)port_problem(text);
}

TEST(Names, TheNearestIsFoundOnlyIfItIsNear) {
  const std::vector<std::string> names{"command", "directory", "ready"};
  EXPECT_EQ(nearest_name("comand", names), "command");
  EXPECT_EQ(nearest_name("redy", names), "ready");
  EXPECT_EQ(nearest_name("xyz", names), std::nullopt);
  EXPECT_EQ(nearest_name("", names), std::nullopt);
  EXPECT_EQ(nearest_name("command", {}), std::nullopt);
}

TEST(Names, EverySignalHasOneAndComesBack) {
  EXPECT_EQ(signal_number("SIGTERM"), SIGTERM);
  EXPECT_EQ(signal_number("TERM"), std::nullopt);
  EXPECT_EQ(signal_names().size(), 31U);
  for (const auto& name : signal_names()) EXPECT_EQ(signal_name(signal_number(name).value()), name);
}

TEST(Names, InMessagesAreShortAndOnOneLine) {
  EXPECT_EQ(in_quotes("a\nb"), "\"a?b\"");
  EXPECT_EQ(in_quotes(std::string(59, 'x') + "é" + "tail"), "\"" + std::string(59, 'x') + "…\"");
}

TEST(Placeholders, AreBracedLowerCaseWords) {
  EXPECT_EQ(placeholders_in("{port} {port.tls}{{dir}} {X} {} { a } {a.} {.a} {1} {a.b.c} {"),
            (std::vector<std::string>{"port", "port.tls", "dir"}));
  EXPECT_TRUE(is_known_placeholder("port.anything"));
  EXPECT_TRUE(is_known_placeholder("tls.key"));
  EXPECT_FALSE(is_known_placeholder("tls"));
  EXPECT_EQ(placeholder_problem("{dir} {X}"), "");
  EXPECT_EQ(placeholder_problem("{dir} {clint}"),
            "unknown placeholder {clint}; did you mean {client}?");
}

TEST(Placeholders, AreFilledInWhereThereIsAValue) {
  EXPECT_EQ(expand_placeholders("a{dir}b{dir}{x}{ {", {{"dir", "/{dir}"}}), "a/{dir}b/{dir}{x}{ {");
}

}  // namespace
}  // namespace lastcall
