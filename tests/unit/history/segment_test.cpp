#include "history/segment.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "history/event_fields.hpp"
#include "history/history.hpp"
#include "unit/history/one_of_each.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using testing::at_ms;
using testing::one_of_each;

std::vector<std::string> as_json(const std::vector<Event>& events) {
  std::vector<std::string> lines;
  for (const auto& event : events) lines.push_back(to_json(event, TimePoint{}));
  return lines;
}

class SegmentFile : public ::testing::Test {
 protected:
  std::string path_ = ::testing::TempDir() + "lastcall-segment-" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  ~SegmentFile() override { std::filesystem::remove(path_); }

  std::vector<unsigned char> written(const std::vector<Event>& events,
                                     std::size_t limit = SegmentWriter::kDefaultLimit) {
    auto writer = SegmentWriter::create(path_, limit);
    EXPECT_TRUE(writer.has_value());
    for (const auto& event : events) writer->record(event.at, event.body);
    const auto bytes = writer->finish();
    EXPECT_TRUE(bytes.has_value());
    EXPECT_EQ(*bytes, std::filesystem::file_size(path_));
    return file();
  }
  std::vector<unsigned char> file() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

Segment parse(const std::vector<unsigned char>& bytes) {
  return parse_segment(bytes.data(), bytes.size());
}

TEST_F(SegmentFile, EveryKindOfEventComesBack) {
  ASSERT_EQ(one_of_each().size(), std::variant_size_v<EventVariant>);
  written(one_of_each());
  const auto segment = read_segment(path_);
  ASSERT_TRUE(segment.has_value());
  EXPECT_TRUE(segment->complete) << segment->problem;
  EXPECT_EQ(segment->lost, 0U);
  EXPECT_EQ(as_json(segment->events), as_json(one_of_each()));
}

TEST_F(SegmentFile, AnEmptySegmentIsComplete) {
  const auto segment = parse(written({}));
  EXPECT_TRUE(segment.complete);
  EXPECT_TRUE(segment.events.empty());
}

// A random value of any field's type, within what can be recorded.
template <class T>
void draw(T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    field = *rc::gen::arbitrary<std::string>();
  } else if constexpr (std::is_enum_v<T>) {
    do {  // of all, also where the case is a small one: 0 may be unknown
      field = static_cast<T>(*rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 8)));
    } while (!is_known(field));
  } else if constexpr (std::is_integral_v<T>) {
    field = *rc::gen::arbitrary<T>();
  } else {
    draw(field.value);
  }
}

template <std::size_t Kind>
EventBody draw_body() {
  std::variant_alternative_t<Kind, EventVariant> body;
  visit_fields(body, [](std::string_view, auto& field) { draw(field); });
  return body;
}

Event draw_event() {
  static constexpr auto kDraw = []<std::size_t... Kinds>(std::index_sequence<Kinds...>) {
    return std::array<EventBody (*)(), sizeof...(Kinds)>{&draw_body<Kinds>...};
  }
  (std::make_index_sequence<std::variant_size_v<EventVariant>>{});
  const auto kind = *rc::gen::inRange<std::size_t>(0, kDraw.size());
  return {at_ms(*rc::gen::inRange(0, 1'000'000)), kDraw.at(kind)()};
}

TEST_F(SegmentFile, AnyEventsComeBack) {
  EXPECT_TRUE(rc::check([this] {
    std::vector<Event> events(*rc::gen::inRange<std::size_t>(0, 12));
    for (auto& event : events) event = draw_event();
    const auto segment = parse(written(events));
    RC_ASSERT(segment.complete);
    RC_ASSERT(as_json(segment.events) == as_json(events));
  }));
}

TEST_F(SegmentFile, DamagedBytesNeverCrashTheReader) {
  EXPECT_TRUE(rc::check([](std::vector<unsigned char> bytes) {
    const std::vector<unsigned char> header{'L', 'C', 'S', 'E', 'G', 1, 1, 0};
    bytes.insert(bytes.begin(), header.begin(), header.end());
    RC_ASSERT(!parse(bytes).complete);
  }));
}

TEST_F(SegmentFile, ATruncatedSegmentKeepsItsWholeRecordsAndSaysSo) {
  const auto whole = written(one_of_each());
  const auto expected = as_json(one_of_each());
  std::size_t most = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto segment = parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_FALSE(segment.complete) << size;
    ASSERT_THAT(segment.problem, ::testing::StartsWith("byte ")) << size;
    const auto lines = as_json(segment.events);
    ASSERT_GE(lines.size(), most);
    ASSERT_LE(lines.size(), most + 1);
    most = lines.size();
    ASSERT_TRUE(std::equal(lines.begin(), lines.end(), expected.begin())) << size;
  }
  EXPECT_EQ(most, expected.size());
}

