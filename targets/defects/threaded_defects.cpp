// A small server with threads: HTTP, WebSocket and feeds of lines, stopped as it should be by
// SIGTERM or SIGINT, but for the one bug that --defect names; --fixed is the same without it.
// defects.toml names the property that must catch each.
//
// POST /echo answers with the body, POST /slow 60 ms later; GET /feed is a stream of lines; with
// Upgrade: websocket messages are echoed, and the lines come too. In the folder --state it keeps a
// journal, and a socket that says how many are connected.
//
// The main thread alone reads, opens and forgets connections; "publisher" and "answerer" send on
// them too; "auditor" counts them. The journal's lock is taken before that of the connections.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kSlowAnswer = 60ms;
constexpr auto kTick = 3ms;  // of the lines that are published
constexpr auto kAudit = 3ms;
constexpr auto kDisk = 50ms;  // what syncing the journal takes on a disk of its own
constexpr auto kSlowDisk = 400ms;
constexpr auto kPatience = 500ms;            // with peers that do not close their side
constexpr std::size_t kHistory = 128 << 20;  // bytes that a snapshot is made of

struct Options {
  std::string defect;
  bool fixed = false;
  int port = 0;
  std::string state = "state";
  std::string watchdog;
  [[nodiscard]] bool has(std::string_view name) const { return !fixed && defect == name; }
};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int checked(int result, const std::string& what) {
  if (result < 0) fail(what);
  return result;
}

void name_thread(const char* name) { (void)::pthread_setname_np(::pthread_self(), name); }

// --- connections ---

enum class Kind : std::uint8_t { http, feed, websocket };

struct Connection {
  explicit Connection(int descriptor) : fd(descriptor) {}
  const int fd;
  Kind kind = Kind::http;  // changed by the main thread alone
  std::string input{};     // of the main thread

  std::mutex sending{};  // the main thread reads `closed` without it
  bool goodbye = false;  // nothing is sent any more
  bool closed = false;
};
using ConnectionPointer = std::shared_ptr<Connection>;

// Part of who calls it, so that a stack begins there.
[[gnu::always_inline]] inline void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // the peer has gone; reading will tell
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string http_answer(int status, std::string_view body, bool last = false) {
  return "HTTP/1.1 " + std::to_string(status) + (status == 200 ? " OK" : " Unavailable") +
         "\r\nContent-Length: " + std::to_string(body.size()) +
         (last ? "\r\nConnection: close" : "") + "\r\n\r\n" + std::string(body);
}

enum class Opcode : std::uint8_t { text = 1, close = 8, ping = 9, pong = 10 };

// RFC 6455, section 5.2. Payloads here are short.
std::string frame(Opcode opcode, std::string_view payload) {
  std::string bytes{static_cast<char>(0x80 | static_cast<int>(opcode))};
  if (payload.size() < 126) {
    bytes += static_cast<char>(payload.size());
  } else {
    bytes += {126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
  }
  return bytes.append(payload);
}

std::string close_frame(int code) {
  return frame(Opcode::close, std::string{static_cast<char>(code >> 8), static_cast<char>(code)});
}

struct Frame {
  Opcode opcode{};
  std::string payload{};
};

// Takes a masked frame from the front of the bytes, once it is whole.
std::optional<Frame> take_frame(std::string& bytes) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  if (bytes.size() < 2) return std::nullopt;
  std::size_t length = byte(1) & 0x7F;
  const std::size_t begin = length < 126 ? 2 : 4;
  if (bytes.size() < begin + 4) return std::nullopt;
  if (length >= 126) length = byte(2) << 8 | byte(3);
  if (bytes.size() < begin + 4 + length) return std::nullopt;
  Frame found{static_cast<Opcode>(byte(0) & 0x0F), bytes.substr(begin + 4, length)};
  for (std::size_t i = 0; i < length; ++i) found.payload[i] ^= bytes[begin + i % 4];
  bytes.erase(0, begin + 4 + length);
  return found;
}

// RFC 6455, section 4.2.2.
std::string upgrade_answer(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64{};
  ::EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         std::string(reinterpret_cast<const char*>(base64.data())) + "\r\n\r\n";
}

struct Request {
  std::string method{}, path{}, body{};
  std::map<std::string, std::string> fields{};  // names in lower case
  [[nodiscard]] std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
};

