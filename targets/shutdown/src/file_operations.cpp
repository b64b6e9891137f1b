#include "shutdown/file_operations.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace graceful::shutdown {
namespace {

template <class Number>
Number or_errno(Number result) {
  return result < 0 ? static_cast<Number>(-errno) : result;
}

class SystemFiles final : public FileOperations {
 public:
  int open(const std::string& path, int flags, mode_t mode) override {
    return or_errno(::open(path.c_str(), flags, mode));
  }
  ssize_t read(int fd, char* data, std::size_t size) override {
    return or_errno(::read(fd, data, size));
  }
  ssize_t write(int fd, const char* data, std::size_t size) override {
    return or_errno(::write(fd, data, size));
  }
  int sync(int fd) override { return or_errno(::fsync(fd)); }
  int close(int fd) override { return or_errno(::close(fd)); }
  int link(const std::string& from, const std::string& to) override {
    return or_errno(::link(from.c_str(), to.c_str()));
  }
  int rename(const std::string& from, const std::string& to) override {
    return or_errno(::rename(from.c_str(), to.c_str()));
  }
  int unlink(const std::string& path) override { return or_errno(::unlink(path.c_str())); }
};

}  // namespace

FileOperations& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace graceful::shutdown
