// What has to be closed before a program ends, and ready-made ones for the usual three. A Resource
// is owned by the ResourceManager; cleanup() is called once, on a thread of its own, and says how
// it failed by a Result or an exception.
#pragma once

#include <memory>
#include <string>

#include "shutdown/result.hpp"
#include "shutdown/step.hpp"

namespace graceful::shutdown {

class Resource {
 public:
  Resource() = default;
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;
  virtual ~Resource() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;  // unique in its manager
  virtual Result<void> cleanup() = 0;
};

// Any callable.
std::unique_ptr<Resource> make_resource(std::string name, Work cleanup);

struct DatabaseCalls {
  Work flush = {};  // before the close, e.g. the last batch; may be empty
  Work close = {};
};
// Closes even if the flush failed, and then reports the flush. Knows no particular database.
std::unique_ptr<Resource> database_resource(std::string name, DatabaseCalls calls);

// Flushes a logger: what an asynchronous one still holds is lost at exit otherwise.
std::unique_ptr<Resource> log_flush_resource(std::string name, Work flush);

// fsync(2) of a file or directory. By path it is opened for that; a descriptor stays the caller's
// and is not closed. EINVAL and EROFS (a pipe, a terminal: nothing to sync) count as done.
std::unique_ptr<Resource> file_sync_resource(std::string name, std::string path);
std::unique_ptr<Resource> file_sync_resource(std::string name, int descriptor);

}  // namespace graceful::shutdown
