// What a results store holds of a campaign: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "campaign/shard.hpp"
#include "campaign/summary.hpp"

namespace lastcall {

struct StoredScenario {
  std::string file{};  // as named
  std::string text{};
  std::string hash{};         // SHA-256 of the text, hexadecimal
  std::uint32_t planned = 0;  // trials; 0: as many as time, or a gate, allowed
  // Of each file that the target's command names its build id, or the SHA-256 of what it holds:
  // "server build-id 0123abcd, config.toml sha256 …". Empty if it names none.
  std::string target_build{};
  std::string target_version{};  // as the user says
  std::string gave_up{};  // why it had fewer trials than planned; empty until the campaign ends
};

struct CampaignStart {
  std::string run{};  // tells it from every other: random, hexadecimal
  std::string started_utc{};
  std::uint64_t seed = 0;
  std::string lastcall_version{};
  std::string results{};  // the results directory, as named
  std::string machine{};  // JSON: name, system, processors, memory
  std::string writer{};   // the process that writes it (store/writer.hpp)
  Shard shard{};
  bool stops_by_its_results = false;  // it may stop because of what its trials find
  std::vector<StoredScenario> scenarios{};
};

struct CampaignEnd {
  std::string ended_utc{};
  Nanoseconds duration{};
  bool interrupted = false;
  std::string broken{};  // why no further trial could be run
  int exit_code = 0;
  std::vector<std::string> gave_up{};  // of each scenario; none: no scenario did
};

struct StoredTrial {
  std::size_t scenario = 0;  // index
  TrialSummary trial{};
  std::string plan{};  // as plan.json has it, if the trial failed or broke; else empty
};

struct StoredCampaign {
  std::int64_t id = 0;  // within its store, in the order in which campaigns began
  CampaignStart start{};
  std::optional<CampaignEnd> end{};   // absent: it still runs, or nothing could end it properly
  std::vector<StoredTrial> trials{};  // by number
};

}  // namespace lastcall
