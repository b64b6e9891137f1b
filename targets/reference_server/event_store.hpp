// The statistics service: events in SQLite, written in batches by one thread of its own, the only
// one that touches the database. What is reported as stored is in the file, also after SIGKILL or a
// power cut: PRAGMA synchronous=FULL is asserted at the start, and a report follows its commit.
//
// add() and read() may be called from any thread until finish(); what is reported is handed to
// `post`, which brings it to the caller's thread. How much may wait is the caller's to bound.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "reference_server/metrics.hpp"
#include "shutdown/result.hpp"

namespace SQLite {
class Database;
}

namespace reference_server {

class Log;

struct Event {
  std::string source;  // "http", "staff", "ocpp/CP1": ids are unique within one
  std::string id;
  std::string kind;  // "Heartbeat"
  std::string body;
};

struct StoredEvent {
  std::int64_t sequence = 0;
  Event event;
};

enum class Stored {
  fresh,
  known,     // the same event was there already: nothing was added
  conflict,  // another event has the id
  failed,    // the database did not take it
};

// What a checkpoint remembers of the database, see Lifetime.
struct StoreTotals {
  std::uint64_t events = 0;
  std::int64_t last_sequence = 0;
  std::string last_id;
};

class EventStore {
 public:
  using Post = std::function<void(std::function<void()>)>;
  using OnStored = std::function<void(Stored)>;

  struct Question {
    std::optional<std::string> id{};    // events with this id
    std::optional<std::string> kind{};  // or of this kind
    std::int64_t after = 0;             // beyond this sequence number
    std::size_t limit = 100'000;
    bool latest = false;  // the last `limit` instead of the first; in order all the same
  };
  using OnRead = std::function<void(std::vector<StoredEvent>)>;

  struct Options {
    std::string path;
    std::size_t batch = 512;
    Post post;
  };
  // `log` and `metrics` must outlive the store.
  static graceful::shutdown::Result<std::unique_ptr<EventStore>> open(Options options, Log& log,
                                                                      Metrics& metrics);
  ~EventStore();  // finishes, closes

  void add(Event event, OnStored stored);
  void read(Question question, OnRead answer);

  // No new events from here on: they fail. Writes what waits, ends the thread. An error says that
  // some of it could not be written.
  graceful::shutdown::Result<void> finish();
  // After finish(); an error if that is not over.
  graceful::shutdown::Result<void> close();

  [[nodiscard]] StoreTotals totals() const;
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Job {
    Event event;
    OnStored stored;
    Question question;
    OnRead answer;
  };

  EventStore(Options options, Log& log, Metrics& metrics);
  void set_up();
  void run();
  void write(std::vector<Job>& jobs);
  std::vector<Stored> write_batch(const std::vector<Job>& jobs);
  Stored insert(const Event& event);
  void answer(std::vector<Job>& jobs);

  Options options_;
  Log& log_;
  Metrics& metrics_;
  std::unique_ptr<SQLite::Database> database_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable news_;
  std::deque<Job> jobs_;
  bool finishing_ = false;
  bool finished_ = false;  // the thread has ended
  std::uint64_t lost_at_finish_ = 0;
  StoreTotals totals_;
  std::thread thread_;
};

}  // namespace reference_server
