// What the trial process and a client worker say to each other over one SOCK_SEQPACKET socket a
// trial. Either end closing it ends the trial for the other.
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {

// trial -> worker, first, with two descriptors: the target's pidfd and the trigger board's memory.
struct Assignment {
  std::string plan;         // path of plan.json
  std::string segment;      // path of the segment to write
  std::string certificate;  // PEM file to trust, or empty
  std::uint32_t slice = 0;  // this worker's clients: those with id % slices == slice
  std::uint32_t slices = 1;
  Placeholders placeholders;
};
BOOST_DESCRIBE_STRUCT(Assignment, (), (plan, segment, certificate, slice, slices, placeholders))
std::string to_text(const Assignment& assignment);
Result<Assignment> assignment_from(const std::string& text);

// An acknowledged request of a group, and its id in a question.
struct Acknowledgement {
  std::uint32_t group = 0;
  ConnectionId connection;
  RequestId request;
  std::string id;
  std::uint32_t message = 0;  // which of the group's it was
};

// Single-byte messages; three of them carry a fault's id as 4 bytes.
enum class Control : char {
  load = 'L',     // trial -> worker: the load phase begins
  stop = 'S',     // trial -> worker: the stop has begun, no new connections
  act = 'A',      // trial -> worker, with an id: do your clients' part of this fault
  end = 'E',      // trial -> worker: the target is gone, finish
  ready = 'R',    // worker -> trial: the assignment is understood
  done = 'D',     // worker -> trial: the segment is complete
  fired = 'F',    // worker -> trial, with an id: the first signal of this fault was sent here
  heard = 'K',    // worker -> trial, with an Acknowledgement: the first of its group and message
  reached = 'N',  // worker -> trial, with an id: this fault's moment has come, act
  broken = 'X'    // worker -> trial: this machine keeps it from going on, the reason follows
};

std::string with_id(Control control, FaultId fault);
// Control::broken with the reason.
std::string broken_text(const Error& error);
// The id of such a message; nothing if it has none.
std::optional<FaultId> id_in(std::string_view message);

std::string heard_text(const Acknowledgement& first);
// Nothing if the message is none.
std::optional<Acknowledgement> heard_in(std::string_view message);

// Sends one message with descriptors; on a full or closed socket the message is lost and an error
// returned.
Result<std::size_t> send_message(int socket, const std::string& text,
                                 const std::vector<int>& descriptors = {});

struct Message {
  std::string text;  // empty: the other end is closed
  std::vector<ScopedFd> descriptors;
};
// Blocks for one message of at most `limit` bytes.
Result<Message> receive_message(int socket, std::size_t limit = 64 * 1024);

}  // namespace lastcall
