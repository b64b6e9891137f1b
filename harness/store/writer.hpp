// The process that writes a campaign, so that others can tell whether it still does, and the
// machine that it runs on. Any thread may call these.
#pragma once

#include <string>

namespace lastcall {

// This process: the boot of the machine, its PID namespace, its pid and when it began, which
// together no other process has.
std::string this_writer();

// Whether that process runs, as far as this one can see: one of another machine or PID namespace
// does not.
bool is_running(const std::string& writer);

// JSON: {"name": "ci-3", "system": "Linux 6.1.0 x86_64", "processors": 2, "memory_bytes": 4123456}
std::string this_machine();

// 128 random bits as hexadecimal digits.
std::string random_id();

}  // namespace lastcall
