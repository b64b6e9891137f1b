#include "client/frame_reader.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace lastcall {
namespace {

constexpr unsigned kText = 0x1;
constexpr unsigned kClose = 0x8;
const std::string kUpgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

// RFC 6455, section 5.2. `length_bytes`: 0, 2 or 8 bytes of extended length.
std::string header(unsigned opcode, std::uint64_t size, unsigned length_bytes, bool masked) {
  std::string text(1, static_cast<char>(0x80U | opcode));
  const unsigned length = length_bytes == 0   ? static_cast<unsigned>(size)
                          : length_bytes == 2 ? 126
                                              : 127;
  text += static_cast<char>(length | (masked ? 0x80U : 0U));
  for (unsigned i = length_bytes; i > 0; --i) text += static_cast<char>(size >> (8 * (i - 1)));
  return text;
}
std::string frame(unsigned opcode, std::string payload, bool masked = false,
                  unsigned length_bytes = 0) {
  if (length_bytes == 0 && payload.size() > 125) length_bytes = payload.size() > 65535 ? 8 : 2;
  auto text = header(opcode, payload.size(), length_bytes, masked);
  if (masked) {
    const std::string key = "\x37\xfa\x21\x3d";  // the RFC's example
    text += key;
    for (std::size_t i = 0; i < payload.size(); ++i)
      payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
  }
  return text + payload;
}
std::string close_payload(std::uint16_t code, const std::string& reason) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)} + reason;
}

