// A broken invariant is a bug in lastcall, never in the target: it aborts the process that holds
// it, in every build. Trouble in the environment is a Result, behaviour of the target an event,
// judgement a verdict.
#pragma once

#include <cstdio>
#include <cstdlib>

#define LASTCALL_INVARIANT(condition)                                                        \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "lastcall: broken invariant: %s (%s:%d)\n", #condition, __FILE__, \
                   __LINE__);                                                                \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
