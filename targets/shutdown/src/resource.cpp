#include "shutdown/resource.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <utility>

namespace graceful::shutdown {
namespace {

class CallableResource : public Resource {
 public:
  CallableResource(std::string name, Work cleanup)
      : name_(std::move(name)), cleanup_(std::move(cleanup)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  Result<void> cleanup() override { return cleanup_(); }

 private:
  std::string name_;
  Work cleanup_;
};

Result<void> sync_descriptor(int descriptor, const std::string& on) {
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == EROFS) return {};
    return Error("sync", on, errno);
  }
  return {};
}

Result<void> sync_path(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Error("open", path, errno);
  auto synced = sync_descriptor(descriptor, path);
  ::close(descriptor);
  return synced;
}

// Why the work failed, as a Result also if it threw.
Result<void> attempt(const char* tried, const Work& work) {
  if (!work) return {};
  try {
    return work();
  } catch (const std::exception& thrown) {
    return Error(tried, "", 0, thrown.what());
  } catch (...) {
    return Error(tried, "", 0, "an exception of unknown type");
  }
}

Result<void> flush_and_close(const DatabaseCalls& calls) {
  auto flushed = attempt("flush", calls.flush);
  auto closed = attempt("close", calls.close);
  return flushed ? closed : flushed;
}

}  // namespace

std::unique_ptr<Resource> make_resource(std::string name, Work cleanup) {
  return std::make_unique<CallableResource>(std::move(name), std::move(cleanup));
}

std::unique_ptr<Resource> database_resource(std::string name, DatabaseCalls calls) {
  return make_resource(std::move(name),
                       [calls = std::move(calls)] { return flush_and_close(calls); });
}

std::unique_ptr<Resource> log_flush_resource(std::string name, Work flush) {
  return make_resource(std::move(name), std::move(flush));
}

std::unique_ptr<Resource> file_sync_resource(std::string name, std::string path) {
  return make_resource(std::move(name), [path = std::move(path)] { return sync_path(path); });
}

std::unique_ptr<Resource> file_sync_resource(std::string name, int descriptor) {
  return make_resource(std::move(name), [descriptor] {
    return sync_descriptor(descriptor, "descriptor " + std::to_string(descriptor));
  });
}

}  // namespace graceful::shutdown