void feed(FrameReader& reader, const std::string& bytes) {
  reader.feed(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}
FrameReader fed(const std::string& bytes) {
  FrameReader reader;
  feed(reader, bytes);
  return reader;
}

TEST(FrameReader, SeesAnUnmaskedAndAMaskedCloseFrame) {
  for (const bool masked : {false, true}) {
    const auto reader = fed(kUpgrade + frame(kClose, close_payload(1001, "going away"), masked));
    ASSERT_TRUE(reader.close().has_value());
    EXPECT_EQ(reader.close()->code, 1001);
    EXPECT_EQ(reader.close()->reason, "going away");
  }
}

TEST(FrameReader, GivesACloseFrameWithoutACodeTheCode1005) {
  const auto reader = fed(kUpgrade + frame(kClose, ""));
  ASSERT_TRUE(reader.close().has_value());
  EXPECT_EQ(reader.close()->code, 1005);
  EXPECT_EQ(reader.close()->reason, "");
}

TEST(FrameReader, CountsWhatComesAfterTheCloseFrame) {
  auto reader = fed(kUpgrade + frame(kClose, close_payload(1000, "")) + frame(kText, "late"));
  EXPECT_EQ(reader.bytes_after_close(), 6U);
  feed(reader, frame(kClose, close_payload(1002, "")));
  EXPECT_EQ(reader.bytes_after_close(), 10U);
  EXPECT_EQ(reader.close()->code, 1000) << "the first one counts";
}

TEST(FrameReader, SkipsPayloadsOfEveryLengthForm) {
  const std::string like_close = frame(kClose, close_payload(1000, ""));
  for (const bool masked : {false, true}) {
    for (const unsigned length_bytes : {0U, 2U, 8U}) {
      const auto reader = fed(kUpgrade + frame(kText, like_close, masked, length_bytes) +
                              frame(kClose, close_payload(1001, "")));
      ASSERT_TRUE(reader.close().has_value());
      EXPECT_EQ(reader.close()->code, 1001) << "the payload only looks like a Close frame";
      EXPECT_EQ(reader.bytes_after_close(), 0U);
    }
  }
}

TEST(FrameReader, ReadsFramesOfMoreThan64KiB) {
  const auto reader = fed(kUpgrade + frame(kText, std::string(70'000, 'x')) +
                          frame(kClose, close_payload(1001, "")));
  EXPECT_TRUE(reader.close().has_value());
}

TEST(FrameReader, DoesNotSeeACloseFrameBeforeItIsComplete) {
  const auto bytes = kUpgrade + frame(kClose, close_payload(1001, "going away"));
  EXPECT_FALSE(fed(bytes.substr(0, bytes.size() - 1)).close().has_value());
}

TEST(FrameReader, SkipsAStreamThatNeverUpgrades) {
  const auto reader =
      fed("HTTP/1.1 101 and no end of it\r\n" + frame(kClose, close_payload(1000, "")));
  EXPECT_FALSE(reader.close().has_value());
}

TEST(FrameReader, DoesNotReadTheBodyOfADeclinedUpgradeAsFrames) {
  // 'H' is 0x48, whose low half is the opcode of a Close frame, 'e' a length of 101.
  const auto reader = fed("HTTP/1.1 503 Service Unavailable\r\n\r\nHello" + std::string(300, 'o'));
  EXPECT_FALSE(reader.close().has_value());
  EXPECT_EQ(reader.bytes_after_close(), 0U);
}

TEST(FrameReader, ReadsTheClientsSideOfTheStreamToo) {
  const auto reader = fed("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" +
                          frame(kClose, close_payload(1001, ""), true));
  ASSERT_TRUE(reader.close().has_value());
  EXPECT_EQ(reader.close()->code, 1001);
}

TEST(FrameReader, KeepsNoMoreThanAControlFramesPayload) {
  // The longest length there is: nothing is set aside for it, neither for data nor for a Close
  // frame.
  for (const unsigned opcode : {kText, kClose}) {
    auto reader = fed(kUpgrade + header(opcode, std::uint64_t{4} << 30, 8, false));
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 64; ++i) feed(reader, block);
    EXPECT_FALSE(reader.close().has_value());
  }
  const auto reader = fed(kUpgrade + frame(kClose, close_payload(1000, std::string(100'000, 'r'))));
  ASSERT_TRUE(reader.close().has_value());
  EXPECT_EQ(reader.close()->reason.size(), 123U);
}

RC_GTEST_PROP(FrameReader, SeesTheSameInAnyChunking, ()) {
  const auto payloads =
      *rc::gen::resize(8, rc::gen::container<std::vector<std::string>>(rc::gen::mapcat(
                              rc::gen::element(0, 1, 125, 126, 300, 66'000), [](int size) {
                                return rc::gen::container<std::string>(
                                    static_cast<std::size_t>(size), rc::gen::arbitrary<char>());
                              })));
  const bool masked = *rc::gen::arbitrary<bool>();
  const auto code = *rc::gen::inRange<std::uint16_t>(1000, 5000);
  const auto reason = *rc::gen::resize(100, rc::gen::arbitrary<std::string>());
  RC_PRE(reason.size() <= 123U);
  const auto late = *rc::gen::arbitrary<std::string>();
  std::string bytes = kUpgrade;
  for (const auto& payload : payloads)
    bytes += frame(*rc::gen::element(0x0U, 0x1U, 0x2U, 0x9U, 0xAU), payload, masked);
  bytes += frame(kClose, close_payload(code, reason), masked) + late;
  FrameReader reader;
  const auto sizes = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(
      rc::gen::element<std::size_t>(1, 2, 7, 100, 5'000, 100'000)));
  for (std::size_t at = 0, i = 0; at < bytes.size(); at += sizes[i++ % sizes.size()]) {
    feed(reader, bytes.substr(at, sizes[i % sizes.size()]));
  }
  RC_ASSERT(reader.close().has_value());
  RC_ASSERT(reader.close()->code == code);
  RC_ASSERT(reader.close()->reason == reason);
  RC_ASSERT(reader.bytes_after_close() == late.size());
}

RC_GTEST_PROP(FrameReader, TakesAnyGarbage,
              (const std::vector<std::string>& chunks, bool upgraded)) {
  FrameReader reader;
  if (upgraded) feed(reader, kUpgrade);
  for (const auto& chunk : chunks) feed(reader, chunk);
  if (reader.close()) RC_ASSERT(reader.close()->reason.size() <= 123U);
}

}  // namespace
}  // namespace lastcall
