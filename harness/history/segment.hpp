// A segment: the events of one source (the trial process or one client worker) in the order it saw
// them, in a bounded binary file.
//
//   header:  "LCSEG" version(u8) clock(u8: 1 = CLOCK_MONOTONIC) reserved(u8)
//   record:  length(u32) crc32(u32, of the payload) payload
//   payload: kind(u8) time(i64 ns) fields          all integers little endian
//   the last record's payload is kind 255 and the number of events that did not fit (u64)
//
// A string is a length (u32) and its bytes, cut at 64 KiB. After the first event that did not fit
// none is kept: what is there is a prefix. A kind that has used up its share loses only its own
// events from then on; EventsLost says so where that begins.
//
// A segment without that last record was cut off: its reader says so, and never throws on damaged
// bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

// How EventsLost names as their source the two kinds of which few depend on each event.
inline constexpr std::string_view kLostNotifications = "notifications";
inline constexpr std::string_view kLostControlFrames = "control frames";  // no checker reads them

// Not thread-safe: one writer a source. Buffers and writes in blocks; a failed write counts as lost
// events.
class SegmentWriter final : public EventSink {
 public:
  // What the events of a source may take, in bytes of memory of whoever reads them. They take less
  // in the file, and in history.jsonl their texts up to six times as much: a control character is
  // six there. Room for all that a target may print (target/line_splitter.hpp).
  static constexpr std::size_t kDefaultLimit = std::size_t{192} << 20;
  // Of all client workers of a trial: two million events.
  static constexpr std::size_t kClientsLimit = std::size_t{512} << 20;
  // A kind of event that a target, or a peer, can cause by the million gets one of this many parts
  // of the limit, so that a flood of one kind leaves room for all others.
  static constexpr std::size_t kShares = 8;

  // Creates the file; `limit` in bytes, beyond which events are counted, not kept.
  static Result<SegmentWriter> create(const std::string& path, std::size_t limit = kDefaultLimit);
  SegmentWriter(SegmentWriter&&) = default;
  SegmentWriter& operator=(SegmentWriter&&) = default;

  using EventSink::record;
  void record(TimePoint at, EventBody body) override;

  // Writes what is buffered and the last record; returns the bytes of the file. Nothing may be
  // recorded afterwards, nor into a writer that was moved from: both are bugs of lastcall.
  Result<std::size_t> finish();

 private:
  SegmentWriter() = default;
  // Whether the share of the event's kind has room for it; says once that it has none.
  bool has_share(TimePoint at, const EventBody& body, std::size_t cost);
  void append(const std::vector<unsigned char>& payload);
  void flush();
  ScopedFd file_;
  std::string path_;
  std::string name_;  // the source's, from its file
  std::vector<unsigned char> buffer_;
  std::vector<unsigned char> payload_;
  std::size_t limit_ = 0;
  std::size_t taken_ = 0;                                                  // of the limit
  std::array<std::size_t, std::variant_size_v<EventVariant>> taken_by_{};  // of their shares
  std::size_t written_ = 0;
  std::uint64_t buffered_ = 0;  // events in buffer_
  std::uint64_t lost_ = 0;
  int error_ = 0;
};

struct Segment {
  std::vector<Event> events;
  bool complete = false;   // the last record was there and nothing before it was damaged
  std::uint64_t lost = 0;  // events that did not fit
  std::string problem;     // why it is not complete, with the byte offset
};

// Never throws on bad bytes: keeps what is whole, says what is not.
Segment parse_segment(const unsigned char* data, std::size_t size);
Result<Segment> read_segment(const std::string& path);

}  // namespace lastcall
