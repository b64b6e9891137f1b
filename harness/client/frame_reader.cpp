#include "client/frame_reader.hpp"

#include <algorithm>
#include <string_view>

namespace lastcall {
namespace {

constexpr unsigned char kOpcodeClose = 0x8;
constexpr unsigned char kOpcodePing = 0x9;
constexpr unsigned char kOpcodePong = 0xA;
constexpr std::size_t kControlLimit = 125;  // RFC 6455, section 5.5

constexpr std::size_t kStatusEnd = std::string_view("HTTP/1.1 101").size();

// Whether an HTTP message is an answer that refuses the upgrade; its body is no frames.
bool declined(const std::string& start) {
  return start.starts_with("HTTP/") && !start.ends_with(" 101");
}

std::size_t header_length(const std::array<unsigned char, 14>& header) {
  const unsigned length = header[1] & 0x7F;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  return 2 + extended + ((header[1] & 0x80) != 0 ? 4 : 0);
}

}  // namespace

void FrameReader::feed(const unsigned char* data, std::size_t size) {
  std::size_t i = 0;
  while (i < size) {
    switch (state_) {
      case State::http: {
        constexpr std::array<unsigned char, 4> kEnd{'\r', '\n', '\r', '\n'};
        const auto byte = data[i++];
        if (start_.size() < kStatusEnd) start_ += static_cast<char>(byte);
        blank_line_ = byte == kEnd[blank_line_] ? blank_line_ + 1 : byte == '\r' ? 1 : 0;
        if (blank_line_ == kEnd.size()) state_ = declined(start_) ? State::declined : State::header;
        break;
      }
      case State::declined:
        return;
      case State::header:
        header_byte(data[i++]);
        break;
      case State::payload: {
        const auto take =
            static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, size - i));
        if ((header_[0] & 0x0F) == kOpcodeClose && control_.size() < kControlLimit) {
          control_.append(reinterpret_cast<const char*>(data + i),
                          std::min(take, kControlLimit - control_.size()));
        }
        payload_left_ -= take;
        i += take;
        if (payload_left_ == 0) end_frame();
        break;
      }
      case State::closed:
        bytes_after_close_ += size - i;
        return;
    }
  }
}

void FrameReader::header_byte(unsigned char byte) {
  header_[header_size_++] = byte;
  if (header_size_ >= 2 && header_size_ == header_length(header_)) begin_payload();
}

void FrameReader::begin_payload() {
  const unsigned length = header_[1] & 0x7F;
  payload_left_ = length;
  if (length >= 126) {
    payload_left_ = 0;
    const std::size_t bytes = length == 126 ? 2 : 8;
    for (std::size_t i = 0; i < bytes; ++i) payload_left_ = payload_left_ << 8 | header_[2 + i];
  }
  control_.clear();
  state_ = State::payload;
  if (payload_left_ == 0) end_frame();
}

void FrameReader::end_frame() {
  state_ = State::header;
  const unsigned opcode = header_[0] & 0x0F;
  if (opcode == kOpcodePing) ++pings_;
  if (opcode == kOpcodePong) ++pongs_;
  const bool close_frame = opcode == kOpcodeClose;
  if (close_frame) {
    if ((header_[1] & 0x80) != 0) {  // masked: the key is the last four bytes of the header
      for (std::size_t i = 0; i < control_.size(); ++i) {
        control_[i] = static_cast<char>(control_[i] ^ header_[header_size_ - 4U + i % 4]);
      }
    }
    Close close;
    if (control_.size() >= 2) {
      close.code = static_cast<std::uint16_t>(static_cast<unsigned char>(control_[0]) << 8 |
                                              static_cast<unsigned char>(control_[1]));
      close.reason = control_.substr(2);
    }
    close_ = std::move(close);
    state_ = State::closed;
  }
  header_size_ = 0;
}

}  // namespace lastcall
