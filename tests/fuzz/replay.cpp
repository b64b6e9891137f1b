// Runs a fuzz target over files, for compilers without libFuzzer: replay FOLDER… looks at every
// file below them. No file at all is a failure.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>

#include "base/file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** words) {
  std::size_t files = 0;
  try {
    for (int i = 1; i < count; ++i) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(words[i])) {
        if (!entry.is_regular_file()) continue;
        const auto text = lastcall::read_file(entry.path().string());
        if (!text) throw std::runtime_error(text.error().message());
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text->data()), text->size());
        ++files;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::printf("%zu files\n", files);
  return files > 0 ? 0 : 1;
}
