#include "client/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <tuple>

#include "base/durations.hpp"
#include "base/invariant.hpp"
#include "base/request_text.hpp"
#include "client/given_id.hpp"
#include "client/socket_queues.hpp"
#include "history/utf8.hpp"

namespace lastcall {
namespace {

// Bytes for people, not too many of them.
std::string in_quotes(const std::string& bytes) {
  constexpr std::size_t kMax = 60;
  std::string text = "\"";
  for (const char c : bytes.substr(0, kMax)) {
    const bool plain = c >= ' ' && c < '\x7f';
    std::array<char, 8> code{};
    if (!plain) std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned char>(c));
    text += plain ? std::string(1, c) : std::string(code.data());
  }
  return text + (bytes.size() > kMax ? "…\"" : "\"");
}

asio::ssl::context* tls_context(const ConnectionSetup& setup) {
  if (!is_tls(setup.endpoint.protocol)) return nullptr;
  auto& context = setup.context.tls.at(setup.client.group);
  LASTCALL_INVARIANT(context != nullptr);
  return context.get();
}

// Reads to the end of the stream what the application no longer expects; says how it ended.
awaitable<error_code> read_rest(Transport& transport) {
  std::array<unsigned char, 4096> scrap{};
  error_code ec;
  std::size_t n = 0;
  while (!ec) std::tie(ec, n) = co_await transport.async_read_some(asio::buffer(scrap), kTuple);
  co_return ec;
}

// Answers the server's end of the stream in order: our close_notify to its close_notify, our FIN to
// its FIN. Nobody may be writing any more.
awaitable<void> close_in_order(Transport& transport, ConnectionLog& log, error_code end) {
  if (auto& tls = transport.tls(); tls && end == asio::error::eof) {
    auto [shutdown_error] = co_await tls->async_shutdown(kTuple);
    if (!shutdown_error) log.close_notify(Direction::sent);
    std::array<unsigned char, 4096> scrap{};
    std::size_t late = 0;
    std::size_t n = 0;
    end = {};
    while (!end) {
      std::tie(end, n) =
          co_await transport.recording_socket().async_read_some(asio::buffer(scrap), kTuple);
      late += n;
    }
    log.after_close_notify(late);
  }
  if (end == asio::error::eof) {
    transport.socket().shutdown(asio::ip::tcp::socket::shutdown_send, end);
    if (!end) log.fin_sent();
  }
}

}  // namespace

void Deadline::arm(Nanoseconds limit) {
  timer_.expires_after(limit);
  timer_.async_wait([state = state_](error_code ec) {
    if (ec || state->transport == nullptr) return;
    state->passed = true;
    state->transport->close();
  });
}

bool is_end_of_stream(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::error::connection_reset ||
         ec == asio::error::operation_aborted || ec == asio::error::broken_pipe ||
         ec == asio::error::bad_descriptor || ec == asio::ssl::error::stream_truncated;
}

Connection::Connection(const ConnectionSetup& setup)
    : context_(setup.context),
      client_(setup.client),
      group_(setup.group),
      endpoint_(setup.endpoint),
      id_(connection_id(setup.client.id, setup.attempt)),
      log_(id_, &setup.context.events, &setup.context.triggers),
      transport_(setup.context.io.get_executor(), log_, tls_context(setup)),
      deadline_(transport_),
      wake_(setup.context.io),
      moment_(setup.context.io),
      misdeeds_(Prng::split(setup.client.pace_seed, std::uint64_t{setup.attempt})) {
  const auto how = traits(client_.behaviour);
  if (how.asks != Asking::never && how.misdeed == Misdeed::none) log_.time_requests();
  if (group_.id_from) id_finder_ = std::make_shared<const IdFinder>(*group_.id_from);
}

awaitable<void> Connection::run(Prng& pace, std::uint32_t& next) {
  log_.record(ConnectInvoked{id_, client_.group});
  deadline_.arm(context_.handshake_limit);
  auto failure = co_await come_up();
  deadline_.disarm();
  if (failure) {
    if (deadline_.passed()) {
      failure->reason = (failure->layer == Layer::script ? failure->reason + ": " : "") +
                        "no answer within " + human_duration(context_.handshake_limit);
    }
    co_return co_await end_after(*failure);
  }
  if (opened_) {
    log_.happened(ClientEvent::handshake);
    co_return co_await read_while_sending(pace, next);
  }
  close();
  finish("");  // it misbehaved instead of its handshake
}