TEST_F(SegmentFile, AFlippedBitOfAnyByteIsDetected) {
  const auto whole = written(one_of_each());
  const auto expected = as_json(one_of_each());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto bytes = whole;
    bytes[i] = static_cast<unsigned char>(bytes[i] ^ (1U << (i % 8)));
    const auto segment = parse(bytes);
    ASSERT_FALSE(segment.complete) << "byte " << i;
    const auto lines = as_json(segment.events);
    ASSERT_LE(lines.size(), expected.size());
    ASSERT_TRUE(std::equal(lines.begin(), lines.end(), expected.begin())) << "byte " << i;
  }
}

TEST_F(SegmentFile, BytesAfterTheLastRecordAreDamage) {
  auto bytes = written({});
  bytes.push_back(0);
  const auto segment = parse(bytes);
  EXPECT_FALSE(segment.complete);
  EXPECT_EQ(segment.problem, "byte 8: bytes after the last record");
}

// A record with a right checksum around `payload`.
std::vector<unsigned char> segment_with(const std::vector<unsigned char>& payload,
                                        std::uint32_t crc) {
  std::vector<unsigned char> bytes{'L', 'C', 'S', 'E', 'G', 1, 1, 0};
  for (const auto number : {static_cast<std::uint32_t>(payload.size()), crc}) {
    for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<unsigned char>(number >> (8 * i)));
  }
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

