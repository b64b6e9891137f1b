#include "tracer/ptrace/memory.hpp"

#include <algorithm>

namespace lastcall {

bool Memory::read(std::uint64_t address, std::span<std::byte> into) {
  while (!into.empty()) {
    const auto* from = page(address / kPage);
    if (from == nullptr) return false;
    const auto offset = address % kPage;
    const auto count = std::min<std::size_t>(into.size(), kPage - offset);
    std::memcpy(into.data(), from->data() + offset, count);
    into = into.subspan(count);
    address += count;
  }
  return true;
}

const Memory::Page* Memory::page(std::uint64_t number) {
  if (number == last_number_) return last_;
  auto found = pages_.find(number);
  if (found == pages_.end()) {
    if (pages_.size() >= kMaxPages) return nullptr;
    auto fresh = std::make_unique_for_overwrite<Page>();
    if (calls_.read_memory(tid_, number * kPage, *fresh) != kPage) fresh.reset();
    found = pages_.emplace(number, std::move(fresh)).first;
  }
  last_number_ = number;
  last_ = found->second.get();
  return last_;
}

void Memory::prefetch(std::uint64_t address, std::size_t bytes) {
  const auto first = address / kPage;
  const auto count = (address % kPage + bytes + kPage - 1) / kPage;
  if (pages_.size() + count > kMaxPages) return;
  const auto block = std::make_unique_for_overwrite<std::byte[]>(count * kPage);
  const auto whole = calls_.read_memory(tid_, first * kPage, {block.get(), count * kPage}) / kPage;
  for (std::size_t i = 0; i < whole; ++i) {
    auto& place = pages_[first + i];
    if (place) continue;
    place = std::make_unique_for_overwrite<Page>();
    std::copy_n(block.get() + i * kPage, kPage, place->begin());
  }
  last_number_ = ~0ULL;
  last_ = nullptr;
}

}  // namespace lastcall
