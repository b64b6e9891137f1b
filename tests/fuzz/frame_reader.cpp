// The frame reader sees the same in a stream, however it is cut.
#include "client/frame_reader.hpp"

#include <cstddef>
#include <cstdint>

#include "base/invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lastcall::FrameReader whole;
  lastcall::FrameReader bytes;
  whole.feed(data, size);
  for (std::size_t i = 0; i < size; ++i) bytes.feed(data + i, 1);
  LASTCALL_INVARIANT(whole.close().has_value() == bytes.close().has_value());
  LASTCALL_INVARIANT(whole.bytes_after_close() == bytes.bytes_after_close());
  if (whole.close()) {
    LASTCALL_INVARIANT(whole.close()->code == bytes.close()->code);
    LASTCALL_INVARIANT(whole.close()->reason == bytes.close()->reason);
    LASTCALL_INVARIANT(whole.close()->reason.size() <= 123);  // RFC 6455, section 5.5
  }
  return 0;
}