std::uint32_t crc32(const std::vector<unsigned char>& bytes) {
  std::uint32_t crc = ~0U;
  for (const auto byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

TEST(SegmentRecords, WhatIsNoEventIsDamageAndNamesItsByte) {
  const std::vector<unsigned char> time(8, 0);
  const auto payload = [&](unsigned char kind, std::vector<unsigned char> fields) {
    fields.insert(fields.begin(), time.begin(), time.end());
    fields.insert(fields.begin(), kind);
    return fields;
  };
  const auto problem = [](const std::vector<unsigned char>& bytes) {
    return parse(segment_with(bytes, crc32(bytes))).problem;
  };
  const std::string no_event = "byte 8: a record that is no event of this version";
  EXPECT_EQ(problem(payload(0, {1})),
            "byte 26: cut off before the last record");           // a whole PhaseBegan
  EXPECT_EQ(problem(payload(200, {})), no_event);                 // unknown kind
  EXPECT_EQ(problem(payload(0, {9})), no_event);                  // no such phase
  EXPECT_EQ(problem(payload(0, {})), no_event);                   // too short
  EXPECT_EQ(problem(payload(0, {1, 0})), no_event);               // too long
  EXPECT_EQ(problem(payload(2, {200, 0, 0, 0, 'x'})), no_event);  // a string beyond its end
  EXPECT_EQ(problem({}), no_event);
  EXPECT_EQ(problem({255, 0}), "byte 8: a malformed last record");
}

TEST_F(SegmentFile, EventsBeyondTheLimitAreCountedAndAPrefixStays) {
  std::vector<Event> events(100,
                            {at_ms(1), TargetOutput{Stream::out, std::string(100, 'x'), false}});
  events.push_back({at_ms(2), TargetReady{}});  // would fit, but then there would be a hole
  const auto segment = parse(written(events, 1'000));
  EXPECT_TRUE(segment.complete);
  EXPECT_GT(segment.events.size(), 0U);
  EXPECT_EQ(segment.events.size() + segment.lost, 101U);
  EXPECT_LE(std::filesystem::file_size(path_), 1'017U);  // the last record comes on top
  EXPECT_TRUE(std::holds_alternative<TargetOutput>(segment.events.back().body));
}

std::vector<EventsLost> losses(const Segment& segment) {
  std::vector<EventsLost> found;
  for (const auto& event : segment.events) {
    if (const auto* lost = std::get_if<EventsLost>(&event.body)) found.push_back(*lost);
  }
  return found;
}

TEST_F(SegmentFile, AFloodOfOneKindLeavesRoomForTheOthers) {
  constexpr std::size_t kLimit = std::size_t{8} << 20;
  std::vector<Event> events(100'000, {at_ms(1), Notification{7, "STATUS=busy", 0}});
  events.insert(events.end(), 100'000, {at_ms(2), ProcessEnded{7, "sh", EndKind::exited, 0}});
  events.insert(events.end(), 100'000, {at_ms(3), ControlFrame{}});
  events.push_back({at_ms(4), TargetEnded{}});
  const auto segment = parse(written(events, kLimit));
  EXPECT_TRUE(segment.complete);
  EXPECT_EQ(segment.lost, 0U);
  EXPECT_TRUE(std::holds_alternative<TargetEnded>(segment.events.back().body));
  EXPECT_GT(segment.events.size(), 3'000U);
  EXPECT_LE(segment.events.size() * sizeof(Event), 3 * kLimit / SegmentWriter::kShares + 4096);
  const auto lost = losses(segment);
  ASSERT_EQ(lost.size(), 3U) << "once a kind";
  EXPECT_EQ(lost[0].source, "notifications");
  EXPECT_EQ(lost[0].reason,
            "there were more 'notification' events than the 1 MiB that lastcall keeps");
  EXPECT_EQ(lost[1].source, std::filesystem::path(path_).stem().string());
  EXPECT_EQ(lost[1].reason,
            "there were more 'process_ended' events than the 1 MiB that lastcall keeps");
  EXPECT_EQ(lost[2].source, "control frames");
}

TEST_F(SegmentFile, WhatClientsDoAndLagsMayTakeAll) {
  constexpr std::size_t kLimit = std::size_t{8} << 20;
  std::vector<Event> events(10'000, {at_ms(1), RequestSent{}});
  events.insert(events.end(), 10'000, {at_ms(2), Lag{"trial", 1}});
  const auto segment = parse(written(events, kLimit));
  EXPECT_EQ(segment.events.size(), events.size());
}

TEST_F(SegmentFile, TakesNoMoreMemoryToReadThanItsLimit) {
  constexpr std::size_t kLimit = std::size_t{1} << 20;
  const auto segment = parse(written(std::vector<Event>(100'000, {at_ms(1), Fin{}}), kLimit));
  EXPECT_TRUE(segment.complete);
  EXPECT_LE(segment.events.size() * sizeof(Event), kLimit);
  EXPECT_EQ(segment.events.size() + segment.lost, 100'000U);
}

TEST_F(SegmentFile, LongStringsAreCut) {
  const auto segment =
      parse(written({{at_ms(1), TargetOutput{Stream::out, std::string(200'000, 'x'), false}}}));
  ASSERT_TRUE(segment.complete);
  EXPECT_EQ(std::get<TargetOutput>(segment.events.at(0).body).line.size(), 65'536U);
}

TEST_F(SegmentFile, ManyBlocksAreWrittenInOrder) {
  std::vector<Event> events;
  for (int i = 0; i < 10'000; ++i)
    events.push_back({at_ms(i), FilesSearched{static_cast<std::uint32_t>(i)}});
  const auto segment = parse(written(events));
  ASSERT_TRUE(segment.complete);
  EXPECT_EQ(as_json(segment.events), as_json(events));
}

TEST_F(SegmentFile, AMovedWriterGoesOnWhereItWas) {
  auto first = SegmentWriter::create(path_);
  ASSERT_TRUE(first.has_value());
  first->record(at_ms(1), TargetReady{});
  SegmentWriter second = std::move(*first);
  second.record(at_ms(2), DeadlinePassed{});
  EXPECT_TRUE(second.finish().has_value());
  EXPECT_EQ(parse(file()).events.size(), 2U);
  EXPECT_DEATH(first->record(TargetReady{}), "broken invariant");
  EXPECT_DEATH(second.record(TargetReady{}), "broken invariant");
}

TEST_F(SegmentFile, AWriterThatNeverFinishedLeavesACutOffSegment) {
  {
    auto writer = SegmentWriter::create(path_);
    for (int i = 0; i < 5'000; ++i) writer->record(at_ms(i), TargetReady{});
  }
  const auto segment = parse(file());
  EXPECT_FALSE(segment.complete);
  EXPECT_GT(segment.events.size(), 0U);
}

TEST(SegmentErrors, AFullDiskIsAnErrorOfTheEnvironment) {
  auto writer = SegmentWriter::create("/dev/full");
  ASSERT_TRUE(writer.has_value());
  for (int i = 0; i < 10'000; ++i) writer->record(at_ms(i), TargetReady{});
  const auto finished = writer->finish();
  ASSERT_TRUE(finished.has_error());
  EXPECT_EQ(finished.error().error_number, ENOSPC);
  EXPECT_EQ(finished.error().on, "/dev/full");
}

TEST(SegmentErrors, WhatLiesInTheWayIsAnErrorOfTheEnvironment) {
  const testing::ScratchFolder folder;
  const auto path = folder / "trial.seg";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(SegmentWriter::create(path).error().error_number, ENXIO) << "nobody reads there";
  const auto precious = folder.write("precious", "as it was");
  std::filesystem::create_symlink(precious, folder / "link.seg");
  EXPECT_EQ(SegmentWriter::create(folder / "link.seg").error().error_number, ELOOP);
  EXPECT_EQ(std::filesystem::file_size(precious), 9U);
}

TEST(SegmentErrors, AMissingFileOrFolderIsAnErrorOfTheEnvironment) {
  EXPECT_EQ(read_segment("/no/such/file").error().error_number, ENOENT);
  EXPECT_EQ(SegmentWriter::create("/no/such/file").error().error_number, ENOENT);
}

}  // namespace
}  // namespace lastcall
