#include "client/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/invariant.hpp"
#include "client/connection.hpp"

namespace lastcall {
namespace {

// Who comes late and was not let in, or not served, tries again after this: often enough that a
// stop of a quarter of a second meets several attempts.
constexpr Range<Nanoseconds> kLateAgain{std::chrono::milliseconds(50),
                                        std::chrono::milliseconds(50)};

// More often than any load phase gives reason to; what comes back faster than that for longer is
// broken.
constexpr std::uint32_t kMaxReturns = 10'000;

std::unique_ptr<Connection> make_connection(const ConnectionSetup& setup) {
  if (is_websocket(setup.endpoint.protocol)) return websocket_connection(setup);
  return is_http(setup.endpoint.protocol) ? http_connection(setup) : raw_connection(setup);
}

class SessionOf final : public Session, public std::enable_shared_from_this<SessionOf> {
 public:
  SessionOf(SessionContext& context, const PlannedClient& client, const ClientGroup& group,
            Endpoint endpoint)
      : context_(context),
        client_(client),
        group_(group),
        endpoint_(std::move(endpoint)),
        delay_(context.io),
        returning_(is_late() ? kLateAgain : group.reconnect) {}

  void start(std::function<void()> on_end) override {
    asio::co_spawn(
        context_.io, run(),
        [self = shared_from_this(), on_end = std::move(on_end)](std::exception_ptr failure) {
          if (failure) std::rethrow_exception(failure);
          on_end();
        });
  }

  void target_ended() override {
    target_ended_ = true;
    delay_.cancel();
    if (connection_) connection_->target_ended();
  }
  [[nodiscard]] bool connected() const override { return connection_ && connection_->connected(); }
  bool abort(const std::string& how) override { return connection_ && connection_->abort(how); }
  void hang_up() override {
    hung_up_ = true;
    delay_.cancel();
    if (connection_) connection_->hang_up();
  }

 private:
  [[nodiscard]] bool is_late() const { return client_.behaviour == Behaviour::late; }
  [[nodiscard]] bool may_connect(std::uint32_t attempt) const {
    if (hung_up_ || target_ended_) return false;
    return !context_.stop_begun || comes_late(group_, client_.behaviour) ||
           (attempt > 0 && group_.reconnect_after_stop);
  }
  [[nodiscard]] bool may_come_back() const {
    if (!returning_ || hung_up_ || target_ended_ || returns_ >= kMaxReturns) return false;
    return !context_.stop_begun || is_late() || group_.reconnect_after_stop;
  }

  awaitable<void> run() {
    co_await pause(client_.start);
    Prng pace(client_.pace_seed);
    std::uint32_t next = 0;
    auto back_off = returning_.value_or(Range<Nanoseconds>{}).low;
    for (std::uint32_t attempt = 0; may_connect(attempt); ++attempt) {
      connection_ = make_connection({context_, client_, group_, endpoint_, attempt});
      co_await connection_->run(pace, next);
      if (group_.messages != 0 && next >= group_.messages) break;
      if (client_.leaves_after != 0 && next >= client_.leaves_after) break;  // it is gone for good
      // An HTTP server may close a connection between two requests whenever it likes (RFC 9112,
      // section 9.5): the client goes on with a new one, as long as each answers something.
      const bool goes_on = is_http(endpoint_.protocol) && connection_->closed_between_requests();
      if (connection_->was_opened() && returning_) back_off = returning_->low;
      if (goes_on && !is_late()) continue;
      if (!may_come_back()) break;
      ++returns_;
      co_await pause(back_off);
      back_off = std::min(back_off * 2, returning_->high);
    }
    connection_.reset();
  }

  awaitable<void> pause(Nanoseconds length) {
    delay_.expires_after(length);
    // Nobody cancels it any more if that came first.
    if (!hung_up_ && !target_ended_) co_await delay_.async_wait(kTuple);
  }

  SessionContext& context_;
  PlannedClient client_;
  const ClientGroup& group_;
  Endpoint endpoint_;
  asio::steady_timer delay_;
  std::optional<Range<Nanoseconds>> returning_;  // back-off
  std::unique_ptr<Connection> connection_;
  std::uint32_t returns_ = 0;
  bool target_ended_ = false;
  bool hung_up_ = false;
};

}  // namespace

std::shared_ptr<Session> Session::create(SessionContext& context, const PlannedClient& client,
                                         const ClientGroup& group) {
  auto values = context.placeholders;
  values["client"] = std::to_string(client.id.value);
  auto endpoint = parse_endpoint(expand_placeholders(group.url, values));
  LASTCALL_INVARIANT(endpoint.has_value());  // the scenario's parser has checked it
  return std::make_shared<SessionOf>(context, client, group, std::move(*endpoint));
}

}  // namespace lastcall
