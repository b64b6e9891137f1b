// One request over HTTP/2 (RFC 9113) from its preface on, and what the answer says of the server.
// Bytes in, bytes out; nobody connects here. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lastcall {

enum class Http2Ask {
  page,         // GET /
  grpc_health,  // the health service that gRPC servers may have: grpc.health.v1.Health/Check
};

struct Http2Answer {
  bool is_http2 = false;      // it opened with SETTINGS
  bool has_ended = false;     // the answer is whole, or the server will not give one
  int status = 0;             // of HTTP; 0: no answer
  unsigned head_flags = 0;    // flags of the HEADERS frame with the answer's status
  std::string server{};       // the Server header, printable
  bool is_grpc = false;       // by its content type
  std::string grpc_status{};  // "0" is OK, "12" UNIMPLEMENTED
};

class Http2Exchange {
 public:
  Http2Exchange(Http2Ask ask, bool over_tls);
  ~Http2Exchange();
  Http2Exchange(Http2Exchange&&) = delete;
  Http2Exchange& operator=(Http2Exchange&&) = delete;

  // What is to be sent now: first the preface with the whole request, later what acknowledges.
  std::string to_send();
  // What came. False: it is not HTTP/2, or breaks its rules; nothing more is to be sent then.
  bool take(std::string_view bytes);
  [[nodiscard]] const Http2Answer& answer() const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

// The keys of [[clients]] of a group whose clients ask once on each connection: `opening`, a line.
// `head_flags`: as the server answered before; it answers so again.
std::string http2_opening(Http2Ask ask, bool over_tls, unsigned head_flags);

}  // namespace lastcall
