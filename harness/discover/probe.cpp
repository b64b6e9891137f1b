#include "discover/probe.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "discover/dialogue.hpp"
#include "discover/http2.hpp"
#include "discover/http_answer.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// A server on this machine that has not answered by then will not.
constexpr Nanoseconds kConnectLimit = 500ms;
constexpr Nanoseconds kHandshakeLimit = 1s;
constexpr Nanoseconds kGreetingLimit = 150ms;
constexpr Nanoseconds kAnswerLimit = 500ms;
// Answers of HTTP may take their time.
constexpr Nanoseconds kHttpLimit = 3s;
constexpr Nanoseconds kQuiet = 50ms;
constexpr std::size_t kHttp2Piece = 16 << 10;

constexpr std::array kUsualPaths{"/", "/health", "/healthz", "/ready"};
constexpr std::array kUsualWebsockets{"/ws", "/websocket", "/socket", "/chat"};
// RFC 6455, section 1.3: any sixteen bytes will do.
constexpr const char* kUpgrade =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: bGFzdGNhbGwgcHJvYmVzLg==\r\n";

class Prober {
 public:
  explicit Prober(FoundPort found) : found_(std::move(found)) {}

  FoundPort run() {
    look_for_tls();
    if (!found_.wants_certificate) look_for_speech();
    if (found_.speech == Speech::http) look_at_paths();
    return std::move(found_);
  }

 private:
  std::optional<Dialogue> connect(Offer offer = Offer::http1) {
    auto dialogue = Dialogue::open(found_.address, found_.port, kConnectLimit);
    if (dialogue && found_.tls && !dialogue->start_tls(offer, kHandshakeLimit).is_tls)
      return std::nullopt;
    return dialogue;
  }

  void look_for_tls() {
    auto dialogue = Dialogue::open(found_.address, found_.port, kConnectLimit);
    if (!dialogue) return;
    const auto tls = dialogue->start_tls(Offer::h2_and_http1, kHandshakeLimit);
    found_.tls = tls.is_tls;
    found_.wants_certificate = tls.refused;
    found_.http2 = tls.alpn == "h2";
  }

  void look_for_speech() {
    for (const auto& question : questions()) {
      if (question.shown_by(answer_to(question))) {
        found_.speech = question.speech;
        return;
      }
      if (question.speech == Speech::http && look_for_http2()) return;
    }
  }

  // Empty, as the answer of a server that says nothing, if it cannot be asked.
  std::string answer_to(const Question& question) {
    if (question.send.empty()) {
      if (!greeting_) {
        auto dialogue = connect();
        greeting_ = dialogue ? dialogue->receive(kGreetingLimit, kQuiet) : "";
      }
      return *greeting_;
    }
    auto dialogue = connect();
    if (!dialogue || !dialogue->send(question.send, kAnswerLimit)) return {};
    return dialogue->receive(question.speech == Speech::http ? kHttpLimit : kAnswerLimit, kQuiet);
  }

  // HTTP/2 that a client of HTTP/1 cannot have: without TLS "with prior knowledge" (RFC 9113,
  // section 3.3), over TLS by ALPN.
  bool look_for_http2() {
    const auto offer = found_.tls ? Offer::h2_and_http1 : Offer::nothing;
    auto ask = Http2Ask::grpc_health;
    auto answer = ask_over_http2(ask, offer);
    if (!answer.is_http2) return false;
    found_.speech = answer.is_grpc ? Speech::grpc : Speech::http2;
    found_.grpc_health = answer.grpc_status;
    if (!answer.is_grpc) {
      ask = Http2Ask::page;
      answer = ask_over_http2(ask, offer);
      found_.server = answer.server;
      if (answer.status != 0) found_.answers.push_back({"/", answer.status, took_});
    }
    const bool as_clients_do =
        answer.status != 0 && (!found_.tls || ask_over_http2(ask, Offer::nothing).status != 0);
    if (as_clients_do) found_.opening = http2_opening(ask, found_.tls, answer.head_flags);
    return true;
  }

  // Also sets `took_`.
  Http2Answer ask_over_http2(Http2Ask ask, Offer offer) {
    Http2Exchange exchange(ask, found_.tls);
    auto dialogue = connect(offer);
    const auto begin = now();
    while (dialogue && !exchange.answer().has_ended && now() - begin < kHttpLimit) {
      if (!dialogue->send(exchange.to_send(), kAnswerLimit)) break;
      const auto bytes = dialogue->receive(kHttpLimit, Nanoseconds(0), kHttp2Piece);
      if (bytes.empty() || !exchange.take(bytes) || !exchange.answer().is_http2) break;
    }
    if (dialogue) took_ = dialogue->last_byte() - begin;
    return exchange.answer();
  }

  // Also sets `took_`.
  std::string ask(const std::string& path, const std::string& headers) {
    auto dialogue = connect();
    const auto host =
        found_.address.find(':') == std::string::npos ? found_.address : "[" + found_.address + "]";
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: " + host + ":" +
                         std::to_string(found_.port) + "\r\nUser-Agent: lastcall\r\n" + headers +
                         "\r\n";
    const auto begin = now();
    if (!dialogue || !dialogue->send(request, kAnswerLimit)) return {};
    auto answer = dialogue->receive(kHttpLimit, kQuiet);
    took_ = dialogue->last_byte() - begin;
    return answer;
  }

  void look_at_paths() {
    std::vector<std::string> websockets;
    for (const auto* path : kUsualPaths) {
      const auto answer = ask(path, "Accept: */*\r\n");
      const auto head = http_head(answer);
      if (!head) continue;
      found_.server = head->server;
      found_.answers.push_back({path, head->status, took_});
      for (auto& one : websocket_paths_in(answer)) websockets.push_back(std::move(one));
    }
    websockets.emplace_back("/");
    websockets.insert(websockets.end(), kUsualWebsockets.begin(), kUsualWebsockets.end());
    for (const auto& path : websockets) {
      const auto head = http_head(ask(path, kUpgrade));
      if (!head || !head->upgraded_to_websocket) continue;
      found_.websocket = path;
      return;
    }
  }

  FoundPort found_;
  std::optional<std::string> greeting_;
  Nanoseconds took_{};
};

}  // namespace

const PathAnswer* FoundPort::best() const {
  const auto rank = [](const PathAnswer& answer) {
    const int kind = answer.status / 100;
    return kind == 2 ? 0 : kind == 3 ? 1 : kind == 4 ? 2 : 3;
  };
  // What waits for a WebSocket answers every request so (RFC 9110, section 15.5.22).
  constexpr int kUpgradeRequired = 426;
  const PathAnswer* best = nullptr;
  for (const auto& one : answers) {
    if (one.status == kUpgradeRequired) continue;
    // Much slower, because the difference between two quick ones is chance.
    const bool better = best == nullptr || rank(one) < rank(*best) ||
                        (rank(one) == rank(*best) && one.took > best->took * 3 + 20ms);
    if (better) best = &one;
  }
  return best;
}

FoundPort probe(std::uint16_t port, const std::string& preferred_address) {
  FoundPort found{.port = port};
  for (const std::string& address :
       {preferred_address, std::string("127.0.0.1"), std::string("::1")}) {
    if (address.empty() || !Dialogue::open(address, port, kConnectLimit)) continue;
    found.address = address;
    return Prober(std::move(found)).run();
  }
  return found;
}

}  // namespace lastcall