// Takes a request from the front of the bytes, once it is whole.
std::optional<Request> take_request(std::string& bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::istringstream head(bytes.substr(0, end));
  Request request;
  std::string line;
  head >> request.method >> request.path;
  std::getline(head, line);
  while (std::getline(head, line)) {
    const auto colon = std::min(line.find(':'), line.size());
    auto name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto begin = line.find_first_not_of(" :", colon);
    const auto last = line.find_last_not_of(" \r");
    request.fields[name] = begin > last ? "" : line.substr(begin, last + 1 - begin);
  }
  const auto length = std::strtoul(request.field("content-length").c_str(), nullptr, 10);
  if (bytes.size() < end + 4 + length) return std::nullopt;
  request.body = bytes.substr(end + 4, length);
  bytes.erase(0, end + 4 + length);
  return request;
}

// --- threads ---

// Tells a thread when it is over.
class Over {
 public:
  // Whether it is, after so long at most.
  bool within(Clock::duration time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return over_; });
  }
  void set() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
};

// A mutex, or a lock of readers and writers, of which there are only writers here.
class Lock {
 public:
  explicit Lock(bool is_rwlock) : is_rwlock_(is_rwlock) {}
  [[gnu::always_inline]] void lock() { is_rwlock_ ? rwlock_.lock() : mutex_.lock(); }
  [[gnu::always_inline]] void unlock() { is_rwlock_ ? rwlock_.unlock() : mutex_.unlock(); }

 private:
  const bool is_rwlock_;
  std::mutex mutex_{};
  std::shared_mutex rwlock_{};
};

struct Connections {
  explicit Connections(bool with_rwlock) : lock(with_rwlock) {}
  Lock lock;
  std::map<int, ConnectionPointer> all{};

  std::vector<ConnectionPointer> list() {
    const std::scoped_lock listing(lock);
    std::vector<ConnectionPointer> pointers;
    for (const auto& [fd, connection] : all) pointers.push_back(connection);
    return pointers;
  }
};

class Journal {
 public:
  Journal(const std::string& path, bool with_rwlock)
      : lock(with_rwlock),
        fd_(checked(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), path)) {}
  Lock lock;

  void write(const std::string& line) const {
    if (::write(fd_, (line + "\n").c_str(), line.size() + 1) < 0) fail("journal");
  }
  void sync(Clock::duration time) const {
    std::this_thread::sleep_for(time);
    checked(::fsync(fd_), "fsync");
  }
  void close() const { checked(::close(fd_), "close"); }

 private:
  int fd_;
};

// Answers that take their time, in the order in which they were asked for.
class Answerer {
 public:
  explicit Answerer(const Options& options) : options_(options) {}
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void answer_later(ConnectionPointer connection, std::string body) {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back({std::move(connection), std::move(body), Clock::now() + kSlowAnswer});
    }
    changed_.notify_one();
  }
  // Returns when all answers are given.
  void finish() {
    {
      const std::scoped_lock lock(mutex_);
      finishing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  struct Job {
    ConnectionPointer connection;
    std::string body;
    Clock::time_point due;
  };
  void run() {
    name_thread("answerer");
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return finishing_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      std::this_thread::sleep_until(job.due);
      give_late_answer(job);
      lock.lock();
    }
  }
  [[gnu::noinline]] void give_late_answer(const Job& job) const {
    const std::scoped_lock lock(job.connection->sending);
    if (job.connection->goodbye && !options_.has("reused_descriptor")) return;
    send_all(job.connection->fd, http_answer(200, job.body));
  }

  const Options& options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool finishing_ = false;
  std::thread thread_;
};

// Sends a line to every feed and WebSocket, again and again.
class Publisher {
 public:
  Publisher(const Options& options, Connections& connections)
      : forgets_goodbyes_(options.has("write_after_close") || options.has("write_after_shutdown")),
        waits_for_end_(options.has("data_after_close_frame")),
        connections_(connections) {}
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    over_.set();
    thread_.join();
  }

 private:
  void run() {
    name_thread("publisher");
    for (unsigned tick = 0; !over_.within(kTick); ++tick) {
      for (const auto& connection : connections_.list())
        publish_line(*connection, "tick " + std::to_string(tick));
    }
  }
  [[gnu::noinline]] void publish_line(Connection& connection, const std::string& line) const {
    const std::scoped_lock lock(connection.sending);
    if (connection.kind == Kind::http) return;
    if (waits_for_end_ ? connection.closed : connection.goodbye && !forgets_goodbyes_) return;
    send_all(connection.fd,
             connection.kind == Kind::feed ? line + "\n" : frame(Opcode::text, line));
  }

  const bool forgets_goodbyes_;
  const bool waits_for_end_;  // of the connection, where the goodbye was the end of sending
  Connections& connections_;
  Over over_;
  std::thread thread_;
};

