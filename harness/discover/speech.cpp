#include "discover/speech.hpp"

#include <array>

namespace lastcall {
namespace {

using namespace std::string_view_literals;

constexpr auto kGet =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: lastcall\r\nAccept: */*\r\n\r\n"sv;
// MQTT 3.1.1, section 3.1: CONNECT, protocol level 4, a clean session, an empty client id.
constexpr auto kConnect = "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"sv;
// PostgreSQL manual, 55.7: SSLRequest, which is answered with one byte.
constexpr auto kSslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"sv;

constexpr std::array kQuestions{
    // RFC 5321, section 4.2: a greeting begins with 220. FTP has the same, and the same NOOP.
    Question{Speech::smtp, "",
             [](std::string_view answer) {
               return answer.starts_with("220 ") || answer.starts_with("220-");
             }},
    Question{Speech::nats, "",
             [](std::string_view answer) { return answer.starts_with("INFO {"); }},
    Question{Speech::http, kGet,
             [](std::string_view answer) { return answer.starts_with("HTTP/1."); }},
    Question{Speech::echo, kGet,
             [](std::string_view answer) { return answer.starts_with("GET / "); }},
    Question{Speech::redis, "PING\r\n",
             [](std::string_view answer) {
               return answer.starts_with("+PONG\r\n") || answer.starts_with("-NOAUTH") ||
                      answer.starts_with("-DENIED");
             }},
    Question{Speech::memcached, "version\r\n",
             [](std::string_view answer) { return answer.starts_with("VERSION "); }},
    Question{Speech::mqtt, kConnect,
             [](std::string_view answer) {
               return answer.size() >= 4 && answer.starts_with("\x20\x02"sv);
             }},
    Question{Speech::postgresql, kSslRequest,
             [](std::string_view answer) { return answer == "N" || answer == "S"; }},
};

}  // namespace

std::span<const Question> questions() { return kQuestions; }

SmallTalk small_talk(Speech speech) {
  switch (speech) {
    case Speech::redis:
      return {.opening = "", .message = R"(ECHO {id}\r\n)", .ack = "{id}"};
    case Speech::memcached:
      return {.opening = "", .message = R"(version\r\n)", .ack = R"(VERSION )"};
    case Speech::mqtt:
      return {.opening = R"({ send = '\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00' }, )"
                         R"({ expect = '\x20\x02' })",
              .message = R"(\xc0\x00)",
              .ack = R"(\xd0\x00)"};
    case Speech::smtp:
      return {.opening = R"({ expect = '\r\n' })", .message = R"(NOOP\r\n)", .ack = "250"};
    case Speech::nats:
      return {.opening = R"({ expect = '\r\n' }, { send = 'CONNECT {"verbose":false}\r\n' })",
              .message = R"(PING\r\n)",
              .ack = "PONG"};
    case Speech::echo:
      return {.opening = "", .message = R"({id}\r\n)", .ack = "{id}"};
    case Speech::postgresql:  // who may log in, and where, is not known
      return {
          .opening = R"({ send = '\x00\x00\x00\x08\x04\xd2\x16\x2f' })", .message = "", .ack = ""};
    default:
      return {};
  }
}

std::string_view spoken_name(Speech speech) {
  switch (speech) {
    case Speech::http:
      return "HTTP";
    case Speech::redis:
      return "Redis (RESP)";
    case Speech::memcached:
      return "memcached";
    case Speech::mqtt:
      return "MQTT";
    case Speech::postgresql:
      return "PostgreSQL";
    case Speech::smtp:
      return "SMTP";
    case Speech::nats:
      return "NATS";
    case Speech::echo:
      return "plain text, and echoes it";
    case Speech::http2:
      return "HTTP/2 only";
    case Speech::grpc:
      return "gRPC (HTTP/2)";
    case Speech::unknown:
      break;
  }
  return "an unknown protocol";
}

}  // namespace lastcall
