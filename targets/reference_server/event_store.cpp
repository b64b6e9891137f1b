// The only file that sees SQLiteCpp.
#include "reference_server/event_store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <utility>

#include "reference_server/log.hpp"

namespace reference_server {

namespace shutdown = graceful::shutdown;

namespace {

// SQLite's text of the value is that of the number,
// https://www.sqlite.org/pragma.html#pragma_synchronous.
constexpr int kFull = 2;

shutdown::Error failed(const std::string& tried, const std::string& path,
                       const std::exception& why) {
  return {tried, path, 0, why.what()};
}

}  // namespace

shutdown::Result<std::unique_ptr<EventStore>> EventStore::open(Options options, Log& log,
                                                               Metrics& metrics) {
  const auto path = options.path;
  std::unique_ptr<EventStore> store(new EventStore(std::move(options), log, metrics));
  try {
    store->set_up();
    store->thread_ = std::thread([raw = store.get()] { raw->run(); });
  } catch (const std::exception& error) {
    return failed("open the database", path, error);
  }
  return store;
}

EventStore::EventStore(Options options, Log& log, Metrics& metrics)
    : options_(std::move(options)), log_(log), metrics_(metrics) {}

EventStore::~EventStore() {
  if (const auto finished = finish(); !finished) log_.error(finished.error().message());
}

void EventStore::set_up() {
  database_ = std::make_unique<SQLite::Database>(options_.path,
                                                 SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  // One process only; it also spares the shared-memory file of the write-ahead log.
  database_->exec("PRAGMA locking_mode=EXCLUSIVE");
  database_->exec("PRAGMA journal_mode=WAL");
  database_->exec("PRAGMA synchronous=FULL");
  if (database_->execAndGet("PRAGMA synchronous").getInt() != kFull ||
      database_->execAndGet("PRAGMA journal_mode").getString() != "wal") {
    throw SQLite::Exception("synchronous=FULL with a write-ahead log is not to be had");
  }
  database_->exec(
      "CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, "
      "source TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, "
      "UNIQUE (id, source))");
  database_->exec("CREATE INDEX IF NOT EXISTS events_of_kind ON events (kind, sequence)");
  totals_.events =
      static_cast<std::uint64_t>(database_->execAndGet("SELECT count(*) FROM events").getInt64());
  SQLite::Statement last(*database_,
                         "SELECT sequence, id FROM events ORDER BY sequence DESC LIMIT 1");
  if (last.executeStep()) {
    totals_.last_sequence = last.getColumn(0).getInt64();
    totals_.last_id = last.getColumn(1).getString();
  }
}

void EventStore::add(Event event, OnStored stored) {
  {
    const std::lock_guard lock(mutex_);
    if (!finishing_) {
      jobs_.push_back({std::move(event), std::move(stored), {}, nullptr});
      news_.notify_one();
      return;
    }
  }
  ++metrics_.events_failed;
  options_.post([stored = std::move(stored)] { stored(Stored::failed); });
}

void EventStore::read(Question question, OnRead answer) {
  {
    const std::lock_guard lock(mutex_);
    if (!finishing_) {
      jobs_.push_back({{}, nullptr, std::move(question), std::move(answer)});
      news_.notify_one();
      return;
    }
  }
  options_.post([answer = std::move(answer)] { answer({}); });
}

void EventStore::run() {
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      news_.wait(lock, [this] { return !jobs_.empty() || finishing_; });
      if (jobs_.empty()) return;
      const auto count = std::min(jobs_.size(), options_.batch);
      const auto end = jobs_.begin() + static_cast<std::ptrdiff_t>(count);
      std::move(jobs_.begin(), end, std::back_inserter(jobs));
      jobs_.erase(jobs_.begin(), end);
    }
    write(jobs);
    answer(jobs);
  }
}

