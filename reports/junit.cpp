#include <array>
#include <cstdio>
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

struct Totals {
  unsigned tests = 0;
  unsigned failures = 0;
  unsigned errors = 0;
  unsigned skipped = 0;
};

pugi::xml_node add_case(pugi::xml_node suite, const std::string& scenario, const std::string& name,
                        Totals& totals) {
  auto node = suite.append_child("testcase");
  node.append_attribute("classname") = xml_text(scenario).c_str();
  node.append_attribute("name") = xml_text(name).c_str();
  ++totals.tests;
  return node;
}

void add_outcome(pugi::xml_node node, const char* kind, const std::string& message,
                 const std::string& body = "") {
  auto outcome = node.append_child(kind);
  outcome.append_attribute("message") = xml_text(message).c_str();
  if (!body.empty()) outcome.text() = xml_text(body).c_str();
}

void add_property(pugi::xml_node suite, const CampaignSummary& campaign,
                  const ScenarioSummary& scenario, const PropertySummary& property,
                  Totals& totals) {
  auto node = add_case(suite, scenario.scenario, property.name, totals);
  const auto verdict = word(property);
  const auto why = reason(property).empty() ? "" : ": " + reason(property);
  if (verdict == "fail") {
    ++totals.failures;
    std::string body = bound(property) + "\n";
    const auto& trials = property.failing_trials;
    for (const auto& failure : failures(campaign, scenario, trials)) {
      body += "trial " + label(failure) + ": " +
              (failure.replay.empty() ? "not kept" : failure.replay) + "\n";
    }
    if (const auto more = more_failures(trials); !more.empty()) body += more + "\n";
    add_outcome(node, "failure", failure_reason(scenario, property), body);
  } else if (verdict == "unknown") {
    ++totals.errors;
    add_outcome(node, "error", "unknown: " + property.first_reason);
  } else if (verdict != "pass" && property.required) {
    ++totals.errors;
    add_outcome(node, "error", "required, but " + std::string(verdict) + why);
  } else if (verdict == "off") {
    ++totals.skipped;
    add_outcome(node, "skipped", "switched off: " + property.switched_off);
  } else if (verdict != "pass") {
    ++totals.skipped;
    add_outcome(node, "skipped", std::string(verdict) + why);
  }
}

void add_totals(pugi::xml_node suite, const Totals& totals) {
  suite.append_attribute("tests") = totals.tests;
  suite.append_attribute("failures") = totals.failures;
  suite.append_attribute("errors") = totals.errors;
  suite.append_attribute("skipped") = totals.skipped;
}

}  // namespace

std::string junit(const CampaignSummary& campaign) {
  pugi::xml_document document;
  auto declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  auto suites = document.append_child("testsuites");
  suites.append_attribute("name") = "lastcall";
  for (const auto& scenario : campaign.scenarios) {
    auto suite = suites.append_child("testsuite");
    suite.append_attribute("name") = xml_text(scenario.scenario).c_str();
    suite.append_attribute("timestamp") = xml_text(campaign.started_utc).c_str();
    Nanoseconds duration{};
    for (const auto& trial : scenario.trials) duration += trial.duration;
    suite.append_attribute("time") = seconds(duration).c_str();
    Totals totals;
    for (const auto& property : scenario.properties) {
      add_property(suite, campaign, scenario, property, totals);
    }
    for (const auto& silent : scenario.silent) {
      auto node = add_case(suite, scenario.scenario, silent.group, totals);
      ++totals.errors;
      add_outcome(node, "error", "nothing was heard: " + silent.what);
    }
    for (const auto* trial : broken_trials(scenario)) {
      auto node =
          add_case(suite, scenario.scenario, "trial " + std::to_string(trial->number), totals);
      ++totals.errors;
      add_outcome(node, "error", "the harness or its environment broke: " + trial->broken);
    }
    add_totals(suite, totals);
  }
  if (!campaign.broken.empty()) {
    auto suite = suites.append_child("testsuite");
    suite.append_attribute("name") = "lastcall";
    Totals totals;
    add_outcome(add_case(suite, "lastcall", "campaign", totals), "error",
                "the harness or its environment broke: " + campaign.broken);
    ++totals.errors;
    add_totals(suite, totals);
  }
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace lastcall::reports
