#include <algorithm>
#include <array>
#include <cstdio>

#include "history/utf8.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

// OpenMetrics, "ABNF": in a label's value a backslash, a quote and a line feed are escaped.
std::string label_value(std::string_view bytes) {
  std::string text;
  for (const char c : valid_utf8(bytes)) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

std::string sample(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}

double in_seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

using Labels = std::vector<std::pair<std::string, std::string>>;

// One metric: all its samples stand together.
class Family {
 public:
  Family(std::string name, const std::string& help) : name_(std::move(name)) {
    text_ = "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " gauge\n";
  }
  void add(const Labels& labels, double value) {
    text_ += name_;
    for (std::size_t i = 0; i < labels.size(); ++i)
      text_ +=
          (i == 0 ? "{" : ",") + labels[i].first + "=\"" + label_value(labels[i].second) + "\"";
    text_ += (labels.empty() ? " " : "} ") + sample(value) + "\n";
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string name_;
  std::string text_;
};

template <class Add>
void each_property(const CampaignSummary& campaign, Add&& add) {
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& property : scenario.properties)
      add(Labels{{"scenario", scenario.scenario}, {"property", property.name}}, property);
  }
}

std::string trials(const CampaignSummary& campaign) {
  Family family("lastcall_property_trials", "Trials of a property by outcome.");
  each_property(campaign, [&](Labels labels, const PropertySummary& property) {
    labels.emplace_back("outcome", "");
    for (const auto& [outcome, count] : {std::pair{"pass", property.pass},
                                         {"fail", property.fail},
                                         {"unknown", property.unknown},
                                         {"not-applicable", property.not_applicable}}) {
      labels.back().second = outcome;
      family.add(labels, static_cast<double>(count));
    }
  });
  return family.text();
}

std::string bounds(const CampaignSummary& campaign) {
  Family family("lastcall_property_failure_bound",
                "Upper bound of the probability of a failure, one-sided, at 95 percent.");
  each_property(campaign, [&](const Labels& labels, const PropertySummary& property) {
    if (property.pass + property.fail > 0 && property.over_campaign.empty())
      family.add(labels, property.upper_bound);
  });
  return family.text();
}

std::string stops(const CampaignSummary& campaign) {
  Family family("lastcall_stop_seconds",
                "Time from the stop to the end of the target, by quantile over the trials.");
  for (const auto& scenario : campaign.scenarios) {
    std::vector<Nanoseconds> times;
    for (const auto& trial : scenario.trials) {
      if (trial.stop > Nanoseconds(0)) times.push_back(trial.stop);
    }
    if (times.empty()) continue;
    std::ranges::sort(times);
    for (const auto& [quantile, percent] :
         {std::pair{"0.5", std::size_t{50}}, {"0.9", 90}, {"0.99", 99}, {"1", 100}}) {
      const auto rank = std::max<std::size_t>((times.size() * percent + 99) / 100, 1);
      family.add({{"scenario", scenario.scenario}, {"q", quantile}}, in_seconds(times[rank - 1]));
    }
  }
  return family.text();
}

std::string campaign_wide(const CampaignSummary& campaign) {
  Family info("lastcall_campaign_info", "The campaign; its value is always 1.");
  info.add({{"version", campaign.lastcall_version},
            {"seed", std::to_string(campaign.seed)},
            {"started", campaign.started_utc}},
           1);
  Family code("lastcall_campaign_exit_code",
              "The exit code of lastcall: 0 if every property held.");
  code.add({}, campaign.exit_code);
  Family duration("lastcall_campaign_duration_seconds", "How long the campaign took.");
  duration.add({}, in_seconds(campaign.duration));
  return info.text() + code.text() + duration.text();
}

}  // namespace

std::string openmetrics(const CampaignSummary& campaign) {
  return campaign_wide(campaign) + trials(campaign) + bounds(campaign) + stops(campaign) +
         "# EOF\n";
}

}  // namespace lastcall::reports
