// The committed JSON Schema is the one that the parser's own table gives, and its patterns say what
// the parser says.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/durations.hpp"
#include "scenario/parse.hpp"
#include "scenario/value_syntax.hpp"
#include "unit/places.hpp"

namespace lastcall {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool matches(std::string_view pointer, const std::string& text) {
  const auto schema = boost::json::parse(scenario_schema());
  const std::string pattern(schema.at_pointer(pointer).as_string());
  return std::regex_search(text, std::regex(pattern));  // ECMAScript, as JSON Schema has it
}

TEST(Schema, TheCommittedFileIsUpToDate) {
  EXPECT_EQ(contents(testing::source_path("scenarios/scenario.schema.json")), scenario_schema());
}

TEST(Schema, IsTheSameEveryTime) { EXPECT_EQ(scenario_schema(), scenario_schema()); }

TEST(Schema, AgreesWithTheParserOnDurations) {
  for (const char* text :
       {"1s", "1.5ms", "0s", "-1s", "", "5", "s", "1 s", "1..2s", "1.s", ".5s", "2h", "1e3s"}) {
    EXPECT_EQ(matches("/$defs/duration/pattern", text), parse_duration(text).has_value()) << text;
  }
  for (const char* text :
       {"1s", "0ms..2s", "0ms..", "..2s", "1s...2s", "1.5s..2.5s", "1s..2s..3s", "1..2s"}) {
    EXPECT_EQ(matches("/$defs/duration_range/pattern", text),
              parse_duration_range(text).has_value())
        << text;
  }
}

TEST(Schema, AgreesWithTheParserOnUrls) {
  constexpr std::string_view kSchemes[] = {"ws", "wss", "http", "https", "tcp", "tls"};
  for (const char* text :
       {"ws://127.0.0.1:{port}/", "wss://localhost", "http://[::1]:{port.tls}/x?y#z",
        "https://127.0.0.1:80", "http://127.0.0.1:0/", "http://127.0.0.1:{dir}/",
        "http://10.0.0.1/", "ftp://127.0.0.1/", "http:/127.0.0.1/", "http://127.0.0.1/a b",
        "http://localhost.evil/", "http://127.0.0.1:/", "http://127.0.0.1?x"}) {
    EXPECT_EQ(matches("/properties/clients/items/properties/url/pattern", text),
              url_problem(text, kSchemes).empty())
        << text;
  }
}

TEST(Schema, AgreesWithTheParserOnPathsAndPorts) {
  for (const char* text :
       {"a", "a/b.conf", "..a", "a..", ".a", "/a", "../a", "a/../b", "a/..", "./a", "a/", ""}) {
    EXPECT_EQ(matches("/properties/target/properties/files/propertyNames/pattern", text),
              path_problem(text).empty())
        << text;
  }
  for (const char* text :
       {"{port}", "{port.tls}", "80", "0", "", "{dir}", "x{port}", "{port}{port}", "123456"}) {
    EXPECT_EQ(matches("/properties/target/properties/ready/properties/port/anyOf/0/pattern", text),
              port_problem(text).empty())
        << text;
  }
}

TEST(Schema, AgreesWithTheParserOnHeadersAndPointers) {
  const std::string headers = "/properties/clients/items/properties/headers/";
  for (const char* name : {"Content-Type", "a b", "", "x!", "a:b", "a\r\nb"})
    EXPECT_EQ(matches(headers + "propertyNames/pattern", name), header_name_problem(name).empty())
        << name;
  for (const char* value : {"a", "", "a b", " a", "a ", "a\r\nb", "a\tb", "\x7f", "x"}) {
    EXPECT_EQ(matches(headers + "additionalProperties/pattern", value),
              header_value_problem(value).empty())
        << value;
  }
  for (const char* pointer : {"", "/", "/a/b", "a", "/~0~1", "/~", "/~2"}) {
    EXPECT_EQ(
        matches("/properties/clients/items/properties/id_from/properties/json/pattern", pointer),
        pointer_problem(pointer).empty())
        << pointer;
  }
}

}  // namespace
}  // namespace lastcall
