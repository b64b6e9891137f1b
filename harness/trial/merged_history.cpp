#include "trial/merged_history.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/file.hpp"
#include "trial/sidecars.hpp"

namespace lastcall {

Result<History> read_history(const TrialOrder& order, const std::vector<Sidecar>& sidecars,
                             std::size_t workers) {
  const auto& directory = order.directory;
  std::vector<std::pair<std::string, Segment>> sources;
  auto trial = read_segment(directory + "/segments/trial.seg");
  if (!trial) return trial.error();
  sources.emplace_back("trial", std::move(*trial));
  // Not there if the target was not traced.
  for (const std::string source : {"tracer", "ends"}) {
    if (auto segment = read_segment(directory + "/segments/" + source + ".seg"))
      sources.emplace_back(source, std::move(*segment));
  }
  for (std::size_t i = 0; i < workers; ++i) {
    const auto source = "clients-" + std::to_string(i);
    auto segment = read_segment(directory + "/segments/" + source + ".seg");
    // Without the file this source is incomplete, which merging reports.
    Segment missing;
    if (!segment) missing.problem = segment.error().message();
    sources.emplace_back(source, segment ? std::move(*segment) : std::move(missing));
  }
  std::ranges::move(sidecar_sources(order, sidecars), std::back_inserter(sources));
  return History::merge(std::move(sources));
}

Result<void> write_output(const History& history, const std::string& directory) {
  for (const auto& [stream, name] :
       {std::pair(Stream::out, "/stdout.txt"), std::pair(Stream::err, "/stderr.txt")}) {
    std::string text;
    bool is_open = false;  // the last line goes on
    for (const auto& [i, said] : history.all<TargetOutput>()) {
      if (said->stream != stream) continue;
      if (is_open && !said->continues) text += '\n';
      text += said->line;
      is_open = true;
    }
    if (is_open) text += '\n';
    // As above.
    std::error_code ec;
    std::filesystem::remove(directory + name, ec);
    if (auto written = write_regular(directory + name, text); !written) return written.error();
  }
  return {};
}

bool write_history(const History& history, const std::string& path) {
  // Where the target may have put a FIFO, at which an open waits, or a link.
  std::error_code ec;
  std::filesystem::remove(path, ec);
  std::ofstream out(path);
  write_jsonl(history, out);
  return static_cast<bool>(out.flush());
}

}  // namespace lastcall
