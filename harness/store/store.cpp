#include "store/store.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <openssl/sha.h>
#include <sqlite3.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "store/schema.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = std::chrono::milliseconds(kBusyLimit).count();
// Two that open a new file at once may find it locked without having waited: to change to WAL takes
// a lock that SQLite does not wait for.
constexpr auto kLockedPause = std::chrono::milliseconds(10);

bool is_damage(int code) { return code == SQLITE_CORRUPT || code == SQLITE_NOTADB; }
bool is_busy(int code) { return code == SQLITE_BUSY || code == SQLITE_LOCKED; }

StoreProblem damaged(const std::string& path, const std::string& why) {
  return {"the store " + path + " is damaged (" + why +
          "); it was left as it is: move it away, or name another"};
}

StoreProblem problem_of(const std::string& path, const SQLite::Exception& error) {
  if (is_damage(error.getErrorCode())) return damaged(path, error.what());
  const auto* const remedy =
      is_busy(error.getErrorCode()) ? ": another process has held it for a long time" : "";
  return {"cannot use the store " + path + ": " + error.what() + remedy};
}

Error error_of(const std::string& tried, const std::string& path, const SQLite::Exception& error) {
  return {tried, path, 0, error.what()};
}

int number_of(SQLite::Database& database, const std::string& query) {
  return database.execAndGet(query).getInt();
}

// Binds the values to ?1, ?2 and so on. A statement copies nothing: the values outlive its step.
class Query {
 public:
  Query(SQLite::Database& database, const char* sql) : statement_(database, sql) {}

  template <class... Values>
  Query& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }
  void run() { statement_.exec(); }
  bool step() { return statement_.executeStep(); }

  [[nodiscard]] std::string text(int column) const { return statement_.getColumn(column); }
  [[nodiscard]] std::int64_t number(int column) const {
    return statement_.getColumn(column).getInt64();
  }
  [[nodiscard]] bool is_null(int column) const { return statement_.isColumnNull(column); }
  [[nodiscard]] std::uint64_t seed(int column) const {
    return parse_number<std::uint64_t>(text(column)).value_or(0);
  }

 private:
  void bind_one(const std::string& text) { statement_.bind(++bound_, text); }
  void bind_one(std::string_view text) { statement_.bind(++bound_, std::string(text)); }
  void bind_one(std::int64_t number) { statement_.bind(++bound_, number); }

  // getColumn() is no const function, because a step may follow.
  mutable SQLite::Statement statement_;
  int bound_ = 0;
};

std::int64_t number(auto value) { return static_cast<std::int64_t>(value); }

// A file that is there: what is wrong with it, if something is. Changes nothing.
std::optional<StoreProblem> problem_in(const std::string& path, SQLite::Database& database) {
  // One moment for all of it: another process may be making its tables.
  const SQLite::Transaction moment(database);
  const auto application = number_of(database, "PRAGMA application_id");
  const auto version = number_of(database, "PRAGMA user_version");
  const auto tables = number_of(database, "SELECT count(*) FROM sqlite_master");
  if (application == 0 && version == 0 && tables == 0) return std::nullopt;  // empty
  if (application != store_schema::kApplication)
    return StoreProblem{path + " is no store of lastcall: name another file", true};
  if (version > store_schema::kVersion)
    return StoreProblem{"the store " + path + " has version " + std::to_string(version) +
                            ", and this lastcall reads up to " +
                            std::to_string(store_schema::kVersion) + ": use a newer one",
                        true};
  const std::string said = database.execAndGet("PRAGMA quick_check(1)");
  if (said != "ok") return damaged(path, said);
  return std::nullopt;
}

// With retries, because SQLite does not always wait.
void write_ahead(SQLite::Database& database) {
  const auto limit = std::chrono::steady_clock::now() + kBusyLimit;
  for (;;) {
    try {
      database.exec("PRAGMA journal_mode=WAL");
      return;
    } catch (const SQLite::Exception& error) {
      if (!is_busy(error.getErrorCode()) || std::chrono::steady_clock::now() > limit) throw;
      std::this_thread::sleep_for(kLockedPause);
    }
  }
}

void migrate(SQLite::Database& database) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  // Read again: another process may have done it meanwhile.
  for (auto version = number_of(database, "PRAGMA user_version"); version < store_schema::kVersion;
       ++version) {
    database.exec(std::string(store_schema::kSteps.at(static_cast<std::size_t>(version))));
    database.exec("PRAGMA user_version=" + std::to_string(version + 1));
  }
  database.exec("PRAGMA application_id=" + std::to_string(store_schema::kApplication));
  transaction.commit();
}

