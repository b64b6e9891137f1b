#include "discover/http2.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/text.hpp"
#include "discover/http_answer.hpp"

namespace lastcall {
namespace {

using Callbacks =
    std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>;
using Client = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

// RFC 9113, section 5.1.1: the first stream of a client.
constexpr int kStream = 1;
// gRPC over HTTP/2, "Length-Prefixed-Message": not compressed, no bytes; a HealthCheckRequest for
// the whole server.
constexpr std::array<char, 5> kEmptyMessage{};

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

ssize_t give_message(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                     std::uint32_t* flags, nghttp2_data_source*, void*) {
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  std::memcpy(into, kEmptyMessage.data(), std::min(room, kEmptyMessage.size()));
  return static_cast<ssize_t>(std::min(room, kEmptyMessage.size()));
}

int note_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& answer = *static_cast<Http2Answer*>(user);
  if (frame->hd.type == NGHTTP2_SETTINGS) answer.is_http2 = true;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == kStream &&
      frame->headers.cat == NGHTTP2_HCAT_RESPONSE)
    answer.head_flags = frame->hd.flags;
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.last_stream_id < kStream)
    answer.has_ended = true;
  return 0;
}

int note_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                std::uint8_t, void* user) {
  auto& answer = *static_cast<Http2Answer*>(user);
  if (frame->hd.stream_id != kStream) return 0;
  const std::string_view key(reinterpret_cast<const char*>(name), name_size);
  const std::string_view text(reinterpret_cast<const char*>(value), value_size);
  if (key == ":status") answer.status = parse_number<int>(text).value_or(0);
  if (key == "server") answer.server = printable_part(text);
  if (key == "content-type" && text.starts_with("application/grpc")) answer.is_grpc = true;
  if (key == "grpc-status") answer.grpc_status = printable_part(text);
  return 0;
}

int note_end(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user) {
  if (stream == kStream) static_cast<Http2Answer*>(user)->has_ended = true;
  return 0;
}

Callbacks callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  (void)nghttp2_session_callbacks_new(&made);
  Callbacks all(made, &nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, note_frame);
  nghttp2_session_callbacks_set_on_header_callback(made, note_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, note_end);
  return all;
}

// Each byte as an escape: a script of bytes has braces and quotes by chance.
std::string escaped(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return "'" + text + "'";
}

}  // namespace

struct Http2Exchange::Session {
  Http2Answer answer;
  Client client{nullptr, &nghttp2_session_del};
};

Http2Exchange::Http2Exchange(Http2Ask ask, bool over_tls) : session_(std::make_unique<Session>()) {
  const bool is_grpc = ask == Http2Ask::grpc_health;
  nghttp2_session* made = nullptr;
  (void)nghttp2_session_client_new(&made, callbacks().get(), &session_->answer);
  session_->client.reset(made);
  (void)nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, nullptr, 0);
  const std::array headers{header(":method", is_grpc ? "POST" : "GET"),
                           header(":scheme", over_tls ? "https" : "http"),
                           header(":path", is_grpc ? "/grpc.health.v1.Health/Check" : "/"),
                           header(":authority", "localhost"),
                           header("user-agent", "lastcall"),
                           header("content-type", "application/grpc"),
                           header("te", "trailers")};
  const std::size_t count = is_grpc ? headers.size() : headers.size() - 2;
  nghttp2_data_provider message{.source = {}, .read_callback = give_message};
  (void)nghttp2_submit_request(made, nullptr, headers.data(), count, is_grpc ? &message : nullptr,
                               nullptr);
}

Http2Exchange::~Http2Exchange() = default;

std::string Http2Exchange::to_send() {
  std::string bytes;
  for (;;) {
    const std::uint8_t* piece = nullptr;
    const auto size = nghttp2_session_mem_send(session_->client.get(), &piece);
    if (size <= 0) return bytes;
    bytes.append(reinterpret_cast<const char*>(piece), static_cast<std::size_t>(size));
  }
}

bool Http2Exchange::take(std::string_view bytes) {
  return nghttp2_session_mem_recv(session_->client.get(),
                                  reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                  bytes.size()) >= 0;
}

const Http2Answer& Http2Exchange::answer() const { return session_->answer; }

std::string http2_opening(Http2Ask ask, bool over_tls, unsigned head_flags) {
  using namespace std::string_view_literals;
  // RFC 9113, section 4.1: length (3 bytes), type, flags, stream (4 bytes).
  constexpr auto kSettings = "\x04\x00\x00\x00\x00\x00"sv;
  constexpr auto kSettingsAck = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"sv;
  const std::string head{'\x01', static_cast<char>(head_flags), 0, 0, 0, kStream};
  return "opening = [{ send = " + escaped(Http2Exchange(ask, over_tls).to_send()) +
         " }, { expect = " + escaped(kSettings) + " }, { send = " + escaped(kSettingsAck) +
         " }, { expect = " + escaped(head) + " }]\n";
}

}  // namespace lastcall
