#include "target/shared_memory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A name and a key that no other test program has, which runs at the same time. Its children have
// them, too.
const pid_t kProgram = ::getpid();
std::string own_name(const std::string& suffix = "") {
  return "/lastcall-test-" + std::to_string(kProgram) + suffix;
}
key_t own_key() { return 0x1a570000 + (kProgram & 0xffff); }
std::string own_key_text() {
  std::ostringstream text;
  text << "key 0x" << std::hex << own_key();
  return text.str();
}

// What is left after a process that does `begin`, is looked at, and ends after `end`.
using Act = std::function<void()>;
void keep_nothing() {}

class Child {
 public:
  explicit Child(const Act& begin, const Act& end = keep_nothing) {
    int begun[2];
    int ending[2];
    if (::pipe(begun) != 0 || ::pipe(ending) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ending[1]);
      begin();
      (void)!::write(begun[1], "b", 1);
      char byte = 0;
      (void)!::read(ending[0], &byte, 1);
      end();
      ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(begun[0], &byte, 1), 1);
    for (const int one : {begun[0], begun[1], ending[0]}) ::close(one);
    ending_ = ending[1];
  }
  ~Child() { end(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (ending_ < 0) return;
    (void)!::write(ending_, "e", 1);  // a child that was forked later holds this end open, too
    ::close(ending_);
    ending_ = -1;
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  int ending_ = -1;
};

void* map_shared(const std::string& name) {
  const int file = ::shm_open(name.c_str(), O_CREAT | O_RDWR, 0600);
  if (file < 0 || ::ftruncate(file, 4096) != 0) std::abort();
  void* const address = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return address;
}

std::vector<std::string> texts(const std::vector<Leftover>& left) {
  std::vector<std::string> texts;
  for (const auto& one : left) texts.push_back(one.type + " " + one.path);
  return texts;
}

std::vector<std::string> left_after(const Act& begin, const Act& end = keep_nothing) {
  SharedMemory memory;
  Child child(begin, end);
  memory.look({child.pid()});
  child.end();
  const auto left = texts(memory.left());
  memory.remove_left();
  EXPECT_THAT(memory.left(), IsEmpty());
  return left;
}

TEST(SharedMemory, OfPosixIsLeftUnlessItIsUnlinked) {
  const auto name = own_name();
  const auto make = [&] { map_shared(name); };
  EXPECT_THAT(left_after(make), ElementsAre("POSIX shared memory /dev/shm" + name));
  EXPECT_THAT(left_after(make, [&] { ::shm_unlink(name.c_str()); }), IsEmpty());
}

TEST(SharedMemory, IsLeftThatWasOnlyOpen) {
  const auto name = own_name();
  EXPECT_THAT(left_after([&] { ::shm_open(name.c_str(), O_CREAT | O_RDWR, 0600); }),
              ElementsAre("POSIX shared memory /dev/shm" + name));
}

TEST(SharedMemory, OfPosixMayBeASemaphore) {
  const auto name = own_name();
  const auto make = [&] { ::sem_open(name.c_str(), O_CREAT, 0600, 1); };
  EXPECT_THAT(left_after(make), ElementsAre("POSIX semaphore /dev/shm/sem." + name.substr(1)));
  EXPECT_THAT(left_after(make, [&] { ::sem_unlink(name.c_str()); }), IsEmpty());
}

TEST(SharedMemory, ThatWasThereBeforeIsNotTheTargets) {
  const auto name = own_name();
  void* const address = map_shared(name);
  ::munmap(address, 4096);
  EXPECT_THAT(left_after([&] { map_shared(name); }), IsEmpty());
  EXPECT_EQ(::shm_unlink(name.c_str()), 0);
}

TEST(SharedMemory, OfAnotherProgramIsNotTheTargets) {
  SharedMemory memory;
  Child target(keep_nothing);
  Child other([] { map_shared(own_name("-other")); });
  memory.look({target.pid()});
  other.end();
  target.end();
  EXPECT_THAT(memory.left(), IsEmpty());
  memory.remove_left();
  EXPECT_EQ(::shm_unlink(own_name("-other").c_str()), 0);
}

TEST(SharedMemory, ThatSomebodyStillUsesIsNotLeft) {
  SharedMemory memory;
  const auto name = own_name();
  Child target([&] { map_shared(name); });
  Child other([&] { map_shared(name); });
  memory.look({target.pid()});
  target.end();
  EXPECT_THAT(memory.left(), IsEmpty());
  memory.remove_left();
  other.end();
  EXPECT_THAT(texts(memory.left()), ElementsAre("POSIX shared memory /dev/shm" + name));
  memory.remove_left();
}

TEST(SharedMemory, IsRemovedAlsoIfTheTargetMadeItAgain) {
  SharedMemory memory;
  const auto name = own_name();
  Child target([&] { map_shared(name); });
  memory.look({target.pid()});
  target.end();
  ASSERT_EQ(::shm_unlink(name.c_str()), 0);
  Child(Act([&] { map_shared(name); })).end();
  memory.remove_left();
  EXPECT_EQ(::shm_unlink(name.c_str()), -1);
}

TEST(SharedMemory, OfSystemVIsLeftUnlessItIsRemoved) {
  int id = -1;
  const auto make = [&] {
    id = ::shmget(own_key(), 4096, IPC_CREAT | 0600);
    ::shmat(id, nullptr, 0);
  };
  EXPECT_THAT(left_after(make), ElementsAre("System V shared memory " + own_key_text()));
  EXPECT_THAT(left_after(make, [&] { ::shmctl(id, IPC_RMID, nullptr); }), IsEmpty());
}

TEST(SharedMemory, OfSystemVMayBeAQueueOrSemaphores) {
  const auto send = [] {
    const struct {
      long type = 1;
      char text[8] = "order";
    } message;
    ::msgsnd(::msgget(own_key(), IPC_CREAT | 0600), &message, sizeof message.text, 0);
  };
  EXPECT_THAT(left_after(send), ElementsAre("System V message queue " + own_key_text()));
  const auto raise = [] {
    sembuf up{0, 1, 0};
    ::semop(::semget(own_key(), 1, IPC_CREAT | 0600), &up, 1);
  };
  EXPECT_THAT(left_after(raise), ElementsAre("System V semaphores " + own_key_text()));
}

TEST(SharedMemory, OfSystemVThatAnotherProgramMadeIsNotTheTargets) {
  SharedMemory memory;
  Child target(keep_nothing);
  memory.look({target.pid()});
  const int id = ::shmget(own_key(), 4096, IPC_CREAT | 0600);
  target.end();
  EXPECT_THAT(memory.left(), IsEmpty());
  memory.remove_left();
  EXPECT_EQ(::shmctl(id, IPC_RMID, nullptr), 0);
}

}  // namespace
}  // namespace lastcall