void EventStore::write(std::vector<Job>& jobs) {
  const auto events = static_cast<std::size_t>(
      std::ranges::count_if(jobs, [](const Job& job) { return bool(job.stored); }));
  if (events == 0) return;
  std::vector<Stored> outcomes;
  try {
    outcomes = write_batch(jobs);
    ++metrics_.batches;
  } catch (const std::exception& error) {
    // Disk full, most likely. The transaction is rolled back, the clients are told, and the next
    // batch tries again.
    log_.error("a batch of " + std::to_string(events) + " events was not written: " + error.what());
    outcomes.assign(events, Stored::failed);
    metrics_.events_failed += events;
    const std::lock_guard lock(mutex_);
    if (finishing_) lost_at_finish_ += events;
  }
  auto outcome = outcomes.begin();
  std::vector<std::pair<OnStored, Stored>> reports;
  for (auto& job : jobs) {
    if (!job.stored) continue;
    if (*outcome == Stored::fresh) ++metrics_.events_stored;
    if (*outcome == Stored::known) ++metrics_.events_known;
    reports.emplace_back(std::move(job.stored), *outcome++);
  }
  options_.post([reports = std::move(reports)] {
    for (const auto& [stored, how] : reports) stored(how);
  });
}

std::vector<Stored> EventStore::write_batch(const std::vector<Job>& jobs) {
  std::vector<Stored> outcomes;
  SQLite::Transaction transaction(*database_);
  auto totals = this->totals();
  for (const auto& job : jobs) {
    if (!job.stored) continue;
    outcomes.push_back(insert(job.event));
    if (outcomes.back() != Stored::fresh) continue;
    ++totals.events;
    totals.last_sequence = database_->getLastInsertRowid();
    totals.last_id = job.event.id;
  }
  transaction.commit();
  const std::lock_guard lock(mutex_);
  totals_ = totals;
  return outcomes;
}

Stored EventStore::insert(const Event& event) {
  SQLite::Statement add(
      *database_, "INSERT OR IGNORE INTO events (source, id, kind, body) VALUES (?, ?, ?, ?)");
  add.bind(1, event.source);
  add.bind(2, event.id);
  add.bind(3, event.kind);
  add.bind(4, event.body);
  if (add.exec() == 1) return Stored::fresh;
  SQLite::Statement same(*database_,
                         "SELECT kind = ? AND body = ? FROM events WHERE source = ? AND id = ?");
  same.bind(1, event.kind);
  same.bind(2, event.body);
  same.bind(3, event.source);
  same.bind(4, event.id);
  return same.executeStep() && same.getColumn(0).getInt() == 1 ? Stored::known : Stored::conflict;
}

void EventStore::answer(std::vector<Job>& jobs) {
  for (auto& job : jobs) {
    if (!job.answer) continue;
    std::vector<StoredEvent> found;
    try {
      const auto& q = job.question;
      SQLite::Statement query(*database_,
                              std::string("SELECT sequence, source, id, kind, body FROM events "
                                          "WHERE sequence > ?1 AND (?2 IS NULL OR id = ?2) "
                                          "AND (?3 IS NULL OR kind = ?3) ORDER BY sequence ") +
                                  (q.latest ? "DESC" : "ASC") + " LIMIT ?4");
      query.bind(1, q.after);
      if (q.id) query.bind(2, *q.id);
      if (q.kind) query.bind(3, *q.kind);
      query.bind(4, static_cast<std::int64_t>(q.limit));
      while (query.executeStep()) {
        found.push_back({query.getColumn(0).getInt64(),
                         {query.getColumn(1).getString(), query.getColumn(2).getString(),
                          query.getColumn(3).getString(), query.getColumn(4).getString()}});
      }
      if (q.latest) std::ranges::reverse(found);
    } catch (const std::exception& error) {
      log_.error(std::string("events could not be read: ") + error.what());
    }
    options_.post([answer = std::move(job.answer), found = std::move(found)]() mutable {
      answer(std::move(found));
    });
  }
}

shutdown::Result<void> EventStore::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    news_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  finished_ = true;
  if (lost_at_finish_ == 0) return {};
  return shutdown::Error("write", std::to_string(lost_at_finish_) + " events of the last batches",
                         0, "their clients were told so");
}

shutdown::Result<void> EventStore::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!finished_) {
      return shutdown::Error("close the database", options_.path, 0, "it is still being written");
    }
  }
  try {
    database_.reset();
  } catch (const std::exception& error) {
    return failed("close the database", options_.path, error);
  }
  return {};
}

StoreTotals EventStore::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::size_t EventStore::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

}  // namespace reference_server
