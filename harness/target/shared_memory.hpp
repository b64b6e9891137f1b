// What a target leaves in the machine's memory: POSIX shared memory and semaphores, which are files
// of /dev/shm (shm_overview(7), sem_overview(7)), and System V shared memory, message queues and
// semaphores (sysvipc(7)). All programs of the machine share them, other trials too. So only that
// is the target's which came after its start, which one of its processes was seen with, and which
// nobody uses any more. One thread.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "target/leftovers.hpp"

namespace lastcall {

class SharedMemory {
 public:
  // Just before the target's start: nothing that is there now is the target's.
  SharedMemory();

  // Notes these processes and what they have mapped or open now (proc_pid_maps(5)). Of the
  // descriptors of a process only the first kMostDescriptors: reading those of ten thousand
  // connections would delay the stop.
  void look(const std::vector<pid_t>& processes);

  // What is left once they have ended: paths "/dev/shm/a" and "key 0x4c"; types "POSIX shared
  // memory", "POSIX semaphore", "System V shared memory", "System V message queue" and "System V
  // semaphores". A System V object is theirs if they created it, or, as the kernel says no more of
  // queues and semaphores, if they were the last to use it. What other processes use is not left.
  [[nodiscard]] std::vector<Leftover> left() const;

  // Removes it, also what the target has made again under the same name: the next trial would find
  // it, and could not know it as its own target's.
  void remove_left() const;

  static constexpr std::size_t kMostDescriptors = 1000;

 private:
  struct Object {
    Leftover what;
    int id = -1;  // if it is a System V object
  };
  [[nodiscard]] std::vector<Object> objects() const;
  void add_posix(std::vector<Object>& objects) const;
  void add_system_v(std::string_view kind, std::vector<Object>& objects) const;

  using Inodes = std::set<ino_t>;
  Inodes files_before_;
  std::set<std::pair<std::string, int>> system_v_before_;  // kind and id
  std::set<std::string> paths_seen_;
  std::set<pid_t> processes_;
  std::set<uid_t> users_;
};

}  // namespace lastcall