// As a URI has it (RFC 3986): what is not a plain letter is escaped.
std::string immutable_uri(const std::string& path) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : fs::absolute(path).string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/-_.~").find(c) != std::string_view::npos) {
      uri += c;
    } else {
      uri += {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
    }
  }
  return uri + "?immutable=1";
}

// Where nothing can be written, SQLite cannot make the files that a WAL needs. If there is no WAL,
// the file alone is whole, and nobody changes it.
std::unique_ptr<SQLite::Database> read_only(const std::string& path) {
  try {
    auto database =
        std::make_unique<SQLite::Database>(path, SQLite::OPEN_READONLY, kBusyMilliseconds);
    (void)number_of(*database, "PRAGMA user_version");
    return database;
  } catch (const SQLite::Exception& error) {
    std::error_code none;
    const auto code = error.getErrorCode();
    const bool has_wal = fs::file_size(path + "-wal", none) > 0 && !none;
    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) || has_wal) throw;
    return std::make_unique<SQLite::Database>(
        immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMilliseconds);
  }
}

std::string_view outcome_of(const TrialSummary& trial) {
  if (!trial.broken.empty()) return "broken";
  return name(worst(trial.verdicts));
}

}  // namespace

struct Store::Database {
  std::string path;
  std::unique_ptr<SQLite::Database> sqlite;
};

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

StoreResult<Store> Store::open_to_write(const std::string& path) {
  try {
    auto database = std::make_unique<SQLite::Database>(
        path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMilliseconds);
    if (auto problem = problem_in(path, *database)) return std::move(*problem);
    write_ahead(*database);
    // What a process has committed is there when it is killed. FULL would also survive a power cut,
    // for one fsync a trial; NORMAL may lose the last trials then, and never damages the file.
    database->exec("PRAGMA synchronous=NORMAL");
    database->exec("PRAGMA foreign_keys=ON");
    migrate(*database);
    return Store(std::make_unique<Database>(Database{path, std::move(database)}));
  } catch (const SQLite::Exception& error) {
    return problem_of(path, error);
  }
}

StoreResult<Store> Store::open_to_read(const std::string& path) {
  std::error_code missing;
  if (!fs::is_regular_file(path, missing))
    return StoreProblem{"there is no store " + path + ": name a results directory or a store",
                        true};
  try {
    auto database = read_only(path);
    if (auto problem = problem_in(path, *database)) return std::move(*problem);
    const auto version = number_of(*database, "PRAGMA user_version");
    if (version == 0)
      return StoreProblem{"the store " + path + " is empty: no campaign has begun in it", true};
    if (version < store_schema::kVersion) return open_to_write(path);
    return Store(std::make_unique<Database>(Database{path, std::move(database)}));
  } catch (const SQLite::Exception& error) {
    return problem_of(path, error);
  }
}

