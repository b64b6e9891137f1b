#include "cli/preflight.hpp"

#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "base/file.hpp"
#include "base/scoped_fd.hpp"
#include "target/launcher.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall::cli {
namespace {

// A loader answers within a millisecond, or within a hundred for many libraries and a busy machine.
constexpr int kLoaderLimit = 5'000;  // milliseconds
constexpr int kMaxInterpreters = 4;  // the kernel's own limit of scripts that interpret scripts

std::string machine_name(std::uint16_t machine, bool wide) {
  static const std::map<std::uint16_t, std::string> kNames{
      {EM_386, "32-bit x86"},  {EM_X86_64, "x86-64"},       {EM_ARM, "32-bit ARM"},
      {EM_AARCH64, "aarch64"}, {EM_RISCV, "RISC-V"},        {EM_PPC64, "POWER"},
      {EM_S390, "s390"},       {EM_LOONGARCH, "LoongArch"}, {EM_MIPS, "MIPS"}};
  const auto found = kNames.find(machine);
  const auto name = found == kNames.end() ? "machine " + std::to_string(machine) : found->second;
  return machine == EM_X86_64 && !wide ? name + " with 32-bit pointers" : name;
}

template <class T>
std::optional<T> read_at(int file, std::uint64_t offset) {
  T value{};
  if (::pread(file, &value, sizeof value, static_cast<off_t>(offset)) != sizeof value)
    return std::nullopt;
  return value;
}

std::string interpreter_of(int file, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment =
        read_at<Elf64_Phdr>(file, header.e_phoff + i * std::uint64_t{header.e_phentsize});
    if (!segment || segment->p_type != PT_INTERP) continue;
    std::string name(std::min<std::uint64_t>(segment->p_filesz, PATH_MAX), '\0');
    if (::pread(file, name.data(), name.size(), static_cast<off_t>(segment->p_offset)) < 0)
      return {};
    return name.c_str();
  }
  return {};
}

// What it prints, standard output and error together.
std::string output_of(const std::vector<std::string>& words, const std::string& variable) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const ScopedFd reading(ends[0]);
  ScopedFd writing(ends[1]);
  Launcher launcher;
  for (char** one = environ; *one != nullptr; ++one) launcher.environment.emplace_back(*one);
  launcher.environment.push_back(variable);
  const auto launched =
      launcher(words.front(), words, StandardStreams{writing.get(), writing.get()});
  writing.reset();
  if (!launched) return {};
  std::string text;
  std::array<char, 4096> block{};
  pollfd waiting{reading.get(), POLLIN, 0};
  while (::poll(&waiting, 1, kLoaderLimit) > 0) {
    const auto count = ::read(reading.get(), block.data(), block.size());
    if (count <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  (void)::kill(launched->pid, SIGKILL);
  (void)::waitpid(launched->pid, nullptr, 0);
  return text;
}

void list_libraries(const std::string& loader, Preflight& found) {
  // glibc's --list ends at the first that is missing; musl knows nothing else.
  const auto name = loader.substr(loader.rfind('/') + 1);
  std::vector<std::string> words{loader, found.path};
  if (name.starts_with("ld-musl")) {
    words.insert(words.begin() + 1, "--list");
  } else if (!name.starts_with("ld-linux")) {
    return;
  }
  std::istringstream lines(output_of(words, "LD_TRACE_LOADED_OBJECTS=1"));
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) continue;
    line.erase(0, begin);
    if (const auto at = line.find(" => not found"); at != std::string::npos) {
      found.problems.push_back("the shared library " + line.substr(0, at) +
                               " is missing: it is in none of the folders that the program, "
                               "LD_LIBRARY_PATH and the loader's cache (ldconfig) name");
    } else if (line.find("not found (required by") != std::string::npos ||
               line.starts_with("Error ")) {
      found.problems.push_back(line);
    }
  }
}

