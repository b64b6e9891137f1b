// A complete fake of FileOperations: files in memory that know what has reached the disk, faults at
// a chosen call, and power cuts. One thread.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shutdown/file_operations.hpp"

namespace graceful::shutdown::testing {

class MemoryFiles final : public FileOperations {
 public:
  // What the call with this number (from 0) does.
  int fault_at = -1;
  int fault = -EIO;
  bool cut_at_fault = false;  // every later call fails too: the process is gone
  std::size_t longest_write = SIZE_MAX;
  bool has_links = true;
  int calls = 0;
  std::vector<std::string> log;  // "sync NAME"

  // After a power cut: of a file what was synced, of the names what was synced with the directory.
  // `names_too`: the names reached the disk by themselves, which a file system may do at any time.
  void cut_power(bool names_too) {
    for (auto& [name, file] : names_) file->content = file->durable;
    for (auto& [name, file] : durable_names_) file->content = file->durable;
    if (!names_too) names_ = durable_names_;
    durable_names_ = names_;
    open_.clear();
    fault_at = -1;
    cut_at_fault = cut_ = false;
  }
  void heal() {
    fault_at = -1;
    cut_at_fault = cut_ = false;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, file] : names_) all.push_back(name);
    return all;
  }
  std::string& content(const std::string& name) { return names_.at(name)->content; }
  void put(const std::string& name, const std::string& content) {
    names_[name] = durable_names_[name] = std::make_shared<File>(File{content, content});
  }

  int open(const std::string& path, int flags, mode_t) override {
    if (const int failed = fails()) return failed;
    std::shared_ptr<File> file;
    if ((flags & O_DIRECTORY) == 0) {
      const auto found = names_.find(path);
      if (found != names_.end()) {
        file = found->second;
      } else if ((flags & O_CREAT) != 0) {
        file = names_[path] = std::make_shared<File>();
      } else {
        return -ENOENT;
      }
      if ((flags & O_TRUNC) != 0) file->content.clear();
    }
    open_[++last_fd_] = {path, file, 0};
    return last_fd_;
  }
  ssize_t read(int fd, char* data, std::size_t size) override {
    if (const int failed = fails()) return failed;
    auto& [path, file, at] = open_.at(fd);
    const auto count = std::min(size, file->content.size() - at);
    file->content.copy(data, count, at);
    at += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(int fd, const char* data, std::size_t size) override {
    if (const int failed = fails()) return failed;
    const auto count = std::min(size, longest_write);
    open_.at(fd).file->content.append(data, count);
    return static_cast<ssize_t>(count);
  }
  int sync(int fd) override {
    if (const int failed = fails()) return failed;
    auto& opened = open_.at(fd);
    log.push_back("sync " + opened.path);
    if (opened.file) {
      opened.file->durable = opened.file->content;
    } else {
      durable_names_ = names_;
    }
    return 0;
  }
  int close(int fd) override {
    open_.erase(fd);  // also if it fails, close(2)
    return fails();
  }
  int link(const std::string& from, const std::string& to) override {
    if (const int failed = fails()) return failed;
    if (!has_links) return -EPERM;
    if (names_.count(from) == 0) return -ENOENT;
    if (names_.count(to) != 0) return -EEXIST;
    names_[to] = names_[from];
    return 0;
  }
  int rename(const std::string& from, const std::string& to) override {
    if (const int failed = fails()) return failed;
    if (names_.count(from) == 0) return -ENOENT;
    if (names_.count(to) != 0 && names_[to] == names_[from]) return 0;  // rename(2): both stay
    names_[to] = names_[from];
    names_.erase(from);
    log.push_back("rename " + to);
    return 0;
  }
  int unlink(const std::string& path) override {
    if (const int failed = fails()) return failed;
    return names_.erase(path) == 0 ? -ENOENT : 0;
  }
  [[nodiscard]] std::size_t open_count() const { return open_.size(); }

 private:
  struct File {
    std::string content;
    std::string durable;
  };
  struct Open {
    std::string path;
    std::shared_ptr<File> file;  // null: a directory
    std::size_t at = 0;
  };
  int fails() {
    const int call = calls++;
    if (call == fault_at) {
      cut_ = cut_at_fault;
      return fault;
    }
    return cut_ ? -EIO : 0;
  }

  std::map<std::string, std::shared_ptr<File>> names_, durable_names_;
  std::map<int, Open> open_;
  int last_fd_ = 10;
  bool cut_ = false;
};

}  // namespace graceful::shutdown::testing
