#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "reports/reports.hpp"
#include "unit/places.hpp"
#include "unit/reports/every_outcome.hpp"

namespace lastcall {
namespace {

using ::lastcall::testing::every_outcome;
namespace bj = boost::json;

// As much of JSON Schema as report.schema.json uses for the shape; appends what is wrong to
// `problems`.
class Validator {
 public:
  explicit Validator(const bj::value& schema) : root_(schema.as_object()) {}
  std::vector<std::string> check(const bj::value& value) {
    visit(root_, value, "$");
    return problems_;
  }

 private:
  static bool has_type(const bj::value& v, std::string_view type) {
    if (type == "object") return v.is_object();
    if (type == "array") return v.is_array();
    if (type == "string") return v.is_string();
    if (type == "boolean") return v.is_bool();
    if (type == "integer") return v.is_int64() || v.is_uint64();
    return type == "number" && v.is_number();
  }
  void visit(const bj::object& schema, const bj::value& value, const std::string& at) {
    if (const auto* ref = schema.if_contains("$ref")) {
      const std::string_view name = std::string_view(ref->as_string()).substr(8);  // "#/$defs/"
      visit(root_.at("$defs").at(name).as_object(), value, at);
      return;
    }
    if (const auto* type = schema.if_contains("type");
        type != nullptr && !has_type(value, type->as_string())) {
      problems_.push_back(at + ": wrong type");
      return;
    }
    if (const auto* wanted = schema.if_contains("const"); wanted != nullptr && value != *wanted) {
      problems_.push_back(at + ": wrong constant");
    }
    if (const auto* words = schema.if_contains("enum")) {
      if (std::ranges::find(words->as_array(), value) == words->as_array().end())
        problems_.push_back(at + ": no such word");
    }
    if (value.is_array()) {
      for (const auto& item : value.as_array())
        visit(schema.at("items").as_object(), item, at + "[]");
    }
    if (!value.is_object()) return;
    for (const auto& key : schema.at("required").as_array()) {
      if (!value.as_object().contains(key.as_string()))
        problems_.push_back(at + ": lacks " + key.as_string().c_str());
    }
    for (const auto& [key, member] : value.as_object()) {
      const auto* known = schema.at("properties").as_object().if_contains(key);
      const auto path = at + "." + std::string(key);
      if (known == nullptr) {
        problems_.push_back(path + ": unknown");
      } else {
        visit(known->as_object(), member, path);
      }
    }
  }
  bj::object root_;
  std::vector<std::string> problems_;
};

std::vector<std::string> problems(const bj::value& report) {
  std::ifstream in(testing::source_path("reports/report.schema.json"));
  const std::string schema(std::istreambuf_iterator<char>(in), {});
  return Validator(bj::parse(schema)).check(report);
}

TEST(Json, IsWhatItsSchemaSays) {
  EXPECT_EQ(problems(bj::parse(reports::json(every_outcome()))), std::vector<std::string>{});
  EXPECT_EQ(problems(bj::parse(reports::json(CampaignSummary{}))), std::vector<std::string>{});
  auto measured = every_outcome();
  measured.scenarios[0].trials[0].idle_tail = Nanoseconds(5);
  measured.scenarios[0].trials[0].stop_moment = {Phase::load, Nanoseconds(5)};
  measured.scenarios[0].trials[0].idle_waits = {Nanoseconds(5), "server (80) waited"};
  measured.scenarios[0].trials[0].warnings = {"cannot remove /tmp/x"};
  measured.scenarios[0].silent = {{"clients #1", "no client was answered"}};
  measured.scenarios[0].findings[0].consequences = {{"released", "a file is left", {2}}};
  measured.scenarios[0].properties[0].not_judged = {{"sent late", 1}};
  measured.scenarios[0].properties[1].noted = {{"excused by KeyError", 300}};
  EXPECT_EQ(problems(bj::parse(reports::json(measured))), std::vector<std::string>{});
}
TEST(Json, TheSchemaFindsWhatIsWrong) {
  auto report = bj::parse(reports::json(every_outcome())).as_object();
  report["seed"] = 1;
  report["version"] = 2;
  report["more"] = "x";
  report.erase("results");
  EXPECT_EQ(problems(report).size(), 4U);
}
TEST(Json, KeepsEveryNumberExactAndEveryTextValid) {
  const auto report = bj::parse(reports::json(every_outcome()));
  const auto& trial = report.at("scenarios").at(0).at("trials").at(1);
  EXPECT_EQ(trial.at("seed"), "18446744073709551615");
  EXPECT_EQ(trial.at("verdicts").at(1).at("outcome"), "fail");
  EXPECT_EQ(trial.at("verdicts").at(1).at("reason"), "exit 1 after SIGTERM <\x01&\xEF\xBF\xBD>");
  EXPECT_EQ(report.at("scenarios").at(0).at("properties").at(1).at("verdict"), "off");
}

}  // namespace
}  // namespace lastcall
