#include "reference_server/pipeline.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/string.hpp>

#include "reference_server/log.hpp"

namespace reference_server {

namespace asio = boost::asio;

std::optional<Route> route_of(std::string_view path) {
  constexpr std::string_view kChargePoints = "/ocpp/";
  if (path == "/staff") return Route{Protocol::staff_chat, "staff"};
  if (path == "/events") return Route{Protocol::posted_events, "http"};
  if (path.starts_with(kChargePoints) && path.size() > kChargePoints.size() &&
      path.find('/', kChargePoints.size()) == std::string_view::npos) {
    return Route{Protocol::charge_points, std::string(path.substr(1))};
  }
  return std::nullopt;
}

std::string event_id(const boost::json::value& id) {
  constexpr std::size_t kLongest = 128;
  const auto* text = id.if_string();
  if (text == nullptr || text->empty() || text->size() > kLongest) {
    throw Malformed("an id is a text of 1 to 128 bytes");
  }
  return std::string(*text);
}

Pipeline::Pipeline(Options options, EventStore& store, Log& log, Metrics& metrics)
    : handlers_(std::move(options.handlers)),
      store_(store),
      log_(log),
      metrics_(metrics),
      executor_(options.executor),
      with_store_(options.executor, options.capacity),
      over_(options.executor) {
  for (auto& queue : queues_) queue = std::make_unique<Queue>(executor_, options.capacity);
}

void Pipeline::start() {
  constexpr std::array<Work, 4> kStages{&Pipeline::admit, &Pipeline::route, &Pipeline::dispatch,
                                        &Pipeline::handle};
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    asio::co_spawn(executor_, run_stage(i, kStages[i]), asio::detached);
  }
  asio::co_spawn(executor_, run_processor(), asio::detached);
}

asio::awaitable<bool> Pipeline::submit(Message message) {
  const bool taken = co_await queues_.front()->push(std::move(message));
  co_return taken;
}

asio::awaitable<void> Pipeline::drain() {
  queues_.front()->close();
  while (!is_over_) co_await over_.wait();
}

std::size_t Pipeline::size() const {
  std::size_t count = with_store_.taken();
  for (const auto& queue : queues_) count += queue->size();
  return count;
}

asio::awaitable<void> Pipeline::run_stage(std::size_t number, Work work) {
  for (;;) {
    auto message = co_await queues_[number]->pop();
    if (!message) break;
    if (!attempt(*message, work)) continue;
    Message next = std::move(*message);
    co_await queues_[number + 1]->push(std::move(next));
  }
  queues_[number + 1]->close();
}

asio::awaitable<void> Pipeline::run_processor() {
  for (;;) {
    auto taken = co_await queues_.back()->pop();
    if (!taken) break;
    if (!taken->handled.event) {
      stored(*taken, Stored::known);
      continue;
    }
    co_await with_store_.take();
    Event event = std::move(*taken->handled.event);
    // Shared, because a std::function must be copyable.
    auto message = std::make_shared<Message>(std::move(*taken));
    store_.add(std::move(event), [this, message](Stored how) {
      stored(*message, how);
      with_store_.give_back();
    });
  }
  co_await with_store_.all_given_back();
  is_over_ = true;
  over_.wake_all();
}

// False if the message ends here.
bool Pipeline::attempt(Message& message, Work work) {
  try {
    (this->*work)(message);
    return true;
  } catch (const Malformed& mistake) {
    message.reply(message.handler->refuse(mistake.what()));
  } catch (const std::exception& error) {
    fail(message, error.what());
  } catch (...) {
    fail(message, "an exception of unknown type");
  }
  return false;
}

void Pipeline::fail(const Message& message, const std::string& why) {
  ++metrics_.handler_failures;
  log_.error("the handler of " + message.route.source + " failed: " + why);
  message.reply({.status = 500, .text = "{\"error\":\"internal error\"}", .failed = true});
}

void Pipeline::admit(Message& message) {
  if (message.route.protocol != Protocol::posted_events) ++metrics_.messages;
}

void Pipeline::route(Message& message) {
  message.handler = handlers_.at(message.route.protocol).get();
}

void Pipeline::dispatch(Message& message) {
  boost::json::error_code ec;
  message.document = boost::json::parse(message.text, ec);
  if (ec) throw Malformed("not JSON: " + ec.message());
}

void Pipeline::handle(Message& message) {
  message.handled = message.handler->handle(message.route, message.document);
}

void Pipeline::stored(Message& message, Stored how) {
  const auto answer = [this](Message& to, const std::function<Answer()>& make) {
    try {
      to.reply(make());
    } catch (const std::exception& error) {
      fail(to, error.what());
    }
  };
  auto& handled = message.handled;
  if (!handled.question || how == Stored::failed || how == Stored::conflict) {
    answer(message, [&] { return handled.answer(how); });
    return;
  }
  auto asking = std::make_shared<Message>(std::move(message));
  store_.read(*asking->handled.question, [answer, asking](const std::vector<StoredEvent>& found) {
    answer(*asking, [&] { return asking->handled.answer_question(found); });
  });
}

}  // namespace reference_server
