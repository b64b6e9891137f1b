// The results store: one SQLite file with campaigns, their trials and verdicts. Each results
// directory has one, results.sqlite; `run --store` keeps another over time.
//
// Its version is SQLite's user_version; an older one is migrated when it is opened, a newer one is
// refused. A file that is damaged, or is no store, is an error and stays as it is. Each trial is a
// transaction of its own, written ahead (WAL), so what was added is there whenever the process
// ends, and several campaigns may write to one file at once: each waits for the others, up to
// kBusyLimit. WAL needs a file system of this machine; over a network only one machine may use a
// file at a time.
//
// Not thread-safe; not to be used after a fork. Several processes may have one file open.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "campaign/past_campaign.hpp"
#include "store/records.hpp"

namespace lastcall {

// A transaction takes milliseconds, unless the disk is very slow.
inline constexpr std::chrono::seconds kBusyLimit{20};

struct StoreProblem {
  std::string message;       // says what to do
  bool of_the_user = false;  // there is no such file, or it is no store, or a newer lastcall's
};

template <class T>
class [[nodiscard]] StoreResult : public boost::system::result<T, StoreProblem> {
 public:
  using boost::system::result<T, StoreProblem>::result;
};

class Store {
 public:
  // The file is created if there is none, or an empty one.
  static StoreResult<Store> open_to_write(const std::string& path);
  static StoreResult<Store> open_to_read(const std::string& path);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // For who writes. `begin` returns the id of the campaign for the two others.
  Result<std::int64_t> begin(const CampaignStart& start);
  Result<void> add(std::int64_t campaign, const StoredTrial& trial);
  Result<void> end(std::int64_t campaign, const CampaignEnd& end);
  // After the last campaign: the file needs no others next to it, so that it can be read where
  // nothing can be written. Nothing happens while somebody reads.
  void leave_alone();

  // For who reads. Ids in the order in which campaigns began.
  Result<std::vector<std::int64_t>> campaigns();
  Result<StoredCampaign> load(std::int64_t campaign);
  // The last `most` campaigns with one of its scenarios that began before it, the oldest first. It
  // may be of another store.
  Result<std::vector<PastCampaign>> before(const CampaignStart& campaign, std::size_t most);

 private:
  struct Database;
  explicit Store(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
};

// SHA-256 as hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace lastcall
