// What a server speaks, told by the bytes that it answers to a question that harms no server. Pure
// functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/names.hpp"

namespace lastcall {

BOOST_DEFINE_FIXED_ENUM_CLASS(Speech, std::uint8_t, unknown, http, redis, memcached, mqtt,
                              postgresql, smtp, nats, echo, http2, grpc)

// One question, on a connection of its own, and the answer that shows who speaks so.
struct Question {
  Speech speech{};
  std::string_view send;  // empty: the server speaks first
  bool (*shown_by)(std::string_view answer) = nullptr;
};

// In the order in which they are asked: who speaks first is heard before anybody is asked.
std::span<const Question> questions();

// How a client talks to it, as the keys of [[clients]] take it (escapes for bytes included). Both
// are empty where lastcall knows no request that changes nothing.
struct SmallTalk {
  std::string_view opening;  // "{ expect = … }, …"
  std::string_view message;
  std::string_view ack;
};
SmallTalk small_talk(Speech speech);

// "HTTP", "Redis (RESP)"; "an unknown protocol".
std::string_view spoken_name(Speech speech);

}  // namespace lastcall
