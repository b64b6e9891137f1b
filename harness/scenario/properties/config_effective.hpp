// config-effective: what a scenario can say about it. checkers/config_effective.cpp judges it.
#pragma once

#include <algorithm>

#include "scenario/property.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall::property {

struct ConfigEffective {
  static constexpr std::string_view kName = "config-effective";
  static constexpr std::string_view kHoldsWhen =
      "a setting that the scenario varies changes what it is said to change";
  static constexpr std::string_view kCannotSee = "an effect outside the lines that are looked at";
  static const Checker kChecker;

  std::string setting;                        // the name of a [[target.vary]]
  std::string url;                            // empty: the target's output shows it
  std::map<std::string, std::string> expect;  // value to regular expression

  static auto keys() {
    return std::tuple{
        Setting{{.name = "setting",
                 .kind = Kind::plain,
                 .about = "The name of a [[target.vary]]. Without it nothing is judged.",
                 .low = 1},
                &ConfigEffective::setting},
        Setting{{.name = "url",
                 .kind = Kind::url,
                 .about = "A URL whose answer, before the stop, shows the setting. Default: the "
                          "target's output.",
                 .choices = {"http", "https"}},
                &ConfigEffective::url},
        Setting{
            {.name = "expect",
             .kind = Kind::pattern,
             .shape = Shape::map,
             .about = "For each value a regular expression. A line must match it when that value "
                      "was drawn, and only then.",
             .low = 1},
            &ConfigEffective::expect}};
  }

  // The setting that is watched varies, and every value of it has its expectation.
  void validate(const Section& section, const Scenario& scenario, Errors& errors) const {
    if (section.has("setting") != section.has("expect"))
      errors.add(section.place(), "'setting' and 'expect' go together");
    if (!section.has("setting") || !section.has("expect") || !section.sound("expect")) return;
    const auto vary = std::ranges::find(scenario.target.vary, setting, &Vary::name);
    if (vary == scenario.target.vary.end()) {
      errors.add(section.place("setting"),
                 "no [[target.vary]] has the name " + in_single_quotes(setting));
      return;
    }
    for (const auto& value : vary->values) {
      if (expect.contains(value)) continue;
      errors.add(section.place("expect"),
                 "nothing is expected for the value " + in_single_quotes(value));
    }
  }
};

}  // namespace lastcall::property