void examine_elf(int file, Preflight& found) {
  const auto header = read_at<Elf64_Ehdr>(file, 0);  // the machine is at the same place in 32 bits
  if (!header) {
    found.problems.push_back("it is cut short: an ELF file of a few bytes");
    return;
  }
  found.kind = machine_name(header->e_machine, header->e_ident[EI_CLASS] == ELFCLASS64);
  if (header->e_machine != EM_X86_64 && header->e_machine != EM_386) {
    found.problems.push_back("it is built for " + found.kind + ", this machine is x86-64");
    return;
  }
  if (header->e_machine == EM_386 || header->e_ident[EI_CLASS] != ELFCLASS64) return;
  if (const auto elf = ElfFile::of(ScopedFd(::fcntl(file, F_DUPFD_CLOEXEC, 0))))
    found.build_id = elf->build_id();
  const auto loader = interpreter_of(file, *header);
  if (loader.empty()) {
    found.kind += ", statically linked";
  } else if (::access(loader.c_str(), X_OK) != 0) {
    found.problems.push_back("its dynamic loader " + loader +
                             " is missing: " + std::strerror(errno) +
                             " (it is built for another C library or distribution)");
  } else {
    list_libraries(loader, found);
  }
}

void examine(Preflight& found, const std::string& path, int depth);

// "#!/usr/bin/env NAME" is looked up as env(1) does it.
void examine_script(const std::string& line, Preflight& found, const std::string& path, int depth) {
  std::istringstream words(line);
  std::string interpreter;
  std::string argument;
  words >> interpreter >> argument;
  found.kind = "script for " + interpreter + (argument.empty() ? "" : " " + argument);
  if (line.ends_with('\r')) {
    found.problems.push_back(
        "its first line ends with a carriage return (a file from Windows), so the "
        "kernel looks for an interpreter of that name");
    return;
  }
  if (::access(interpreter.c_str(), X_OK) != 0) {
    found.problems.push_back("the interpreter of its first line, " + interpreter +
                             ", is not there: " + std::strerror(errno));
    return;
  }
  const bool by_name = interpreter.ends_with("/env") && !argument.empty() && argument[0] != '-' &&
                       argument.find('=') == std::string::npos;
  const auto program = find_executable(by_name ? argument : interpreter, path);
  if (!program) {
    found.problems.push_back("the interpreter of its first line: " + program.error().message());
    return;
  }
  Preflight of_interpreter{.path = *program, .kind = {}, .build_id = {}, .problems = {}};
  examine(of_interpreter, path, depth + 1);
  for (const auto& problem : of_interpreter.problems)
    found.problems.push_back(*program + ": " + problem);
}

void examine(Preflight& found, const std::string& path, int depth) {
  const auto file = open_regular(found.path);
  std::string begin(512, '\0');  // more than the kernel reads of a first line
  const auto size = file ? ::pread(file->get(), begin.data(), begin.size(), 0) : 0;
  if (!file || size < 0) {
    found.kind =
        file ? std::string("not readable: ") + std::strerror(errno) : file.error().message();
    return;
  }
  begin.resize(static_cast<std::size_t>(size));
  if (begin.starts_with(ELFMAG)) {
    examine_elf(file->get(), found);
  } else if (begin.starts_with("#!") && depth < kMaxInterpreters) {
    examine_script(begin.substr(2, begin.find('\n') - 2), found, path, depth);
  } else if (begin.empty()) {
    found.problems.emplace_back("the file is empty");
  } else {
    found.problems.emplace_back("it is neither an ELF program nor a script with a #! line");
  }
}

}  // namespace

Preflight preflight(const std::string& name, const std::string& path) {
  Preflight found;
  std::error_code ignored;
  const auto executable = find_executable(name, path);
  if (executable) {
    found.path = *executable;
    if (std::filesystem::is_directory(found.path, ignored)) {
      found.problems.emplace_back("it is a folder");
    } else {
      examine(found, path, 0);
    }
  } else if (std::filesystem::exists(name, ignored)) {
    found.path = name;
    found.problems.emplace_back(name.find('/') == std::string::npos
                                    ? "it is in the working directory, not in PATH: say ./" + name
                                    : "it may not be executed (chmod +x): " +
                                          executable.error().message());
  } else {
    found.problems.push_back(executable.error().message());
  }
  return found;
}

}  // namespace lastcall::cli
