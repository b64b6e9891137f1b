#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <iterator>
#include <pugixml.hpp>
#include <sstream>

#include "history/utf8.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

// XML 1.0 forbids most control characters, and U+FFFE and U+FFFF, even escaped (section 2.2).
std::string xml_text(const std::string& bytes) {
  std::string text = valid_utf8(bytes);
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') c = '?';
  }
  for (const std::string_view forbidden : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    for (auto at = text.find(forbidden); at != std::string::npos; at = text.find(forbidden, at)) {
      text.replace(at, forbidden.size(), "\xEF\xBF\xBD");
    }
  }
  return text;
}

std::string seconds(Nanoseconds duration) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", std::chrono::duration<double>(duration).count());
  return text.data();
}

// Windy Road's schema takes none with a time zone; it is UTC.
std::string timestamp(std::string utc) {
  if (utc.ends_with('Z')) utc.pop_back();
  return utc.empty() ? "1970-01-01T00:00:00" : utc;
}

// What stands in the attributes of a suite is a token there: not empty, no blanks at its ends.
std::string token(const std::string& bytes, const std::string& otherwise) {
  const auto text = xml_text(bytes);
  return text.find_first_not_of(" \t\r\n") == std::string::npos ? otherwise : text;
}

struct Totals {
  unsigned tests = 0;
  unsigned failures = 0;
  unsigned errors = 0;
  unsigned skipped = 0;
};

pugi::xml_node add_case(pugi::xml_node suite, const std::string& scenario, const std::string& name,
                        Totals& totals) {
  auto node = suite.append_child("testcase");
  node.append_attribute("classname") = token(scenario, "lastcall").c_str();
  node.append_attribute("name") = xml_text(name).c_str();
  node.append_attribute("time") = "0.000";
  ++totals.tests;
  return node;
}

void add_outcome(pugi::xml_node node, const char* kind, const std::string& type,
                 const std::string& message, const std::string& body = "") {
  auto outcome = node.append_child(kind);
  outcome.append_attribute("message") = xml_text(message).c_str();
  outcome.append_attribute("type") = type.c_str();
  if (!body.empty()) outcome.text() = xml_text(body).c_str();
}

// The stacks among the events that prove the failure in its first trial.
std::string stacks(const ScenarioSummary& scenario, const PropertySummary& property) {
  if (property.failing_trials.empty()) return "";
  const auto trial =
      std::ranges::find(scenario.trials, property.failing_trials.front(), &TrialSummary::number);
  if (trial == scenario.trials.end()) return "";
  std::string text;
  for (const auto& verdict : trial->verdicts) {
    if (verdict.property != property.name) continue;
    for (const auto& line : verdict.evidence_text) {
      boost::system::error_code ec;
      const auto event = boost::json::parse(line, ec);
      if (ec || !event.is_object()) continue;
      for (const auto* key : {"text", "stack", "writer", "closer"}) {
        const auto* stack = event.as_object().if_contains(key);
        if (stack != nullptr && stack->is_string() && !stack->as_string().empty())
          text += "\n" + std::string(stack->as_string()) + "\n";
      }
    }
  }
  return text;
}

// What the reader of a failing case needs: how often, what followed, how to see it again, stacks.
std::string explanation(const CampaignSummary& campaign, const ScenarioSummary& scenario,
                        const PropertySummary& property) {
  std::string body = bound(property) + "\n";
  for (const auto& finding : scenario.findings) {
    const auto also = finding.property == property.name ? consequences(finding) : "";
    if (!also.empty()) body += "also failed, as a consequence: " + also + "\n";
  }
  const auto& trials = property.failing_trials;
  for (const auto& failure : failures(campaign, scenario, trials)) {
    body += "trial " + label(failure) + ": " +
            (failure.replay.empty() ? "not kept" : failure.replay) + "\n";
  }
  if (const auto more = more_failures(trials); !more.empty()) body += more + "\n";
  return body + stacks(scenario, property);
}

