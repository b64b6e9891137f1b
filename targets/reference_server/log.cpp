// The only file that sees spdlog.
#include "reference_server/log.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <mutex>
#include <shared_mutex>

namespace reference_server {
namespace {

spdlog::level::level_enum theirs(Log::Level level) {
  switch (level) {
    case Log::Level::trace:
      return spdlog::level::trace;
    case Log::Level::debug:
      return spdlog::level::debug;
    case Log::Level::info:
      return spdlog::level::info;
    case Log::Level::warning:
      return spdlog::level::warn;
    case Log::Level::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

struct Log::Parts {
  std::atomic<Level> level;
  spdlog::sink_ptr sink;
  std::atomic<std::uint64_t> dropped_before{0};  // when the thread ended
  mutable std::shared_mutex settling;            // what follows changes once, in settle()
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
};

Log::Level Log::level_named(std::string_view name) {
  if (name == "trace") return Level::trace;
  if (name == "debug") return Level::debug;
  if (name == "warning") return Level::warning;
  if (name == "error") return Level::error;
  return Level::info;
}

Log::Log(const Options& options) : parts_(std::make_unique<Parts>()) {
  if (options.file.empty()) {
    parts_->sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  } else {
    parts_->sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  }
  parts_->sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  if (options.asynchronous) {
    parts_->pool = std::make_shared<spdlog::details::thread_pool>(options.queue, 1);
    parts_->logger = std::make_shared<spdlog::async_logger>(
        "reference_server", parts_->sink, parts_->pool,
        options.overrun == Overrun::wait ? spdlog::async_overflow_policy::block
                                         : spdlog::async_overflow_policy::overrun_oldest);
  } else {
    parts_->logger = std::make_shared<spdlog::logger>("reference_server", parts_->sink);
  }
  // Whoever follows the log sees each line when it is written, not when a buffer is full.
  parts_->logger->flush_on(spdlog::level::trace);
  set_level(options.level);
}

Log::~Log() { settle(); }

void Log::write(Level level, std::string_view text) {
  const std::shared_lock lock(parts_->settling);
  parts_->logger->log(theirs(level), spdlog::string_view_t(text.data(), text.size()));
}

void Log::set_level(Level level) {
  const std::shared_lock lock(parts_->settling);
  parts_->level = level;
  parts_->logger->set_level(theirs(level));
}

Log::Level Log::level() const { return parts_->level; }

std::uint64_t Log::dropped() const {
  const std::shared_lock lock(parts_->settling);
  return parts_->dropped_before + (parts_->pool ? parts_->pool->overrun_counter() : 0);
}

void Log::settle() {
  const std::unique_lock lock(parts_->settling);
  if (parts_->pool) {
    // The end of the pool waits until its thread has written what was queued. It holds the logger
    // by messages only.
    parts_->dropped_before = parts_->pool->overrun_counter();
    parts_->pool.reset();
    parts_->logger = std::make_shared<spdlog::logger>("reference_server", parts_->sink);
    parts_->logger->flush_on(spdlog::level::trace);
    parts_->logger->set_level(theirs(parts_->level));
  }
  parts_->sink->flush();
}

}  // namespace reference_server