// Writes down how many are connected, again and again, and once more when it is over.
class Auditor {
 public:
  Auditor(const Options& options, Connections& connections, Journal& journal)
      : takes_locks_the_other_way_(options.has("mutex_cycle") || options.has("rwlock_cycle")),
        connections_(connections),
        journal_(journal) {}
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void tell_over() { over_.set(); }
  void join() { thread_.join(); }

 private:
  void run() {
    name_thread("auditor");
    while (!over_.within(kAudit)) audit_connections();
    audit_connections();
  }
  [[gnu::noinline]] void audit_connections() {
    if (takes_locks_the_other_way_) {
      const std::scoped_lock counting(connections_.lock);
      const std::scoped_lock writing(journal_.lock);
      journal_.write("audit " + std::to_string(connections_.all.size()));
    } else {
      const std::scoped_lock writing(journal_.lock);
      const std::scoped_lock counting(connections_.lock);
      journal_.write("audit " + std::to_string(connections_.all.size()));
    }
  }

  const bool takes_locks_the_other_way_;
  Connections& connections_;
  Journal& journal_;
  Over over_;
  std::thread thread_;
};

// --- neighbours ---

// Ships the journal, and is no child of ours: it survives what we die of.
pid_t start_archiver(const std::string& journal) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const pid_t between = checked(::fork(), "fork");
  if (between == 0) {
    ::setsid();
    const pid_t archiver = ::fork();
    if (archiver == 0) {
      const int nothing = ::open("/dev/null", O_RDWR);
      for (const int stream : {0, 1, 2}) ::dup2(nothing, stream);
      ::execlp("tail", "tail", "-n0", "-F", journal.c_str(), nullptr);
      ::_exit(127);
    }
    const auto told = ::write(ends[1], &archiver, sizeof archiver);
    ::_exit(told == sizeof archiver ? 0 : 1);
  }
  pid_t archiver = 0;
  const auto heard = ::read(ends[0], &archiver, sizeof archiver);
  if (heard != sizeof archiver || archiver <= 0) fail("archiver");
  ::close(ends[0]);
  ::close(ends[1]);
  checked(::waitpid(between, nullptr, 0), "waitpid");
  return archiver;
}

void end_archiver(pid_t archiver) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, archiver, 0));
  checked(handle, "pidfd_open");
  checked(::kill(archiver, SIGTERM), "kill");
  pollfd end{handle, POLLIN, 0};
  while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
  }
  ::close(handle);
}

int unix_socket(const std::string& path, auto&& connect_or_bind) {
  const int fd = checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) throw std::invalid_argument(path + " is too long");
  path.copy(address.sun_path, path.size());
  checked(connect_or_bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), path);
  return fd;
}

int listen_on(int port) {
  const int fd = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  checked(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<std::uint16_t>(port)),
                      .sin_addr = {htonl(INADDR_LOOPBACK)},
                      .sin_zero = {}};
  checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(fd, 128), "listen");
  return fd;
}

// --- the server ---

class Server {
 public:
  explicit Server(Options options)
      : options_(std::move(options)),
        connections_(options_.defect == "rwlock_cycle"),
        journal_(options_.state + "/journal", options_.defect == "rwlock_cycle"),
        answerer_(options_),
        publisher_(options_, connections_),
        auditor_(options_, connections_, journal_) {}

