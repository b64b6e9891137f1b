// The tables of a results store, and how an older store becomes one of today.
#pragma once

#include <array>
#include <string_view>

namespace lastcall::store_schema {

// "lcal": which program the file belongs to (SQLite, PRAGMA application_id).
inline constexpr int kApplication = 0x6c63616c;

// The n-th makes version n of version n - 1; version 0 is an empty file. A step that has been
// released is never changed.
inline constexpr std::array<std::string_view, 2> kSteps{R"sql(
CREATE TABLE campaigns (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL UNIQUE,
  started_utc TEXT NOT NULL,
  seed TEXT NOT NULL,              -- 64 bits without a sign
  lastcall_version TEXT NOT NULL,
  results TEXT NOT NULL,
  machine TEXT NOT NULL,           -- JSON
  writer TEXT NOT NULL,
  shard INTEGER NOT NULL,
  shards INTEGER NOT NULL,
  stops_by_its_results INTEGER NOT NULL,
  -- NULL until it ends
  ended_utc TEXT,
  duration_ns INTEGER,
  interrupted INTEGER,
  broken TEXT,
  exit_code INTEGER
);
CREATE TABLE scenarios (
  campaign INTEGER NOT NULL REFERENCES campaigns(id),
  position INTEGER NOT NULL,
  file TEXT NOT NULL,
  hash TEXT NOT NULL,
  text TEXT NOT NULL,
  planned INTEGER NOT NULL,
  target_build TEXT NOT NULL,
  target_version TEXT NOT NULL,
  PRIMARY KEY (campaign, position)
);
CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL REFERENCES campaigns(id),
  number INTEGER NOT NULL,         -- from 1, within the campaign
  scenario INTEGER NOT NULL,       -- its position
  trial INTEGER NOT NULL,          -- from 1, within the scenario
  outcome TEXT NOT NULL,           -- the worst of its verdicts, or 'broken'
  seed TEXT NOT NULL,
  directory TEXT NOT NULL,         -- below the results directory; empty: not kept
  duration_ns INTEGER NOT NULL,
  stop_ns INTEGER NOT NULL,
  traced INTEGER NOT NULL,
  result TEXT NOT NULL,            -- JSON, as verdict.json has it
  plan TEXT NOT NULL,              -- JSON, as plan.json has it, of a trial that failed or broke
  UNIQUE (campaign, number),
  UNIQUE (campaign, scenario, trial)
);
CREATE TABLE verdicts (
  trial INTEGER NOT NULL REFERENCES trials(id),
  property TEXT NOT NULL,
  outcome TEXT NOT NULL,
  judged INTEGER NOT NULL,
  reason TEXT NOT NULL,
  consequence_of TEXT NOT NULL
);
CREATE INDEX verdicts_of_trial ON verdicts (trial);
)sql",
                                                        R"sql(
-- Why a scenario had fewer trials than planned; empty if nothing kept it from them.
ALTER TABLE scenarios ADD COLUMN gave_up TEXT NOT NULL DEFAULT '';
)sql"};

inline constexpr int kVersion = static_cast<int>(kSteps.size());

}  // namespace lastcall::store_schema
