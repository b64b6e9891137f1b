// Reads the headers of WebSocket frames (RFC 6455, section 5.2) from a byte stream, so that a Close
// frame and what comes after it are seen even where the WebSocket library no longer looks. Pure: no
// I/O. Bounded: keeps the payload of control frames only (at most 125 bytes). Either direction,
// masked or not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lastcall {

class FrameReader {
 public:
  struct Close {
    std::uint16_t code = 1005;  // RFC 6455, section 7.4.1: no code was present
    std::string reason;
  };

  // The stream begins with an HTTP message (the upgrade), which ends with an empty line. Bytes of a
  // stream that never gets there are skipped, and so is what follows an answer that is not 101
  // (Switching Protocols).
  void feed(const unsigned char* data, std::size_t size);

  // Set once a Close frame is complete.
  [[nodiscard]] const std::optional<Close>& close() const { return close_; }
  // Bytes that came after that frame.
  [[nodiscard]] std::uint64_t bytes_after_close() const { return bytes_after_close_; }
  // Ping and Pong frames before it.
  [[nodiscard]] std::uint64_t pings() const { return pings_; }
  [[nodiscard]] std::uint64_t pongs() const { return pongs_; }

 private:
  enum class State : std::uint8_t { http, declined, header, payload, closed };
  void header_byte(unsigned char byte);
  void begin_payload();
  void end_frame();

  State state_ = State::http;
  std::string start_;            // as much of the HTTP message as tells an answer's status
  std::uint8_t blank_line_ = 0;  // how much of "\r\n\r\n" has been matched
  std::array<unsigned char, 14> header_{};
  std::uint8_t header_size_ = 0;
  std::uint64_t payload_left_ = 0;
  std::string control_;  // payload of a Close frame
  std::optional<Close> close_;
  std::uint64_t bytes_after_close_ = 0;
  std::uint64_t pings_ = 0;
  std::uint64_t pongs_ = 0;
};

}  // namespace lastcall