void add_property(pugi::xml_node suite, const CampaignSummary& campaign,
                  const ScenarioSummary& scenario, const PropertySummary& property,
                  Totals& totals) {
  auto node = add_case(suite, scenario.scenario, property.name, totals);
  const auto verdict = word(property);
  const auto why = reason(property).empty() ? "" : ": " + reason(property);
  if (verdict == "fail") {
    ++totals.failures;
    add_outcome(node, "failure", property.name, failure_reason(scenario, property),
                explanation(campaign, scenario, property));
  } else if (verdict == "unknown") {
    ++totals.errors;
    add_outcome(node, "error", "unknown", "unknown: " + property.first_reason);
  } else if (verdict != "pass" && property.required) {
    ++totals.errors;
    add_outcome(node, "error", "not-judged", "required, but " + std::string(verdict) + why);
  } else if (verdict == "off") {
    ++totals.skipped;
    add_outcome(node, "skipped", "off", "switched off: " + property.switched_off);
  } else if (verdict != "pass") {
    ++totals.skipped;
    add_outcome(node, "skipped", std::string(verdict), std::string(verdict) + why);
  }
}

// A suite as both schemas want it: its attributes, what the campaign was, then the cases, which
// `add_cases` adds.
template <class AddCases>
void add_suite(pugi::xml_node suites, const CampaignSummary& campaign, const std::string& name,
               Nanoseconds duration, AddCases&& add_cases) {
  auto suite = suites.append_child("testsuite");
  suite.append_attribute("name") = token(name, "lastcall").c_str();
  suite.append_attribute("package") = "lastcall";
  suite.append_attribute("id") =
      static_cast<int>(std::ranges::distance(suites.children("testsuite")) - 1);
  suite.append_attribute("timestamp") = xml_text(timestamp(campaign.started_utc)).c_str();
  suite.append_attribute("hostname") = token(campaign.host, "localhost").c_str();
  suite.append_attribute("time") = seconds(duration).c_str();
  auto properties = suite.append_child("properties");
  for (const auto& [key, value] : {std::pair{"lastcall", campaign.lastcall_version},
                                   {"seed", std::to_string(campaign.seed)},
                                   {"results", campaign.results}}) {
    auto property = properties.append_child("property");
    property.append_attribute("name") = key;
    property.append_attribute("value") = xml_text(value).c_str();
  }
  Totals totals;
  add_cases(suite, totals);
  suite.append_attribute("tests") = totals.tests;
  suite.append_attribute("failures") = totals.failures;
  suite.append_attribute("errors") = totals.errors;
  suite.append_attribute("skipped") = totals.skipped;
  suite.append_child("system-out");
  suite.append_child("system-err");
}

// Every property is judged over all trials: each has an equal share of their time, so that a
// reader who adds up the cases gets the suite's.
void share_time(pugi::xml_node suite, Nanoseconds duration, std::size_t cases) {
  if (cases == 0) return;
  for (auto node : suite.children("testcase")) {
    if (node.child("skipped")) continue;
    node.attribute("time") = seconds(duration / static_cast<std::int64_t>(cases)).c_str();
  }
}

void add_scenario(pugi::xml_node suites, const CampaignSummary& campaign,
                  const ScenarioSummary& scenario) {
  Nanoseconds duration{};
  for (const auto& trial : scenario.trials) duration += trial.duration;
  add_suite(
      suites, campaign, scenario.scenario, duration, [&](pugi::xml_node suite, Totals& totals) {
        for (const auto& property : scenario.properties)
          add_property(suite, campaign, scenario, property, totals);
        for (const auto& silent : scenario.silent) {
          auto node = add_case(suite, scenario.scenario, silent.group, totals);
          ++totals.errors;
          add_outcome(node, "error", "silent", "nothing was heard: " + silent.what);
        }
        for (const auto* trial : broken_trials(scenario)) {
          auto node =
              add_case(suite, scenario.scenario, "trial " + std::to_string(trial->number), totals);
          ++totals.errors;
          add_outcome(node, "error", "broken",
                      "the harness or its environment broke: " + trial->broken);
        }
        share_time(suite, duration, totals.tests - totals.skipped);
      });
}

}  // namespace

std::string junit(const CampaignSummary& campaign) {
  pugi::xml_document document;
  auto declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  auto suites = document.append_child("testsuites");
  for (const auto& scenario : campaign.scenarios) add_scenario(suites, campaign, scenario);
  if (!campaign.broken.empty()) {
    add_suite(suites, campaign, "lastcall", campaign.duration,
              [&](pugi::xml_node suite, Totals& totals) {
                ++totals.errors;
                add_outcome(add_case(suite, "lastcall", "campaign", totals), "error", "broken",
                            "the harness or its environment broke: " + campaign.broken);
              });
  }
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace lastcall::reports