// Either the opening is done (`opened_`), or something failed, or the client has misbehaved instead
// and is through.
awaitable<std::optional<Failure>> Connection::come_up() {
  const asio::ip::tcp::endpoint target(asio::ip::make_address(endpoint_.address), endpoint_.port);
  const ConnectOptions way{.to = target,
                           .source = client_.source,
                           .small_receive_buffer = client_.behaviour == Behaviour::slow_reader};
  if (auto failure = co_await connect_tcp(transport_, way)) co_return failure;
  // Before a proxy comes in between: what the target sees is this end.
  error_code ec;
  const auto own = transport_.socket().local_endpoint(ec);
  if (group_.proxy && context_.proxy != nullptr) {
    if (const auto problem = context_.proxy->interpose(id_, transport_.socket()))
      co_return Failure{Layer::tcp, "go through the proxy: " + problem.message(), problem.value()};
  }
  log_.up(Layer::tcp, ec ? "" : local_end(own.address().to_string(), own.port()));
  if (client_.behaviour == Behaviour::abort_handshake) {
    co_await abort_handshake();
    co_return std::nullopt;
  }
  const bool garbage = client_.behaviour == Behaviour::garbage;
  if (garbage && misbehaves_below_tls()) {
    co_await send_garbage(true);
    co_return std::nullopt;
  }
  if (transport_.tls()) {
    if (auto failure = co_await handshake_tls(transport_, endpoint_)) co_return failure;
    log_.up(Layer::tls);
  }
  if (garbage || client_.behaviour == Behaviour::silent) {
    if (garbage) co_await send_garbage(false);
    if (!garbage) co_await be_silent();
    co_return std::nullopt;
  }
  if (auto failure = co_await upgrade()) co_return failure;
  if (auto failure = co_await say_opening()) co_return failure;
  opened_ = true;
  co_return std::nullopt;
}

awaitable<std::optional<Failure>> Connection::say_opening() {
  for (std::size_t i = 0; i < group_.opening.size(); ++i) {
    const auto& step = group_.opening[i];
    const bool sends = !step.send.empty();
    const auto text = fill(sends ? step.send : step.expect);
    heard_.clear();
    const auto ec = sends ? co_await send_text(text) : co_await expect_text(text);
    if (!ec) continue;
    auto reason = "opening step " + std::to_string(i + 1) + ", " + (sends ? "send " : "expect ") +
                  in_quotes(text);
    if (!deadline_.passed()) reason += ": " + ec.message();
    co_return Failure{Layer::script, reason, 0, heard_};
  }
  if (!group_.opening.empty()) log_.up(Layer::script);
  co_return std::nullopt;
}

awaitable<void> Connection::end_after(const Failure& failure) {
  const bool to_blame = !is_gone();
  if (to_blame && failure.ours == 0) log_.failed(failure.layer, failure.reason, failure.said);
  if (is_shortage(failure.ours) && context_.on_shortage) {
    const auto address = endpoint_.address + ":" + std::to_string(endpoint_.port);
    context_.on_shortage({"connect a client to", address, failure.ours, ""});
  }
  if (to_blame && failure.layer == Layer::script && !deadline_.passed()) {
    deadline_.arm(kCloseLimit);
    co_await close_in_order(transport_, log_, co_await read_rest(transport_));
    deadline_.disarm();
  }
  close();
  finish(failure.reason);
}

void Connection::hang_up() {
  hung_up_ = true;
  mute_.reset();
  close();
  moment_.cancel();
  wake_.cancel();
}

void Connection::target_ended() {
  target_ended_ = true;
  transport_.read_slowly(0);
  wake_.cancel();
}

bool Connection::connected() const {
  return log_.connected() && !is_gone() && transport_.socket().is_open();
}

bool Connection::abort(const std::string& how) {
  if (!connected()) return false;
  leave_by_reset(how);
  return true;
}

void Connection::answered(RequestEnd end, int status, std::string_view answer,
                          std::string_view head) {
  if (end == RequestEnd::ok && id_finder_) {
    const auto given = id_finder_->find(answer, head);
    log_.id_given(given.id, given.problem);
  }
  const auto said = end == RequestEnd::refused ? one_line(answer) : "";
  log_.request_ended(end, status, answer.size(), said);
  ++answered_;
  wake_.cancel();
}

void Connection::heard(std::string_view bytes) {
  if (heard_.empty()) heard_ = one_line(bytes);
}

std::string Connection::fill(const std::string& text, const std::string& id) const {
  auto values = context_.placeholders;
  values["id"] = id;
  values["client"] = std::to_string(client_of(id_).value);
  auto filled = expand_placeholders(text, values);
  return text.find("{length") == std::string::npos ? filled : fill_lengths(filled);
}

std::string Connection::authority() const {
  return endpoint_.host + ":" + std::to_string(endpoint_.port);
}

std::vector<std::string_view> Connection::pieces(std::string_view message) const {
  std::vector<std::string_view> parts;
  const std::size_t count = std::max(1U, group_.fragments);
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = message.size() * i / count;
    parts.push_back(message.substr(begin, message.size() * (i + 1) / count - begin));
  }
  return parts;
}

