// The one description of a scenario file: which keys each table has, what they take and what they
// default to. The parser checks by it and the JSON Schema is written from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/names.hpp"
#include "scenario/document.hpp"

namespace lastcall {

enum class Kind : std::uint8_t {
  plain,    // text as it is
  text,     // text with placeholders
  content,  // a file's content: braces that are no known placeholder are its own
  bytes,    // text with placeholders; \xHH \r \n \t \0 \\ stand for bytes
  header,   // the value of an HTTP header, text with placeholders
  boolean,
  truth,  // only `true` makes sense
  integer,
  size,            // 4096 or "64MiB"
  duration,        // "250ms"
  duration_range,  // "250ms" or "0ms..2s"
  count_range,     // 7 or "1..40"
  choice,
  url,
  port,
  network,  // loopback addresses: "127.0.0.0/8"
  pattern,  // a regular expression
  group,    // a regular expression with one group
  pointer,  // a JSON pointer
  signal,
  syscall,  // the name of a system call, or of a family of those
  error,    // of errno(3): "ENOSPC"
  moment,   // a duration range, or a side of a system call
  end,      // an exit code or a signal name
  property,
  percent,  // "0.1 %"
  date,     // "2026-12-31"
  table,
};
enum class Shape : std::uint8_t { one, list, one_or_list, map };
enum class Names : std::uint8_t {
  any,
  variable,
  path,
  choice,
  word,
  header
};  // what names the entries of a map

struct Table;

// All names of an enumeration, for `choices`.
template <Described E>
std::vector<std::string_view> choices_of() {
  return {names<E>().begin(), names<E>().end()};
}

struct Key {
  std::string_view name;
  Kind kind{};
  Shape shape = Shape::one;
  std::string_view about;
  bool required = false;
  std::string_view fallback = {};  // as JSON; empty: absent means what `about` says
  // Integers: bounds. Durations: nanoseconds. Percents: millionths of the whole. Texts: the least
  // length in `low`.
  std::int64_t low = 0;
  std::int64_t high = 0;
  // Words, the schemes of a URL, what may name the entries of a map, or the booleans of a table
  // that may stand for it alone.
  std::vector<std::string_view> choices = {};
  std::string_view with = {};  // only beside this key
  Names names = Names::any;
  const Table* table = nullptr;
  std::string_view short_for = {};  // tables: a text alone is a table with this key only
  std::vector<std::string_view> instead_of = {};  // what people call it elsewhere
};

struct Table {
  std::string_view where;  // as messages name it: "[target]"
  std::vector<Key> keys;
  std::vector<std::string_view> exactly_one_of = {};
  std::vector<std::string_view> at_least_one_of = {};
  // The one of exactly_one_of that may stand next to some others of them.
  std::string_view may_join = {};
  std::vector<std::string_view> joins = {};

  [[nodiscard]] const Key& key(std::string_view name) const;
};

// Bounds of durations and sizes. No stop worth testing takes longer than a day, and sums of such
// durations cannot overflow.
inline constexpr std::int64_t kMillisecond = 1'000'000;
inline constexpr std::int64_t kDay = std::int64_t{24} * 3600 * 1000 * kMillisecond;
inline constexpr std::int64_t kMaxBytes = std::int64_t{1} << 50;

// All of them, in this order.
inline std::vector<Key> concatenated(std::vector<Key> keys, const std::vector<Key>& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

const Table& target_table();
const Table& sidecars_table();
const Table& clients_table();
const Table& faults_table();
const Table& properties_table();

// The keys of every process that lastcall starts: the target, and those next to it. `directory` is
// the default of that key as JSON, if it is a value; `about_directory` says it in words.
std::vector<Key> process_keys(std::string_view about_directory, std::string_view directory = {});
Table ready_table(std::string_view where);

// What a limit takes: the same from the start on, [target.limits], and as a fault.
std::vector<Key> limit_keys();

// What `lastcall list faults` says: the faults, and each key that they or their `when` take.
struct Listed {
  std::string name;
  std::string about;
};
std::vector<Listed> listed_faults();

// The table of the whole file.
const Table& scenario_table();

// A key's default as a value; absent if it has none.
Value default_value(const Key& key);

}  // namespace lastcall
