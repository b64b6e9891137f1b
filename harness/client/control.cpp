#include "client/control.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "base/invariant.hpp"
#include "history/utf8.hpp"

namespace lastcall {
namespace {
constexpr std::size_t kDescriptorLimit = 4;
}

std::string to_text(const Assignment& assignment) {
  return boost::json::serialize(boost::json::value_from(assignment));
}

Result<Assignment> assignment_from(const std::string& text) {
  try {
    return boost::json::value_to<Assignment>(boost::json::parse(text));
  } catch (const std::exception& error) {
    return Error{"read an assignment", "", 0, error.what()};
  }
}

std::string with_id(Control control, FaultId fault) {
  std::string message(1, static_cast<char>(control));
  message.append(reinterpret_cast<const char*>(&fault.value), sizeof fault.value);
  return message;
}

std::string broken_text(const Error& error) {
  return std::string(1, static_cast<char>(Control::broken)) + error.message();
}

std::optional<FaultId> id_in(std::string_view message) {
  FaultId fault;
  if (message.size() != 1 + sizeof fault.value) return std::nullopt;
  std::memcpy(&fault.value, message.data() + 1, sizeof fault.value);
  return fault;
}

std::string heard_text(const Acknowledgement& first) {
  return std::string(1, static_cast<char>(Control::heard)) +
         boost::json::serialize(boost::json::object{{"group", first.group},
                                                    {"connection", first.connection.value},
                                                    {"request", first.request.value},
                                                    {"id", valid_utf8(first.id)},
                                                    {"message", first.message}});
}

std::optional<Acknowledgement> heard_in(std::string_view message) {
  if (message.empty() || message.front() != static_cast<char>(Control::heard)) return std::nullopt;
  try {
    const auto object = boost::json::parse(message.substr(1)).as_object();
    return Acknowledgement{object.at("group").to_number<std::uint32_t>(),
                           {object.at("connection").to_number<std::uint64_t>()},
                           {object.at("request").to_number<std::uint32_t>()},
                           boost::json::value_to<std::string>(object.at("id")),
                           object.at("message").to_number<std::uint32_t>()};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Result<std::size_t> send_message(int socket, const std::string& text,
                                 const std::vector<int>& descriptors) {
  LASTCALL_INVARIANT(descriptors.size() <= kDescriptorLimit);
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorLimit * sizeof(int))> ancillary{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = ancillary.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  const auto sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  if (sent < 0) return Error{"send a message", "", errno, ""};
  return static_cast<std::size_t>(sent);
}

Result<Message> receive_message(int socket, std::size_t limit) {
  Message message;
  message.text.resize(limit);
  iovec part{message.text.data(), limit};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorLimit * sizeof(int))> ancillary{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = ancillary.data();
  header.msg_controllen = ancillary.size();
  ssize_t received = 0;
  do {
    received = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return Error{"receive a message", "", errno, ""};
  message.text.resize(static_cast<std::size_t>(received));
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      message.descriptors.emplace_back(fd);
    }
  }
  return message;
}

}  // namespace lastcall
