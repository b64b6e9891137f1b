#include "target/parent_death.hpp"

#include <sys/prctl.h>
#include <unistd.h>

namespace lastcall {

bool on_end_of(pid_t parent, int signal) {
  return ::prctl(PR_SET_PDEATHSIG, signal) == 0 && ::getppid() == parent;
}

}  // namespace lastcall
