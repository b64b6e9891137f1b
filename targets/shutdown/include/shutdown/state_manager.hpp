// Keeps a value of the program in a checkpoint: loads it at start, saves it periodically and at the
// stop. Owned by main; every function may be called from any thread, saves take turns. How a file
// survives crashes is CheckpointFile's part.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shutdown/checkpoint_file.hpp"
#include "shutdown/periodic.hpp"
#include "shutdown/result.hpp"

namespace graceful::shutdown {

template <class T>
struct StateFormat {
  std::uint32_t version = 1;  // written into the file and given back to `deserialise`
  std::function<std::string(const T&)> serialise;
  std::function<Result<T>(std::string_view bytes, std::uint32_t version)> deserialise;
};

template <class T>
struct Loaded {
  T value;
  CheckpointFile::Source source = CheckpointFile::Source::current;
  std::string problem;  // why the fallback was needed; empty if it was not
};

template <class T>
class StateManager {
 public:
  StateManager(std::string path, StateFormat<T> format, FileOperations& files = system_files())
      : file_(std::move(path), files), format_(std::move(format)) {}
  ~StateManager() { stop_saving(); }

  // The last good checkpoint; nothing at the very first start; an error if none can be read.
  Result<std::optional<Loaded<T>>> load() {
    using Source = CheckpointFile::Source;
    auto current = read(Source::current);
    if (current && *current) return std::optional(Loaded<T>{std::move(**current), {}, {}});
    auto previous = read(Source::previous);
    if (previous && *previous) {
      return std::optional(
          Loaded<T>{std::move(**previous), Source::previous,
                    current ? file_.path() + " is missing" : current.error().message()});
    }
    if (!current) return current.error();
    if (!previous) return previous.error();
    return std::optional<Loaded<T>>();
  }

  Result<void> save(const T& value) {
    const std::lock_guard lock(saving_);
    return save_locked(value);
  }

  // Saves what `snapshot` gives every `interval`; the snapshot is taken on the saving thread. An
  // error goes to `on_error` on that thread, and the next interval tries again.
  void save_every(std::chrono::milliseconds interval, std::function<T()> snapshot,
                  std::function<void(const Error&)> on_error = {}) {
    stop_saving();
    periodic_ = std::make_unique<Periodic>(
        interval, [this, snapshot = std::move(snapshot), on_error = std::move(on_error)] {
          if (const auto saved = save_snapshot(snapshot); !saved && on_error) {
            on_error(saved.error());
          }
        });
  }
  void stop_saving() { periodic_.reset(); }  // waits for a save under way

  // Takes the snapshot when it is its turn, so that an older state never follows a newer one.
  Result<void> save_snapshot(const std::function<T()>& snapshot) {
    const std::lock_guard lock(saving_);
    try {
      return save_locked(snapshot());
    } catch (const std::exception& thrown) {
      return Error("take a snapshot for", file_.path(), 0, thrown.what());
    }
  }

 private:
  Result<void> save_locked(const T& value) {
    try {
      return file_.save({format_.version, format_.serialise(value)});
    } catch (const std::exception& thrown) {
      return Error("serialise", file_.path(), 0, thrown.what());
    }
  }
  Result<std::optional<T>> read(CheckpointFile::Source source) {
    auto bytes = file_.load(source);
    if (!bytes) return bytes.error();
    if (!*bytes) return std::optional<T>();
    try {
      auto value = format_.deserialise((*bytes)->bytes, (*bytes)->version);
      if (!value) return value.error();
      return std::optional<T>(std::move(*value));
    } catch (const std::exception& thrown) {
      return Error("deserialise", file_.path(), 0, thrown.what());
    }
  }

  CheckpointFile file_;
  StateFormat<T> format_;
  std::mutex saving_;
  std::unique_ptr<Periodic> periodic_;
};

}  // namespace graceful::shutdown