  void run() {
    // First, because blocked signals are inherited.
    if (options_.defect == "leaked_child") archiver_ = start_archiver(options_.state + "/journal");
    sigset_t stops;
    ::sigemptyset(&stops);
    ::sigaddset(&stops, SIGTERM);
    ::sigaddset(&stops, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
    signals_ = checked(::signalfd(-1, &stops, SFD_CLOEXEC), "signalfd");
    if (!options_.watchdog.empty()) watchdog_ = unix_socket(options_.watchdog, ::connect);
    control_ = unix_socket(control_path(), ::bind);
    checked(::listen(control_, 8), "listen");
    listener_ = listen_on(options_.port);
    answerer_.start();
    publisher_.start();
    auditor_.start();
    serve();
    stop();
  }

 private:
  [[nodiscard]] std::string control_path() const { return options_.state + "/control.sock"; }

  void serve() {
    for (;;) {
      std::vector<pollfd> polled{
          {signals_, POLLIN, 0}, {listener_, POLLIN, 0}, {control_, POLLIN, 0}};
      const auto ready = wait_for(polled, -1ms);
      if (polled[0].revents != 0) return;
      for (const auto& connection : ready) read_from(*connection);
      if (polled[1].revents != 0) accept_client();
      if (polled[2].revents != 0) answer_control();
    }
  }

  // Those that can be read; `polled` as poll(2) left it. Negative: without a limit.
  std::vector<ConnectionPointer> wait_for(std::vector<pollfd>& polled, Clock::duration limit) {
    const auto all = connections_.list();
    const auto others = polled.size();
    for (const auto& connection : all)
      polled.push_back({connection->closed ? -1 : connection->fd, POLLIN, 0});
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    std::vector<ConnectionPointer> ready;
    if (::poll(polled.data(), polled.size(), static_cast<int>(milliseconds)) <= 0) return ready;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (polled[others + i].revents != 0) ready.push_back(all[i]);
    }
    return ready;
  }

