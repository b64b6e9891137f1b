#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "base/durations.hpp"
#include "history/utf8.hpp"
#include "reports/gate.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace comparison {
namespace {

namespace bj = boost::json;

bj::value text_value(std::string_view bytes) { return bj::value(valid_utf8(bytes)); }

// "0.0031"; "<0.0001" below.
std::string p_value(double p) {
  if (p < 1e-4) return "<0.0001";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2g", p);
  return text.data();
}

// "3 of 50 (1.2 % to 16 %)"
std::string rate(const Rate& rate) {
  if (rate.counts.trials == 0) return "not judged";
  return std::to_string(rate.counts.failures) + " of " + std::to_string(rate.counts.trials) + " (" +
         percent(rate.interval.low, Rounding::down) + " to " +
         percent(rate.interval.high, Rounding::up) + ")";
}

// "812 ms, 95 % within 1.2 s (50 stops)"
std::string times(const TimesToExit& times) {
  if (times.trials == 0) return "no stop";
  return human_duration(times.median) + ", 95 % within " + human_duration(times.p95) + " (" +
         counted(times.trials, "stop") + ")";
}

std::string kind(const TimesComparison& times) {
  if (!times.traced) return "";
  return *times.traced ? ", traced trials" : ", untraced trials";
}

std::string change(Change change) {
  return change == Change::none ? "no difference shown" : std::string(name(change));
}

std::string time_change(const TimesComparison& times) {
  if (times.base.trials == 0 || times.head.trials == 0) return "not compared";
  if (times.change == Change::none) return "no difference shown";
  return times.change == Change::worse ? "slower" : "faster";
}

bool is_tested(const PropertyComparison& one) {
  return one.base.counts.trials > 0 && one.head.counts.trials > 0;
}

// "p = 0.0031, corrected 0.04"
std::string level(double p, double corrected) {
  return "p = " + p_value(p) + ", corrected " + p_value(corrected);
}

// What is worth a line where there are many: it changed, or failed on one side.
bool is_shown(const PropertyComparison& one) {
  return one.change != Change::none || one.base.counts.failures + one.head.counts.failures > 0;
}

std::string summary_line(const Comparison& comparison) {
  std::array<std::uint64_t, 5> properties{};
  std::uint64_t slower = 0;
  std::uint64_t faster = 0;
  for (const auto& scenario : comparison.scenarios) {
    for (const auto& one : scenario.properties) ++properties[static_cast<std::size_t>(one.change)];
    slower += scenario.times.change == Change::worse ? 1 : 0;
    faster += scenario.times.change == Change::better ? 1 : 0;
  }
  const auto of = [&](Change change) {
    return std::to_string(properties[static_cast<std::size_t>(change)]);
  };
  return "properties: " + of(Change::worse) + " worse, " + of(Change::better) + " better, " +
         of(Change::is_new) + " new, " + of(Change::gone) + " gone, " + of(Change::none) +
         " without a difference shown; stops: slower in " + counted(slower, "scenario") +
         ", faster in " + std::to_string(faster);
}

std::string method_line(const Comparison& comparison) {
  return "Intervals at 95 % (Clopper and Pearson); rates by Fisher's exact test, times by Mann and "
         "Whitney's rank test, corrected by Holm for " +
         std::to_string(comparison.properties_tested) + " rates and " +
         std::to_string(comparison.times_tested) +
         " times. No difference shown does not mean that "
         "there is none.";
}

std::string scenario_title(const ScenarioComparison& scenario) {
  std::string title = scenario.scenario;
  if (scenario.change != Change::none) title += " (" + std::string(name(scenario.change)) + ")";
  if (scenario.scenario_differs) title += " (the scenario itself was changed)";
  return title;
}

bj::object json_of(const Rate& rate) {
  return {{"failures", rate.counts.failures},
          {"trials", rate.counts.trials},
          {"low", rate.interval.low},
          {"high", rate.interval.high}};
}

bj::object json_of(const TimesToExit& times) {
  return {{"trials", times.trials},
          {"median_ns", times.median.count()},
          {"p95_ns", times.p95.count()},
          {"longest_ns", times.longest.count()}};
}

bj::object json_of(const PropertyComparison& one) {
  return {{"property", text_value(one.property)},
          {"base", json_of(one.base)},
          {"head", json_of(one.head)},
          {"change", name(one.change)},
          {"p", one.p},
          {"corrected_p", one.corrected},
          {"new_reason", text_value(one.new_reason)}};
}

bj::object json_of(const TimesComparison& times) {
  return {{"base", json_of(times.base)},
          {"head", json_of(times.head)},
          {"traced", times.traced ? bj::value(*times.traced) : bj::value()},
          {"change", name(times.change)},
          {"p", times.p},
          {"corrected_p", times.corrected},
          {"head_larger", times.head_larger}};
}

bj::object json_of(const ScenarioComparison& scenario) {
  bj::array properties;
  for (const auto& one : scenario.properties) properties.push_back(json_of(one));
  return {{"scenario", text_value(scenario.scenario)},
          {"change", name(scenario.change)},
          {"scenario_differs", scenario.scenario_differs},
          {"properties", std::move(properties)},
          {"time_to_exit", json_of(scenario.times)}};
}

// In a cell of a table nothing ends the cell, and nothing is markup.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (std::string_view("|\\`*_<>[]&").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace
}  // namespace comparison

