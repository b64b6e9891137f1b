#include "history/segment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/file.hpp"
#include "base/invariant.hpp"
#include "history/event_fields.hpp"

namespace lastcall {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::array<unsigned char, 8> kHeader{'L', 'C', 'S', 'E', 'G', 1, 1, 0};
constexpr std::size_t kRecordHeader = 8;  // length and checksum
constexpr std::size_t kBlock = std::size_t{64} << 10;
constexpr std::size_t kLongestString = std::size_t{64} << 10;
constexpr unsigned char kLastRecord = 255;
static_assert(std::variant_size_v<EventVariant> < kLastRecord);

std::uint32_t checksum(const unsigned char* data, std::size_t size) {
  boost::crc_32_type crc;
  crc.process_bytes(data, size);
  return crc.checksum();
}

// Appends a field, little endian.
template <class T>
void put(Bytes& out, const T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    const std::size_t size = std::min(field.size(), kLongestString);
    put(out, static_cast<std::uint32_t>(size));
    out.insert(out.end(), field.begin(), field.begin() + static_cast<std::ptrdiff_t>(size));
  } else if constexpr (std::is_same_v<T, bool>) {
    out.push_back(field ? 1 : 0);
  } else if constexpr (std::is_enum_v<T>) {
    put(out, static_cast<std::underlying_type_t<T>>(field));
  } else if constexpr (std::is_integral_v<T>) {
    auto bits = static_cast<std::uint64_t>(field);
    for (std::size_t i = 0; i < sizeof(T); ++i, bits >>= 8U) {
      out.push_back(static_cast<unsigned char>(bits & 0xFFU));
    }
  } else {
    put(out, field.value);  // a StrongId
  }
}

// Takes fields off the front of a payload; `whole` turns false at the first that is not there or
// not possible.
struct PayloadReader {
  const unsigned char* data;
  std::size_t left;
  bool whole = true;

  template <class T>
  void take(T& field) {
    if constexpr (std::is_same_v<T, std::string>) {
      std::uint32_t size = 0;
      take(size);
      if (size > left || size > kLongestString) whole = false;
      if (!whole) return;
      field.assign(reinterpret_cast<const char*>(data), size);
      skip(size);
    } else if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t byte = 0;
      take(byte);
      whole = whole && byte <= 1;
      field = byte != 0;
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number = 0;
      take(number);
      whole = whole && is_known(static_cast<T>(number));
      if (whole) field = static_cast<T>(number);
    } else if constexpr (std::is_integral_v<T>) {
      if (sizeof(T) > left) whole = false;
      if (!whole) return;
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < sizeof(T); ++i) bits |= std::uint64_t{data[i]} << (8 * i);
      field = static_cast<T>(bits);
      skip(sizeof(T));
    } else {
      take(field.value);
    }
  }

 private:
  void skip(std::size_t size) {
    data += size;
    left -= size;
  }
};

template <std::size_t Kind>
EventBody take_body(PayloadReader& reader) {
  using Body = std::variant_alternative_t<Kind, EventVariant>;
  Body body;
  visit_fields(body, [&](std::string_view, auto& field) { reader.take(field); });
  return body;
}

// Whether somebody makes events of this kind as often as he likes. Output is limited before, the
// client decides what happens to its connections, but for what the server sends unasked, and time
// limits how often lags and work are told.
template <class Body>
constexpr bool comes_in_floods() {
  if constexpr (std::is_same_v<Body, ControlFrame> || std::is_same_v<Body, BytesAfterClose>) {
    return true;
  } else {
    return !std::is_same_v<Body, TargetOutput> && !std::is_same_v<Body, Lag> &&
           !std::is_same_v<Body, ProcessorUsed> && !std::is_same_v<Body, EventsLost> &&
           !requires(Body event) {
      event.connection;
    };
  }
}

// Nothing if the payload is not exactly one event.
std::optional<Event> decode(const unsigned char* data, std::size_t size) {
  using TakeBody = EventBody (*)(PayloadReader&);
  static constexpr auto kTakers = []<std::size_t... Kinds>(std::index_sequence<Kinds...>) {
    return std::array<TakeBody, sizeof...(Kinds)>{&take_body<Kinds>...};
  }
  (std::make_index_sequence<std::variant_size_v<EventVariant>>{});

  PayloadReader reader{data, size};
  std::uint8_t kind = 0;
  std::int64_t time = 0;
  reader.take(kind);
  reader.take(time);
  if (!reader.whole || kind >= kTakers.size()) return std::nullopt;
  Event event{TimePoint(Nanoseconds(time)), kTakers[kind](reader)};
  if (!reader.whole || reader.left != 0) return std::nullopt;
  return event;
}

}  // namespace

