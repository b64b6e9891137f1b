// What the server knows about all its lives on one state folder, kept in a checkpoint: so that its
// counters go on over restarts, and so that it notices when the database is older than it should
// be.
#pragma once

#include <cstdint>
#include <string>

#include "reference_server/event_store.hpp"
#include "shutdown/state_manager.hpp"

namespace reference_server {

struct Lifetime {
  std::uint64_t starts = 0;
  std::uint64_t stops = 0;  // that came as far as their checkpoint
  std::uint64_t connections = 0;
  StoreTotals store;
};

graceful::shutdown::StateFormat<Lifetime> lifetime_format();
std::string lifetime_text(const Lifetime& lifetime);  // JSON, one line

// Why the database cannot be the one that the checkpoint knew; empty if it can. It may always hold
// more: the checkpoint is written from time to time.
std::string lost_since(const Lifetime& checkpoint, const StoreTotals& database);

}  // namespace reference_server
