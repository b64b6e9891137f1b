#include "discover/http2.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace lastcall {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::string_view_literals;

// RFC 9113, section 4.1. Stream 0 is the connection.
std::string frame(char type, char flags, char stream, std::string_view payload) {
  std::string bytes{0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
  return bytes.append(payload);
}
const auto kSettings = frame(4, 0, 0, "");

// RFC 7541, section 6: an indexed field of the static table, and literals without indexing.
std::string literal(std::string_view name, std::string_view value) {
  std::string bytes{0, static_cast<char>(name.size())};
  bytes.append(name).push_back(static_cast<char>(value.size()));
  return bytes.append(value);
}
const std::string kStatus200{'\x88'};

Http2Answer answer_of(std::string_view bytes, Http2Ask ask = Http2Ask::page) {
  Http2Exchange exchange(ask, false);
  (void)exchange.to_send();
  (void)exchange.take(bytes);
  return exchange.answer();
}

TEST(Http2, BeginsWithThePrefaceAndSettings) {
  Http2Exchange exchange(Http2Ask::page, false);
  EXPECT_THAT(exchange.to_send(),
              StartsWith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"sv));
}
TEST(Http2, AcknowledgesTheSettingsOfTheServer) {
  Http2Exchange exchange(Http2Ask::page, false);
  (void)exchange.to_send();
  EXPECT_TRUE(exchange.take(kSettings));
  EXPECT_EQ(exchange.to_send(), frame(4, 1, 0, ""));
  EXPECT_TRUE(exchange.answer().is_http2);
  EXPECT_FALSE(exchange.answer().has_ended);
}
TEST(Http2, ReadsStatusAndServer) {
  const auto answer =
      answer_of(kSettings + frame(1, 4, 1, kStatus200 + literal("server", "small")) +
                frame(0, 1, 1, "hello"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.server, "small");
  EXPECT_EQ(answer.head_flags, 4U);
  EXPECT_TRUE(answer.has_ended);
  EXPECT_FALSE(answer.is_grpc);
}
TEST(Http2, KnowsGrpcByItsContentType) {
  const auto answer =
      answer_of(kSettings + frame(1, 5, 1,
                                  kStatus200 + literal("content-type", "application/grpc") +
                                      literal("grpc-status", "12")),
                Http2Ask::grpc_health);
  EXPECT_TRUE(answer.is_grpc);
  EXPECT_EQ(answer.grpc_status, "12");
}
TEST(Http2, IsNotWhatHttp1AnswersToItsPreface) {
  for (const auto& bytes : {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"sv, "-ERR\r\n"sv,
                            "VERSION 1.6.18\r\n"sv}) {
    EXPECT_FALSE(answer_of(bytes).is_http2) << bytes;
  }
  EXPECT_FALSE(answer_of(frame(7, 0, 0, "\0\0\0\0\0\0\0\0"sv)).is_http2) << "GOAWAY comes first";
}
TEST(Http2, EndsWhenTheServerGoesAway) {
  EXPECT_TRUE(answer_of(kSettings + frame(7, 0, 0, "\0\0\0\0\0\0\0\0"sv)).has_ended);
}
RC_GTEST_PROP(Http2, ReadsAnyBytes, (const std::string& bytes)) {
  (void)answer_of(bytes);
  (void)answer_of(kSettings + bytes, Http2Ask::grpc_health);
}
TEST(Http2, OpeningExpectsTheHeadAsItCame) {
  const auto opening = http2_opening(Http2Ask::grpc_health, false, 5);
  EXPECT_THAT(opening, StartsWith(R"(opening = [{ send = '\x50\x52\x49\x20)"));
  EXPECT_THAT(opening, HasSubstr(R"({ expect = '\x01\x05\x00\x00\x00\x01' })"));
}

}  // namespace
}  // namespace lastcall
