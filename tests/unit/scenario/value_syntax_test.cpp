// Ranges, names and placeholders: the words that scenario files are made of.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/signal_names.hpp"
#include "scenario/placeholders.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

RC_GTEST_PROP(Ranges, ArbitraryTextIsReadOrRefused, (const std::string& text)) {
  (void)parse_duration_range(text);
  (void)parse_count_range(text);
  (void)port_problem(text);
}

TEST(Names, EverySignalHasOneAndComesBack) {
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

TEST(Lengths, CountFromTheBodyToTheEnd) {
  EXPECT_EQ(fill_lengths("{length}:{body}hello{end},"), "5:hello,");
  EXPECT_EQ(fill_lengths("*2\r\n${length}\r\n{body}GET{end}\r\n${length}\r\n{body}a{end}\r\n"),
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
  EXPECT_EQ(fill_lengths("{length} {body}é"), "2 é") << "bytes, not characters";
  EXPECT_EQ(fill_lengths("no length {here}"), "no length {here}");
}
TEST(Lengths, CountFromTheBlankLineElse) {
  EXPECT_EQ(fill_lengths("POST / HTTP/1.1\r\nContent-Length: {length}\r\nA: b\r\n\r\n{}\r\n\r\n"),
            "POST / HTTP/1.1\r\nContent-Length: 6\r\nA: b\r\n\r\n{}\r\n\r\n");
  EXPECT_EQ(fill_lengths("Content-Length: {length}\n\nabc{end}tail"),
            "Content-Length: 3\n\nabctail");
}
TEST(Lengths, CountFromThemselvesElse) {
  EXPECT_EQ(fill_lengths("{length} abc\r\n"), "6 abc\r\n");
  EXPECT_EQ(fill_lengths("{length}"), "0");
  // The outer one counts the inner one too.
  EXPECT_EQ(fill_lengths("{length}<{length}{end}abc"), "2<0abc");
}
TEST(Lengths, AreDigitsOrFourBytes) {
  EXPECT_EQ(fill_lengths("{length.be32}" + std::string(258, 'x')),
            std::string("\0\0\1\2", 4) + std::string(258, 'x'));
  EXPECT_EQ(fill_lengths("{length.le32}" + std::string(258, 'x')),
            std::string("\2\1\0\0", 4) + std::string(258, 'x'));
}
TEST(Lengths, WhatGoesWithThemComesAfterThem) {
  EXPECT_EQ(length_problem("{length}:{body}x{end},"), "");
  EXPECT_EQ(length_problem("{length}x{length}y"), "");
  EXPECT_EQ(length_problem("{body}x"), "{body} goes with a {length} before it");
  EXPECT_EQ(length_problem("{length}x{end}y{end}"), "{end} goes with a {length} before it");
}

TEST(Headers, HaveNamesThatARequestMayCarry) {
  for (const char* name : {"Content-Type", "X-Request-Id", "authorization", "Host", "a1!#~"})
    EXPECT_EQ(header_name_problem(name), "") << name;
  for (const char* name :
       {"", "a b", "a:", "a\r\nb", "é", "Content-Length", "connection", "UPGRADE",
        "Transfer-Encoding", "Sec-WebSocket-Key", "sec-websocket-protocol"})
    EXPECT_NE(header_name_problem(name), "") << name;
}
TEST(Headers, HaveValuesThatDoNotEndTheRequest) {
  for (const char* value : {"", "a", "a b\tc", "Bearer {seed}", "é"})
    EXPECT_EQ(header_value_problem(value), "") << value;
  for (const char* value : {"a\r\nB: c", "a\nb", "a\rb", " a", "a ", "\x7f", "\x01"})
    EXPECT_NE(header_value_problem(value), "") << value;
}

TEST(Placeholders, AreFilledInWhereThereIsAValue) {
  EXPECT_EQ(expand_placeholders("a{dir}b{dir}{x}{ {", {{"dir", "/{dir}"}}), "a/{dir}b/{dir}{x}{ {");
}

}  // namespace
}  // namespace lastcall
