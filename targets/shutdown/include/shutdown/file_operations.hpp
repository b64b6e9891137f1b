// The system calls that saving a checkpoint needs, narrow enough for a complete fake. An
// implementation may be called from one thread at a time. Every function returns the negated errno
// when it fails.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace graceful::shutdown {

class FileOperations {
 public:
  virtual ~FileOperations() = default;
  virtual int open(const std::string& path, int flags, mode_t mode) = 0;   // open(2)
  virtual ssize_t read(int fd, char* data, std::size_t size) = 0;          // read(2)
  virtual ssize_t write(int fd, const char* data, std::size_t size) = 0;   // write(2)
  virtual int sync(int fd) = 0;                                            // fsync(2)
  virtual int close(int fd) = 0;                                           // close(2)
  virtual int link(const std::string& from, const std::string& to) = 0;    // link(2)
  virtual int rename(const std::string& from, const std::string& to) = 0;  // rename(2)
  virtual int unlink(const std::string& path) = 0;                         // unlink(2)
};

FileOperations& system_files();  // the real ones; any thread

}  // namespace graceful::shutdown