Result<std::int64_t> Store::begin(const CampaignStart& start) {
  auto& sqlite = *database_->sqlite;
  try {
    SQLite::Transaction transaction(sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    Query(sqlite,
          "INSERT INTO campaigns (run, started_utc, seed, lastcall_version, results, machine, "
          "writer, "
          "shard, shards, stops_by_its_results) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        .bind(start.run, start.started_utc, std::to_string(start.seed), start.lastcall_version,
              start.results, start.machine, start.writer, number(start.shard.number),
              number(start.shard.of), number(start.stops_by_its_results))
        .run();
    const auto id = sqlite.getLastInsertRowid();
    for (std::size_t i = 0; i < start.scenarios.size(); ++i) {
      const auto& one = start.scenarios[i];
      Query(sqlite,
            "INSERT INTO scenarios (campaign, position, file, hash, text, planned, target_build, "
            "target_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
          .bind(id, number(i), one.file, one.hash, one.text, number(one.planned), one.target_build,
                one.target_version)
          .run();
    }
    transaction.commit();
    return id;
  } catch (const SQLite::Exception& error) {
    return error_of("begin a campaign in", database_->path, error);
  }
}

Result<void> Store::add(std::int64_t campaign, const StoredTrial& stored) {
  auto& sqlite = *database_->sqlite;
  const auto& trial = stored.trial;
  try {
    SQLite::Transaction transaction(sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    Query(sqlite,
          "INSERT INTO trials (campaign, number, scenario, trial, outcome, seed, directory, "
          "duration_ns, stop_ns, traced, result, plan) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
        .bind(campaign, number(trial.number), number(stored.scenario), number(trial.trial),
              outcome_of(trial), std::to_string(trial.seed), trial.directory,
              number(trial.duration.count()), number(trial.stop.count()), number(trial.traced),
              to_json(trial), stored.plan)
        .run();
    const auto id = sqlite.getLastInsertRowid();
    for (const auto& verdict : trial.verdicts) {
      Query(sqlite,
            "INSERT INTO verdicts (trial, property, outcome, judged, reason, consequence_of) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
          .bind(id, verdict.property, name(verdict.outcome), number(verdict.judged), verdict.reason,
                verdict.consequence_of)
          .run();
    }
    transaction.commit();
    return {};
  } catch (const SQLite::Exception& error) {
    return error_of("record a trial in", database_->path, error);
  }
}

Result<void> Store::end(std::int64_t campaign, const CampaignEnd& end) {
  try {
    SQLite::Transaction transaction(*database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    for (std::size_t i = 0; i < end.gave_up.size(); ++i) {
      Query(*database_->sqlite,
            "UPDATE scenarios SET gave_up = ?3 WHERE campaign = ?1 AND position = ?2")
          .bind(campaign, number(i), end.gave_up[i])
          .run();
    }
    Query(*database_->sqlite,
          "UPDATE campaigns SET ended_utc = ?2, duration_ns = ?3, interrupted = ?4, broken = ?5, "
          "exit_code = ?6 WHERE id = ?1")
        .bind(campaign, end.ended_utc, number(end.duration.count()), number(end.interrupted),
              end.broken, number(end.exit_code))
        .run();
    transaction.commit();
    return {};
  } catch (const SQLite::Exception& error) {
    return error_of("end the campaign in", database_->path, error);
  }
}

void Store::leave_alone() {
  // A reader keeps it as it is, which is as good for who can write.
  (void)database_->sqlite->tryExec("PRAGMA journal_mode=DELETE");
}

Result<std::vector<std::int64_t>> Store::campaigns() {
  try {
    std::vector<std::int64_t> ids;
    Query query(*database_->sqlite, "SELECT id FROM campaigns ORDER BY id");
    while (query.step()) ids.push_back(query.number(0));
    return ids;
  } catch (const SQLite::Exception& error) {
    return error_of("read", database_->path, error);
  }
}

namespace {

std::optional<CampaignEnd> end_in(const Query& row) {
  if (row.is_null(11)) return std::nullopt;
  return CampaignEnd{.ended_utc = row.text(11),
                     .duration = Nanoseconds(row.number(12)),
                     .interrupted = row.number(13) != 0,
                     .broken = row.text(14),
                     .exit_code = static_cast<int>(row.number(15))};
}

CampaignStart start_in(const Query& row) {
  return {.run = row.text(1),
          .started_utc = row.text(2),
          .seed = row.seed(3),
          .lastcall_version = row.text(4),
          .results = row.text(5),
          .machine = row.text(6),
          .writer = row.text(7),
          .shard = {static_cast<std::uint32_t>(row.number(8)),
                    static_cast<std::uint32_t>(row.number(9))},
          .stops_by_its_results = row.number(10) != 0,
          .scenarios = {}};
}

std::vector<StoredScenario> scenarios_of(SQLite::Database& sqlite, std::int64_t campaign) {
  std::vector<StoredScenario> all;
  Query row(
      sqlite,
      "SELECT file, text, hash, planned, target_build, target_version, gave_up FROM scenarios "
      "WHERE campaign = ?1 ORDER BY position");
  row.bind(campaign);
  while (row.step()) {
    all.push_back({.file = row.text(0),
                   .text = row.text(1),
                   .hash = row.text(2),
                   .planned = static_cast<std::uint32_t>(row.number(3)),
                   .target_build = row.text(4),
                   .target_version = row.text(5),
                   .gave_up = row.text(6)});
  }
  return all;
}

}  // namespace

Result<StoredCampaign> Store::load(std::int64_t id) {
  auto& sqlite = *database_->sqlite;
  try {
    // One moment for all of it: somebody may be writing.
    SQLite::Transaction moment(sqlite);
    Query row(
        sqlite,
        "SELECT id, run, started_utc, seed, lastcall_version, results, machine, writer, shard, "
        "shards, stops_by_its_results, ended_utc, duration_ns, interrupted, broken, exit_code "
        "FROM campaigns WHERE id = ?1");
    if (!row.bind(id).step())
      return Error{"find campaign " + std::to_string(id) + " in", database_->path, 0,
                   "it has other campaigns, or none"};
    StoredCampaign campaign{.id = id, .start = start_in(row), .end = end_in(row), .trials = {}};
    campaign.start.scenarios = scenarios_of(sqlite, id);
    Query trials(sqlite,
                 "SELECT number, scenario, trial, directory, result, plan FROM trials "
                 "WHERE campaign = ?1 ORDER BY number");
    trials.bind(id);
    Query count(sqlite, "SELECT count(*) FROM trials WHERE campaign = ?1");
    if (count.bind(id).step()) campaign.trials.reserve(static_cast<std::size_t>(count.number(0)));
    while (trials.step()) {
      auto result = trial_result_from_json(trials.text(4));
      StoredTrial stored{.scenario = static_cast<std::size_t>(trials.number(1)),
                         .trial = {},
                         .plan = trials.text(5)};
      if (!result || stored.scenario >= campaign.start.scenarios.size())
        return Error{"read trial " + trials.text(0) + " in", database_->path, 0,
                     "the store is damaged"};
      static_cast<TrialResult&>(stored.trial) = std::move(*result);
      stored.trial.scenario = campaign.start.scenarios[stored.scenario].file;
      stored.trial.number = static_cast<std::uint32_t>(trials.number(0));
      stored.trial.trial = static_cast<std::uint32_t>(trials.number(2));
      stored.trial.directory = trials.text(3);
      campaign.trials.push_back(std::move(stored));
    }
    return campaign;
  } catch (const SQLite::Exception& error) {
    return error_of("read", database_->path, error);
  }
}

namespace {

constexpr const char* kBefore = R"sql(
WITH past AS (
  SELECT id, started_utc FROM campaigns
  WHERE run <> ?1 AND started_utc <= ?2 AND EXISTS (
    SELECT 1 FROM scenarios WHERE campaign = campaigns.id
    AND file IN (SELECT value FROM json_each(?3)))
  ORDER BY started_utc DESC, id DESC LIMIT ?4)
SELECT past.id, past.started_utc, scenarios.target_version, scenarios.file, property,
       sum(verdicts.outcome = 'fail'), sum(verdicts.outcome IN ('pass', 'fail')),
       sum(verdicts.outcome = 'unknown')
FROM past
JOIN scenarios ON scenarios.campaign = past.id
JOIN trials ON trials.campaign = past.id AND trials.scenario = scenarios.position
JOIN verdicts ON verdicts.trial = trials.id
GROUP BY past.id, scenarios.position, property
ORDER BY past.started_utc, past.id, scenarios.position
)sql";

std::string files_json(const CampaignStart& campaign) {
  boost::json::array files;
  for (const auto& scenario : campaign.scenarios) files.emplace_back(scenario.file);
  return boost::json::serialize(files);
}

}  // namespace

Result<std::vector<PastCampaign>> Store::before(const CampaignStart& campaign, std::size_t most) {
  try {
    std::vector<PastCampaign> past;
    const auto files = files_json(campaign);
    Query row(*database_->sqlite, kBefore);
    row.bind(campaign.run, campaign.started_utc, files, number(most));
    while (row.step()) {
      if (past.empty() || past.back().id != row.number(0))
        past.push_back({.id = row.number(0),
                        .started_utc = row.text(1),
                        .target_version = row.text(2),
                        .counts = {}});
      past.back().counts.push_back({.scenario = row.text(3),
                                    .property = row.text(4),
                                    .failures = static_cast<std::uint64_t>(row.number(5)),
                                    .trials = static_cast<std::uint64_t>(row.number(6)),
                                    .unknown = static_cast<std::uint64_t>(row.number(7))});
    }
    return past;
  } catch (const SQLite::Exception& error) {
    return error_of("read earlier campaigns in", database_->path, error);
  }
}

std::string sha256(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const auto byte : digest) {
    digits += kDigits[byte >> 4U];
    digits += kDigits[byte & 0xFU];
  }
  return digits;
}

}  // namespace lastcall