  void accept_client() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::scoped_lock adding(connections_.lock);
    connections_.all[fd] = std::make_shared<Connection>(fd);
  }

  void answer_control() {
    const int fd = ::accept4(control_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    send_all(fd, std::to_string(connections_.list().size()) + " connected\n");
    ::close(fd);
  }

  void read_from(Connection& connection) {
    std::array<char, 4096> bytes;
    const auto count = ::recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return forget(connection);
    connection.input.append(bytes.data(), static_cast<std::size_t>(count));
    while (connection.kind == Kind::http) {
      const auto request = take_request(connection.input);
      if (!request) return;
      answer(connection, *request);
    }
    while (connection.kind == Kind::websocket && !connection.closed) {
      const auto frame = take_frame(connection.input);
      if (!frame) return;
      answer(connection, *frame);
    }
  }

  static void say(Connection& connection, const std::string& bytes) {
    const std::scoped_lock lock(connection.sending);
    if (!connection.goodbye) send_all(connection.fd, bytes);
  }

  static void become(Connection& connection, Kind kind, const std::string& bytes) {
    const std::scoped_lock lock(connection.sending);
    send_all(connection.fd, bytes);
    connection.kind = kind;
  }

  void answer(Connection& connection, const Request& request) {
    remember(request);
    if (stopping_) {
      say(connection, http_answer(503, "stopping", true));
    } else if (const auto key = request.field("sec-websocket-key"); !key.empty()) {
      become(connection, Kind::websocket, upgrade_answer(key));
    } else if (request.path == "/feed") {
      become(connection, Kind::feed,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
    } else if (request.path == "/slow") {
      answerer_.answer_later(connections_.all.at(connection.fd), request.body);
    } else {
      say(connection, http_answer(200, request.body));
    }
  }

  void answer(Connection& connection, const Frame& received) {
    if (received.opcode == Opcode::text) say(connection, frame(Opcode::text, received.payload));
    if (received.opcode == Opcode::ping) say(connection, frame(Opcode::pong, received.payload));
    if (received.opcode == Opcode::close) {
      say_goodbye(connection, 1000);
      forget(connection);
    }
  }

  // Nothing but the peer's own goodbye is waited for then.
  [[gnu::noinline]] void say_goodbye(Connection& connection, int code) const {
    const std::scoped_lock lock(connection.sending);
    if (std::exchange(connection.goodbye, true)) return;
    if (connection.kind == Kind::websocket) {
      send_all(connection.fd, close_frame(code));
    } else if (connection.kind == Kind::feed && options_.defect == "write_after_close") {
      ::close(connection.fd);  // who has a feed says nothing, so that nothing is unread
      connection.closed = true;
    } else {
      ::shutdown(connection.fd, SHUT_WR);
    }
  }

  void forget(Connection& connection) {
    {
      const std::scoped_lock lock(connection.sending);
      connection.goodbye = true;
      if (!connection.closed) ::close(connection.fd);
      connection.closed = true;
    }
    const std::scoped_lock removing(connections_.lock);
    connections_.all.erase(connection.fd);
  }

  void remember(const Request& request) {
    recent_.push_back(request.method + " " + request.path);
    if (recent_.size() > kRecent) recent_.pop_front();
  }

  // --- the stop ---

  void stop() {
    stopping_ = true;
    if (watchdog_ >= 0)
      send_all(watchdog_, options_.has("killed_by_other") ? "stopping 50\n" : "stopping 5000\n");
    if (!options_.has("listener_open")) ::close(listener_);
    for (const auto& connection : connections_.list()) read_from(*connection);
    answerer_.finish();
    const bool leaves_connections = options_.has("unread_request");
    if (!leaves_connections) say_goodbyes();
    write_last_entry();
    if (!leaves_connections) wait_for_goodbyes();
    publisher_.stop();
    stop_auditor();
    if (options_.defect == "out_of_memory") write_snapshot();
    write_summary();
    if (archiver_ != 0 && !options_.has("leaked_child")) end_archiver(archiver_);
    ::close(control_);
    if (!options_.has("leaked_socket_file")) ::unlink(control_path().c_str());
    journal_.sync(0ms);
    journal_.close();
  }

  void say_goodbyes() {
    for (const auto& connection : connections_.list()) say_goodbye(*connection, 1001);
  }

  // While peers leave.
  [[gnu::noinline]] void write_last_entry() {
    const std::scoped_lock writing(journal_.lock);
    journal_.write("stopping");
    journal_.sync(options_.defect == "killed_by_other" ? kSlowDisk : kDisk);
    const std::scoped_lock counting(connections_.lock);
    journal_.write("not gone yet: " + std::to_string(connections_.all.size()));
  }

  void wait_for_goodbyes() {
    const auto limit = Clock::now() + kPatience;
    for (auto left = connections_.list(); !left.empty(); left = connections_.list()) {
      for (const auto& connection : left) {
        if (connection->closed || Clock::now() > limit) forget(*connection);
      }
      std::vector<pollfd> nobody_else;
      for (const auto& connection : wait_for(nobody_else, 50ms)) read_from(*connection);
    }
  }

  [[gnu::noinline]] void stop_auditor() {
    // Nobody is to come or go while the last audit is written.
    std::unique_lock nobody_comes(connections_.lock);
    auditor_.tell_over();
    if (!options_.has("join_while_holding")) nobody_comes.unlock();
    auditor_.join();
  }

  // The checksum of all that ever was, made of it as a whole or a block at a time.
  [[gnu::noinline]] void write_snapshot() const {
    constexpr std::size_t kBlock = 64 << 10;
    std::vector<std::uint64_t> words((options_.has("out_of_memory") ? kHistory : kBlock) / 8);
    std::uint64_t sum = 0;
    for (std::size_t done = 0; done < kHistory / 8; done += words.size()) {
      std::iota(words.begin(), words.end(), done);
      for (const auto word : words) sum = sum * 31 + word;
    }
    journal_.write("snapshot " + std::to_string(sum));
  }

  [[gnu::noinline]] void write_summary() {
    try {
      summarise_recent(options_.has("swallowed_exception") ? kRecent + 1 : recent_.size());
    } catch (...) {
      journal_.write("no summary");  // a summary is not worth a failed stop
    }
  }
  [[gnu::noinline]] void summarise_recent(std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) journal_.write("recent: " + recent_.at(i));
  }

  static constexpr std::size_t kRecent = 10;
  const Options options_;
  Connections connections_;
  Journal journal_;
  Answerer answerer_;
  Publisher publisher_;
  Auditor auditor_;
  std::deque<std::string> recent_;
  bool stopping_ = false;
  int signals_ = -1;
  int listener_ = -1;
  int control_ = -1;
  int watchdog_ = -1;
  pid_t archiver_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A server that is late with something");
  Options options;
  app.add_option("--port", options.port, "on 127.0.0.1")->required();
  app.add_option("--state", options.state, "folder of the journal and the control socket");
  app.add_option("--watchdog", options.watchdog, "socket of who is told that the stop begins");
  app.add_option("--defect", options.defect, "the planted bug")
      ->check(CLI::IsMember({"write_after_close", "write_after_shutdown", "reused_descriptor",
                             "data_after_close_frame", "mutex_cycle", "rwlock_cycle",
                             "join_while_holding", "swallowed_exception", "killed_by_other",
                             "out_of_memory", "leaked_child", "leaked_socket_file", "listener_open",
                             "unread_request"}));
  app.add_flag("--fixed", options.fixed, "the same without the bug");
  CLI11_PARSE(app, argc, argv);
  try {
    std::filesystem::create_directories(options.state);
    Server(options).run();
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << "\n";
    return 1;
  }
  return 0;
}
