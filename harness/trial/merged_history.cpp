#include "trial/merged_history.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

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

bool write_history(const History& history, const std::string& path) {
  // Where the target may have put a FIFO, at which an open waits, or a link.
  std::error_code ec;
  std::filesystem::remove(path, ec);
  std::ofstream out(path);
  write_jsonl(history, out);
  return static_cast<bool>(out.flush());
}

}  // namespace lastcall