void Connection::beside(awaitable<void> work) {
  ++beside_;
  asio::co_spawn(context_.io, std::move(work), [this](std::exception_ptr failure) {
    LASTCALL_INVARIANT(failure == nullptr);
    --beside_;
    wake_.cancel();
  });
}

awaitable<void> Connection::read_while_sending(Prng& pace, std::uint32_t& next) {
  beside(send_requests(pace, next));
  begin_beside();
  beside(misbehave_at_its_moment());
  const auto problem = co_await read();
  closing_ = true;
  wake_.cancel();
  moment_.cancel();
  end_beside();
  if (left_.empty()) {
    const bool holds = client_.behaviour == Behaviour::never_closes && problem.empty();
    if (holds && !hung_up_ && !log_.was_reset()) {
      co_await hold_on();
    } else {
      deadline_.arm(kCloseLimit);
      if (problem.empty()) co_await end_in_order();
      deadline_.disarm();
    }
  }
  close();
  co_await all_beside_ended();
  if (mute_) {
    while (!hung_up_ && !target_ended_) co_await wait();
    mute_.reset();
  }
  finish(problem);
}

awaitable<void> Connection::end_in_order() {
  const auto end = co_await read_rest(transport_);
  co_await all_beside_ended();  // a write that is stuck ends with the deadline
  co_await close_in_order(transport_, log_, end);
}

awaitable<void> Connection::send_requests(Prng& pace, std::uint32_t& next) {
  if (client_.behaviour == Behaviour::quiet) co_return;
  // A tcp client without a message has nothing to say after its opening.
  const bool says = is_http(endpoint_.protocol) || is_websocket(endpoint_.protocol) ||
                    group_.message.size() > 1 || !group_.message.front().empty();
  while (says && !is_over() && !last_ && (group_.messages == 0 || next < group_.messages)) {
    // Before an answer it would be silent, which a server may wait for.
    const bool may_idle = client_.behaviour == Behaviour::idle && answered_ > 0;
    if (may_idle && context_.stop_begun) co_return;
    const RequestId request{next++};
    const auto id = request_text(client_of(id_), request);
    awaited_ = fill(group_.acknowledgement, id);
    const auto which = group_.message.size() == 1 ? 0 : pace.between(0, group_.message.size() - 1);
    const auto message = fill(group_.message[which], id);
    heard_.clear();
    const auto asked = now();
    log_.request_sent(request, message.size(), static_cast<std::uint32_t>(which));
    if (co_await send(id, message)) co_return;
    if (!is_gone()) log_.request_written(transport_.recording_socket().written());
    while (!closing_ && log_.awaiting_answer()) co_await wait();
    if (may_leave() && next >= client_.leaves_after) break;
    const auto low = static_cast<std::uint64_t>(group_.pace.low.count());
    const auto high = static_cast<std::uint64_t>(group_.pace.high.count());
    // Where answers take long, one that idles would be waiting for the next one at most stops.
    const auto took = client_.behaviour == Behaviour::idle ? now() - asked : Nanoseconds(0);
    const auto until = now() + std::max(Nanoseconds(pace.between(low, high)), took);
    while (!is_over() && now() < until) co_await wait(until);
  }
  if (is_over() || last_) co_return;
  const bool leaves = may_leave();
  co_await say_goodbye();
  if (!leaves || is_over()) co_return;
  deadline_.arm(kCloseLimit);
  co_await close_first();
}

awaitable<void> Connection::close_first() {
  closed_first_ = true;
  if (auto& tls = transport_.tls()) {
    log_.close_notify(Direction::sent);
    co_await tls->async_shutdown(kTuple);
    co_return;
  }
  error_code ec;
  transport_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  if (!ec) log_.fin_sent();
}

// Sleeps until woken (or until a time); spurious wake-ups are for the caller to check.
awaitable<void> Connection::wait(TimePoint until) {
  wake_.expires_at(until);
  co_await wake_.async_wait(kTuple);
}

awaitable<void> Connection::all_beside_ended() {
  while (beside_ > 0) co_await wait();
}

void Connection::close() { transport_.close(); }

void Connection::finish(const std::string& problem) {
  end_ = hung_up_ || held_on_ ? ConnectionEndReason::harness
         : !left_.empty()     ? ConnectionEndReason::finished
         : closed_first_      ? ConnectionEndReason::finished
         : !log_.connected()  ? ConnectionEndReason::unconnected
         : log_.was_reset()   ? ConnectionEndReason::reset
         : deadline_.passed() ? ConnectionEndReason::timeout
         : !problem.empty()   ? ConnectionEndReason::protocol
         : said_goodbye_      ? ConnectionEndReason::finished
                              : ConnectionEndReason::server_closed;
  log_.ended(end_, hung_up_ ? "" : !left_.empty() ? left_ : problem, heard_);
}

}  // namespace lastcall
