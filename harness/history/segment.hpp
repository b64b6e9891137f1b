// A segment: the events of one source (the trial process or one client worker) in the order it saw
// them, in a bounded binary file.
//
//   header:  "LCSEG" version(u8) clock(u8: 1 = CLOCK_MONOTONIC) reserved(u8)
//   record:  length(u32) crc32(u32, of the payload) payload
//   payload: kind(u8) time(i64 ns) fields          all integers little endian
//   the last record's payload is kind 255 and the number of events that did not fit (u64)
//
// A string is a length (u32) and its bytes, cut at 64 KiB. After the first event that did not fit
// none is kept: what is there is a prefix.
//
// A segment without that last record was cut off: its reader says so, and never throws on damaged
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

// Not thread-safe: one writer a source. Buffers and writes in blocks; a failed write counts as lost
// events.
class SegmentWriter final : public EventSink {
 public:
  static constexpr std::size_t kDefaultLimit = std::size_t{256}
                                               << 20;  // 20,000 clients for minutes

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
  void append(const std::vector<unsigned char>& payload);
  void flush();
  ScopedFd file_;
  std::string path_;
  std::vector<unsigned char> buffer_;
  std::vector<unsigned char> payload_;
  std::size_t limit_ = 0;
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