Result<SegmentWriter> SegmentWriter::create(const std::string& path, std::size_t limit) {
  SegmentWriter writer;
  // A target may have put a link there, or a FIFO, at which an open would wait.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  writer.file_ = ScopedFd(::open(path.c_str(), kFlags, 0644));
  if (!writer.file_) return Error{"create", path, errno, ""};
  writer.path_ = path;
  writer.name_ = std::filesystem::path(path).stem().string();
  writer.limit_ = limit;
  writer.buffer_.reserve(kBlock + (kBlock / 4));
  writer.buffer_.assign(kHeader.begin(), kHeader.end());
  return writer;
}

void SegmentWriter::record(TimePoint at, EventBody body) {
  LASTCALL_INVARIANT(file_);
  payload_.clear();
  put(payload_, static_cast<std::uint8_t>(body.index()));
  put(payload_, static_cast<std::int64_t>(at.time_since_epoch().count()));
  std::visit(
      [this](const auto& event) {
        visit_fields(event, [this](std::string_view, const auto& field) { put(payload_, field); });
      },
      body);
  const auto cost = sizeof(Event) + payload_.size();
  if (!has_share(at, body, cost)) return;
  if (lost_ > 0 || error_ != 0 || taken_ + cost > limit_) {
    ++lost_;
    return;
  }
  taken_ += cost;
  append(payload_);
  ++buffered_;
  if (buffer_.size() >= kBlock) flush();
}

bool SegmentWriter::has_share(TimePoint at, const EventBody& body, std::size_t cost) {
  const auto [is_limited, kind_name] = std::visit(
      []<class Body>(const Body&) { return std::pair(comes_in_floods<Body>(), Body::kName); },
      body);
  if (!is_limited) return true;
  const auto share = limit_ / kShares;
  auto& taken = taken_by_[body.index()];
  if (taken > share) return false;
  taken += cost;
  if (taken <= share) return true;
  // The source tells checkers that do not depend on these two kinds that they lost nothing.
  const auto source = std::holds_alternative<Notification>(body)   ? kLostNotifications
                      : std::holds_alternative<ControlFrame>(body) ? kLostControlFrames
                                                                   : std::string_view(name_);
  record(at, EventsLost{std::string(source),
                        "there were more '" + std::string(kind_name) + "' events than the " +
                            std::to_string(share >> 20U) + " MiB that lastcall keeps"});
  return false;
}

Result<std::size_t> SegmentWriter::finish() {
  LASTCALL_INVARIANT(file_);
  payload_.clear();
  put(payload_, kLastRecord);
  put(payload_, lost_);
  append(payload_);
  flush();
  file_.reset();
  if (error_ != 0) return Error{"write", path_, error_, ""};
  return written_;
}

void SegmentWriter::append(const Bytes& payload) {
  put(buffer_, static_cast<std::uint32_t>(payload.size()));
  put(buffer_, checksum(payload.data(), payload.size()));
  buffer_.insert(buffer_.end(), payload.begin(), payload.end());
}

void SegmentWriter::flush() {
  std::size_t done = 0;
  while (error_ == 0 && done < buffer_.size()) {
    const ssize_t count = ::write(file_.get(), buffer_.data() + done, buffer_.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      error_ = errno;
      lost_ += buffered_;  // some of them may be in the file whole; counting them as lost errs on
                           // the safe side
    }
  }
  written_ += done;
  buffered_ = 0;
  buffer_.clear();
}

Segment parse_segment(const unsigned char* data, std::size_t size) {
  Segment segment;
  std::size_t at = 0;
  const auto stop_at = [&](const char* why) {
    segment.problem = "byte " + std::to_string(at) + ": " + why;
    return std::move(segment);
  };
  if (size < kHeader.size() || !std::equal(kHeader.begin(), kHeader.end(), data)) {
    return stop_at("no segment header of a known version");
  }
  for (at = kHeader.size(); at < size;) {
    PayloadReader record{data + at, size - at};
    std::uint32_t length = 0;
    std::uint32_t expected = 0;
    record.take(length);
    record.take(expected);
    if (!record.whole || length > record.left) return stop_at("cut off inside a record");
    if (checksum(record.data, length) != expected) return stop_at("a record's checksum is wrong");
    if (length > 0 && record.data[0] == kLastRecord) {
      PayloadReader last{record.data + 1, length - 1};
      last.take(segment.lost);
      if (!last.whole || last.left != 0) return stop_at("a malformed last record");
      if (record.left != length) return stop_at("bytes after the last record");
      segment.complete = true;
      return segment;
    }
    auto event = decode(record.data, length);
    if (!event) return stop_at("a record that is no event of this version");
    segment.events.push_back(std::move(*event));
    at += kRecordHeader + length;
  }
  return stop_at("cut off before the last record");
}

Result<Segment> read_segment(const std::string& path) {
  const auto bytes = read_regular(path, SegmentWriter::kDefaultLimit + kBlock);
  if (!bytes) return bytes.error();
  return parse_segment(reinterpret_cast<const unsigned char*>(bytes->data()), bytes->size());
}

}  // namespace lastcall
