// How a message becomes an event and an answer:
//
//   reader ─▶ connection manager ─▶ router ─▶ dispatcher ─▶ protocol handler ─▶ processor ─▶ store
//
// Each stage is a coroutine behind a bounded queue, all of the same capacity, and as many events
// may be with the store. A full queue suspends the stage before it and in the end the reader, so
// that the client waits; nothing is dropped. An exception in a stage ends the connection that the
// message came from, is counted and logged, and nothing else. Used by the network thread alone.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "reference_server/bounded_queue.hpp"
#include "reference_server/event_store.hpp"
#include "reference_server/metrics.hpp"
#include "reference_server/protocol.hpp"

namespace reference_server {

class Log;

struct Message {
  Route route;
  std::string text;
  std::function<void(Answer)> reply;  // called once; must not throw
  // What stages add.
  ProtocolHandler* handler = nullptr;
  boost::json::value document;
  Handled handled;
};

using Handlers = std::map<Protocol, std::unique_ptr<ProtocolHandler>>;

class Pipeline {
 public:
  struct Options {
    boost::asio::any_io_executor executor;
    std::size_t capacity = 1024;
    Handlers handlers;
  };
  // The others must outlive it. start() begins.
  Pipeline(Options options, EventStore& store, Log& log, Metrics& metrics);
  void start();

  // Suspends while the first queue is full. False once the pipeline is closed: no reply then.
  boost::asio::awaitable<bool> submit(Message message);
  // Closes it; done when everything in it was replied to.
  boost::asio::awaitable<void> drain();
  [[nodiscard]] std::size_t size() const;  // messages in it, those with the store included

 private:
  using Queue = BoundedQueue<Message>;
  using Work = void (Pipeline::*)(Message&);

  boost::asio::awaitable<void> run_stage(std::size_t number, Work work);
  boost::asio::awaitable<void> run_processor();
  bool attempt(Message& message, Work work);
  void fail(const Message& message, const std::string& why);

  void admit(Message& message);     // connection manager
  void route(Message& message);     // router
  void dispatch(Message& message);  // dispatcher
  void handle(Message& message);    // protocol handler
  void stored(Message& message, Stored how);

  Handlers handlers_;
  EventStore& store_;
  Log& log_;
  Metrics& metrics_;
  boost::asio::any_io_executor executor_;
  std::array<std::unique_ptr<Queue>, 5> queues_;
  Permits with_store_;
  Waiters over_;
  bool is_over_ = false;
};

}  // namespace reference_server