std::string comparison_text(const Comparison& compared, const Compared& names) {
  using namespace comparison;
  std::string text =
      printable("base: " + names.base) + "\n" + printable("head: " + names.head) + "\n";
  for (const auto& scenario : compared.scenarios) {
    text += "\n" + printable(scenario_title(scenario)) + "\n";
    std::uint64_t alike = 0;
    for (const auto& one : scenario.properties) {
      if (!is_shown(one)) {
        ++alike;
        continue;
      }
      text += printable("  " + one.property + ": " + change(one.change) + ", base " +
                        rate(one.base) + ", head " + rate(one.head) +
                        (is_tested(one) ? "; " + level(one.p, one.corrected) : "")) +
              "\n";
      if (!one.new_reason.empty()) text += printable("    new: " + one.new_reason) + "\n";
    }
    if (alike > 0)
      text += "  " + std::to_string(alike) + (alike == 1 ? " property" : " properties") +
              " without a failure on either side\n";
    const auto& stops = scenario.times;
    text += "  time to exit" + kind(stops) + ": " + time_change(stops) + ", base " +
            times(stops.base) + ", head " + times(stops.head) +
            (stops.base.trials > 0 && stops.head.trials > 0 ? "; " + level(stops.p, stops.corrected)
                                                            : "") +
            "\n";
  }
  return text + "\n" + summary_line(compared) + "\n" + method_line(compared) + "\n";
}

std::string comparison_json(const Comparison& compared, const Compared& names, int exit_code) {
  using namespace comparison;
  bj::array scenarios;
  for (const auto& scenario : compared.scenarios) scenarios.push_back(json_of(scenario));
  return bj::serialize(bj::object{{"format", "lastcall-comparison"},
                                  {"version", 1},
                                  {"base", text_value(names.base)},
                                  {"head", text_value(names.head)},
                                  {"exit_code", exit_code},
                                  {"properties_tested", compared.properties_tested},
                                  {"times_tested", compared.times_tested},
                                  {"scenarios", std::move(scenarios)}}) +
         "\n";
}

std::string comparison_markdown(const Comparison& compared, const Compared& names) {
  using namespace comparison;
  std::string text = "**" + summary_line(compared) + "**\n\nbase: " + cell(names.base) +
                     "; head: " + cell(names.head) + "\n";
  for (const auto& scenario : compared.scenarios) {
    text += "\n### " + cell(scenario_title(scenario)) +
            "\n\n| | change | base | head | p, corrected |\n| --- | --- | --- | --- | --- |\n";
    for (const auto& one : scenario.properties) {
      if (!is_shown(one)) continue;
      text += "| " + cell(one.property) + " | " + change(one.change) + " | " + rate(one.base) +
              " | " + rate(one.head) + " | " +
              (is_tested(one) ? cell(p_value(one.corrected)) : "") + " |\n";
    }
    const auto& stops = scenario.times;
    text += "| time to exit" + kind(stops) + " | " + time_change(stops) + " | " +
            times(stops.base) + " | " + times(stops.head) + " | " +
            (stops.base.trials > 0 && stops.head.trials > 0 ? cell(p_value(stops.corrected)) : "") +
            " |\n";
  }
  return text + "\n" + method_line(compared) + "\n";
}

}  // namespace lastcall::reports
