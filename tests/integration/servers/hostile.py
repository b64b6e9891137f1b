"""A server that is unkind to its clients in one way:  hostile.py WAY PORT [TLS_PORT CERTIFICATE KEY].
`hostile.py --list` prints every way with the layer it is unkind at. Ends with 0 at SIGTERM.

On PORT the ways of the layers tcp, http and ws are played in the clear; on TLS_PORT those of http and ws under TLS,
those of tcp and tls on the bare socket."""
import base64
import functools
import gzip
import hashlib
import itertools
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time

WAYS = {}  # name -> (layer, function of a Wire)


def way(layer, name=None, **fixed):
    """Registers a way; with `fixed` arguments one function is several ways."""

    def register(function):
        WAYS[name or function.__name__] = (layer, lambda wire: function(wire, **fixed))
        return function

    return register


def reset_at_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Wire:
    """One accepted connection. Under TLS its layer can be left at any time: `raw` is what is below it."""

    def __init__(self, raw, tls=None):
        self.raw = raw
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls and tls.wrap_bio(self.into, self.out, server_side=True)

    def flush(self):
        self.raw.sendall(self.out.read())

    def feed(self):
        block = self.raw.recv(65536)
        if block:
            self.into.write(block)
        else:
            self.into.write_eof()
        return block

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                self.flush()
                if not self.feed():
                    raise ConnectionError("the client went away") from None

    def send(self, data):
        if self.tls:
            for begin in range(0, len(data), 16384):
                self.tls.write(data[begin:begin + 16384])
            self.flush()
        else:
            self.raw.sendall(data)

    def receive(self):
        if not self.tls:
            return self.raw.recv(65536)
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                if not self.feed():
                    return b""
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def hold(self):
        """Reads until the client closes; the target's end may come first."""
        while self.receive():
            pass

    def drop(self):
        """Whatever the client says is not wanted, and lies at no layer."""
        while self.raw.recv(65536):
            pass

    def head(self):
        head = b""
        while b"\r\n\r\n" not in head:
            block = self.receive()
            if not block:
                raise ConnectionError("the client went away")
            head += block
        return head

    def answer(self, text, then_hold=True):
        """Waits for a request and answers exactly this."""
        self.head()
        self.send(text)
        if then_hold:
            self.hold()

    def upgrade_answer(self, more=b""):
        head = self.head()
        key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n")

    def upgrade(self):
        self.send(self.upgrade_answer())

    def frames(self, data):
        self.upgrade()
        self.send(data)
        self.hold()


def forever(wire, data):
    while True:
        wire.send(data)


def cut(wire, end):
    """How a way ends in the middle of something."""
    if end == "reset":
        time.sleep(0.02)  # so that what was sent is read before the reset
        reset_at_close(wire.raw)
    elif end == "stall":
        wire.drop()


# --- tcp: before any protocol ---

@way("tcp")
def silent(wire):
    wire.drop()


@way("tcp")
def slam(wire):
    pass


@way("tcp")
def slam_with_reset(wire):
    reset_at_close(wire.raw)


@way("tcp")
def garbage(wire):
    wire.raw.sendall(os.urandom(4096))
    wire.drop()


@way("tcp")
def garbage_flood(wire):
    while True:
        wire.raw.sendall(os.urandom(65536))


@way("tcp")
def zeros_flood(wire):
    while True:
        wire.raw.sendall(bytes(65536))


@way("tcp")
def garbage_drip(wire):
    while True:
        wire.raw.sendall(os.urandom(1))
        time.sleep(0.005)


@way("tcp")
def never_reads(wire):
    signal.pause()


@way("tcp")
def never_accepts(wire):
    raise AssertionError("there is no connection")


@way("tcp")
def half_closes_at_once(wire):
    wire.raw.shutdown(socket.SHUT_WR)
    wire.drop()


@way("tcp")
def echo(wire):
    while block := wire.raw.recv(65536):
        wire.raw.sendall(block)


# --- http ---

OK = b"HTTP/1.1 200 OK\r\n"
HTTP_ANSWERS = {
    "http_0_9": b"<html>just a body</html>\n",
    "status_99999": b"HTTP/1.1 99999 Too much\r\nContent-Length: 0\r\n\r\n",
    "status_0": b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n",
    "status_negative": b"HTTP/1.1 -20 Less\r\nContent-Length: 0\r\n\r\n",
    "status_text": b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
    "wrong_version": b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
    "version_in_lower_case": b"http/1.1 200 ok\r\nContent-Length: 0\r\n\r\n",
    "header_with_nul": OK + b"X-N\0ul: a\0b\r\nContent-Length: 0\r\n\r\n",
    "header_without_colon": OK + b"this is no header\r\nContent-Length: 0\r\n\r\n",
    "header_without_name": OK + b": value\r\nContent-Length: 0\r\n\r\n",
    "header_in_latin_1": OK + b"X-\xe9: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "obs_fold": OK + b"X-Folded: a\r\n\tb\r\n  c\r\nContent-Length: 0\r\n\r\n",
    "bare_line_feeds": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "length_too_long": OK + b"Content-Length: 1000\r\n\r\nshort",
    "length_too_short": OK + b"Content-Length: 2\r\n\r\nlonger than two",
    "length_negative": OK + b"Content-Length: -1\r\n\r\n",
    "length_overflowing": OK + b"Content-Length: 18446744073709551617\r\n\r\nx",
    "length_of_8_eib": OK + b"Content-Length: 9223372036854775807\r\n\r\nx",
    "length_twice": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length_as_text": OK + b"Content-Length: ten\r\n\r\n0123456789",
    "length_and_chunked": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown_encoding": OK + b"Transfer-Encoding: riddles\r\n\r\nwhat am I?",
    "gzip_that_is_none": OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz",
    "chunk_size_garbage": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "chunk_size_negative": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
    "chunk_size_overflowing": OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
    "chunk_of_4_gib": OK + b"Transfer-Encoding: chunked\r\n\r\n100000000\r\nx",
    "chunk_longer_than_it_says": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcde\r\n0\r\n\r\n",
    "two_answers": (OK + b"Content-Length: 2\r\n\r\nhi") * 2,
    "switches_unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chess\r\n\r\n1. e4",
    "no_content_with_content": b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nwhat",
    "redirect_to_itself": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "announces_close_and_stays": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "body_without_an_end": OK + b"\r\nand no more",
}
for name_, text_ in HTTP_ANSWERS.items():
    way("http", name_, text=text_)(Wire.answer)

HTTP_FLOODS = {
    "endless_header": (OK, b"X-More: and more\r\n" * 100),
    "endless_header_line": (OK + b"X-Long: ", b"x" * 65536),
    "endless_status_line": (b"HTTP/1.1 200 ", b"OK " * 10000),
    "endless_body": (OK + b"\r\n", b"b" * 65536),
    "endless_chunked_body": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"c" * 32768 + b"\r\n"),
    "endless_tiny_chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nc\r\n" * 5000),
    "endless_chunk_extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=", b"y" * 65536),
    "endless_trailer": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trail: er\r\n" * 1000),
    "continue_flood": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "early_hints_flood": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 500),
    "answer_flood": (b"", (OK + b"Content-Length: 2\r\n\r\nhi") * 500),
}


@way("http")
def answers_before_the_request(wire):
    wire.send(OK + b"Content-Length: 2\r\n\r\nhi")
    wire.hold()


@way("http")
def continues_and_answers(wire):
    while True:
        wire.answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\nhi", then_hold=False)


@way("http")
def drips_its_answer(wire):
    wire.head()
    for byte in OK + b"Content-Length: 100\r\n\r\n" + b"d" * 100:
        wire.send(bytes([byte]))
        time.sleep(0.01)
    wire.hold()


@functools.cache
def packed_zeros():
    return gzip.compress(bytes(8 << 20), 1)


@way("http")
def gzip_bomb(wire):
    """Nobody asked for a compressed answer."""
    packed = packed_zeros()
    wire.answer(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)


def drip(wire, data):
    """A byte now and then, without end."""
    for byte in itertools.chain(data, itertools.cycle(b"x")):
        wire.send(bytes([byte]))
        time.sleep(0.05)


@way("http")
def drips_its_header_for_ever(wire):
    wire.head()
    drip(wire, OK + b"X-Slow: ")


def flood(wire, begin, more):
    wire.head()
    wire.send(begin)
    forever(wire, more)


for name_, (begin_, more_) in HTTP_FLOODS.items():
    way("http", name_, begin=begin_, more=more_)(flood)


def answer_cut(wire, text, end):
    wire.head()
    wire.send(text)
    cut(wire, end)


for end_ in ("fin", "reset", "stall"):
    for where_, text_ in (("status_line", b"HTTP/1.1 2"), ("header", OK + b"Content-Le"),
                          ("body", OK + b"Content-Length: 1000\r\n\r\nthe first part"),
                          ("chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\nhalf")):
        way("http", f"{end_}_in_{where_}", text=text_, end=end_)(answer_cut)


# --- ws ---

def frame(first, payload=b"", length=None):
    """`first`: FIN, reserved bits and opcode. A wrong length can be announced."""
    size = len(payload) if length is None else length
    if size < 126:
        return bytes([first, size]) + payload
    return bytes([first, 126]) + struct.pack(">H", size) + payload if size < 65536 else \
        bytes([first, 127]) + struct.pack(">Q", size) + payload


def close_frame(code, reason=b""):
    return frame(0x88, struct.pack(">H", code) + reason)


FRAMES = {
    "huge_frame": frame(0x82, b"z" * 65536, 4 << 30),
    "frame_of_8_eib": frame(0x82, b"z" * 16, (1 << 63) - 1),
    "length_with_the_top_bit": b"\x82\x7f" + b"\xff" * 8,
    "length_not_minimal": b"\x81\x7f" + struct.pack(">Q", 2) + b"hi",
    "masked_frame": b"\x81\x82mask" + bytes(a ^ b for a, b in zip(b"hi", b"ma")),
    "reserved_bit_1": frame(0xc1, b"hi"),
    "reserved_bit_2": frame(0xa1, b"hi"),
    "reserved_bit_3": frame(0x91, b"hi"),
    "reserved_opcode_3": frame(0x83, b"hi"),
    "reserved_opcode_11": frame(0x8b, b"hi"),
    "invalid_utf_8": frame(0x81, b"\xc3\x28\xff"),
    "utf_8_surrogate": frame(0x81, b"\xed\xa0\x80"),
    "utf_8_cut_over_fragments": frame(0x01, b"\xe2\x82") + frame(0x80, b"x"),
    "fragmented_ping": frame(0x09, b"half"),
    "ping_of_126_bytes": frame(0x89, b"p" * 126),
    "close_of_126_bytes": frame(0x88, b"\x03\xe9" + b"r" * 124),
    "close_of_1_byte": frame(0x88, b"\x03"),
    "close_without_code": frame(0x88),
    "close_code_0": close_frame(0),
    "close_code_999": close_frame(999),
    "close_code_1005": close_frame(1005),
    "close_code_1006": close_frame(1006),
    "close_code_65535": close_frame(65535),
    "close_reason_not_utf_8": close_frame(1001, b"\xff\xfe"),
    "data_after_close": close_frame(1001) + frame(0x81, b"late"),
    "two_closes": close_frame(1001) * 2,
    "ping_after_close": close_frame(1001) + frame(0x89),
    "continuation_of_nothing": frame(0x80, b"and so on"),
    "message_within_a_message": frame(0x01, b"a") + frame(0x81, b"b"),
    "pong_unasked": frame(0x8a, b"?"),
    "stall_in_frame_header": b"\x82\x7f\0\0",
    "stall_in_frame": frame(0x82, b"half", 8),
    "http_in_the_middle": OK + b"\r\n",
}
for name_, text_ in FRAMES.items():
    way("ws", name_, data=text_)(Wire.frames)

FRAME_FLOODS = {
    "message_flood": (b"", frame(0x82, b"m" * 65000)),
    "tiny_frame_flood": (b"", frame(0x81, b"t") * 5000),
    "empty_frame_flood": (b"", frame(0x82) * 5000),
    "ping_flood": (b"", frame(0x89, b"p" * 125) * 500),
    "pong_flood": (b"", frame(0x8a, b"p" * 125) * 500),
    "endless_message": (frame(0x02, b"a"), frame(0x00, b"b" * 65000)),
    "endless_empty_fragments": (frame(0x02), frame(0x00) * 5000),
    "data_flood_after_close": (close_frame(1001), frame(0x82, b"m" * 65000)),
}


def frame_flood(wire, begin, more):
    wire.upgrade()
    wire.send(begin)
    forever(wire, more)


for name_, (begin_, more_) in FRAME_FLOODS.items():
    way("ws", name_, begin=begin_, more=more_)(frame_flood)


@way("ws")
def drips_a_frame(wire):
    wire.upgrade()
    drip(wire, frame(0x82, b"", 60_000))


def upgrade_cut(wire, percent, end):
    text = wire.upgrade_answer()
    wire.send(text[:max(1, len(text) * percent // 100)] if percent else b"")
    cut(wire, end)


for end_ in ("fin", "reset", "stall"):
    for percent_ in (0, 1, 12, 30, 60, 90, 99):
        way("ws", f"upgrade_{end_}_at_{percent_}_percent", percent=percent_, end=end_)(upgrade_cut)

UPGRADES = {
    "upgrade_with_a_wrong_key": b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: d3Jvbmc=\r\n",
    "upgrade_without_a_key": b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    "upgrade_to_something_else": b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
    "upgrade_to_nothing": b"",
}
for name_, text_ in UPGRADES.items():
    way("ws", name_, text=b"HTTP/1.1 101 Switching Protocols\r\n" + text_ + b"\r\n")(Wire.answer)
way("ws", "upgrade_is_200", text=OK + b"Content-Length: 2\r\n\r\nhi")(Wire.answer)
way("ws", "upgrade_is_503", text=b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")(Wire.answer)
way("ws", "upgrade_is_redirect", text=b"HTTP/1.1 307 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")(Wire.answer)


def upgrade_with(wire, more):
    wire.send(wire.upgrade_answer(more))
    wire.hold()


way("ws", "upgrade_with_unasked_protocol", more=b"Sec-WebSocket-Protocol: unasked\r\n")(upgrade_with)
way("ws", "upgrade_with_unasked_extension", more=b"Sec-WebSocket-Extensions: permessage-deflate\r\n")(upgrade_with)
way("ws", "upgrade_with_a_body", more=b"Content-Length: 5\r\n\r\nextra")(upgrade_with)


@way("ws")
def upgrade_with_extra_data(wire):
    wire.send(wire.upgrade_answer() + os.urandom(2048))
    wire.hold()


@way("ws")
def upgrade_with_an_endless_header(wire):
    wire.send(wire.upgrade_answer()[:-2])
    forever(wire, b"X-More: and more\r\n" * 100)


@way("ws")
def fin_without_a_close_frame(wire):
    wire.upgrade()


@way("ws")
def reset_without_a_close_frame(wire):
    wire.upgrade()
    cut(wire, "reset")


@way("ws")
def acknowledges_something_else(wire):
    wire.upgrade()
    while wire.receive():
        wire.send(frame(0x81, b"ack 999999-999999"))


@way("ws")
def stops_reading(wire):
    wire.upgrade()
    signal.pause()


# --- tls: on the bare socket of the TLS port ---

def record(kind, payload, length=None, version=b"\3\3"):
    return bytes([kind]) + version + struct.pack(">H", len(payload) if length is None else length) + payload


BARE = {
    "plain_text": b"HTTP/1.1 400 This is no TLS port\r\nContent-Length: 0\r\n\r\n",
    "alert_handshake_failure": record(21, b"\2\x28"),
    "alert_internal_error": record(21, b"\2\x50"),
    "alert_of_no_kind": record(21, b"\xff\xff"),
    "warning_alert_then_silence": record(21, b"\1\x70"),
    "close_notify_as_greeting": record(21, b"\1\0"),
    "record_of_64_kib": record(22, b"\2" * 65535),
    "record_of_64_kib_announced": record(22, b"\2", 65535),
    "record_of_no_kind": record(99, b"what"),
    "record_of_no_version": record(22, b"\2\0\0\0", version=b"\x7f\x7f"),
    "empty_handshake_record": record(22, b""),
    "data_before_the_handshake": record(23, b"hello"),
    "finished_before_the_hello": record(22, b"\x14\0\0\x0c" + bytes(12)),
    "hello_request": record(22, b"\0\0\0\0"),
    "hello_of_16_mib": record(22, b"\2\xff\xff\xff" + bytes(1000)),
    "sslv2_hello": b"\x80\x1f\4\0\1\0\2\0\0\0\x10\7\0\xc0" + bytes(19),
    "sslv3_hello": record(22, b"\2\0\0\x26\3\0" + bytes(32) + b"\0\0\5\0", version=b"\3\0"),
}


@way("tls", "client_hello_back")
def hello_back(wire):
    wire.raw.sendall(wire.raw.recv(65536))
    wire.drop()


def bare(wire, data):
    wire.raw.recv(65536)  # the ClientHello
    wire.raw.sendall(data)
    wire.drop()


for name_, text_ in BARE.items():
    way("tls", name_, data=text_)(bare)
BARE_FLOODS = {"empty_record_flood": record(22, b"") * 5000, "warning_alert_flood": record(21, b"\1\x5a") * 1000,
               "change_cipher_spec_flood": record(20, b"\1") * 1000}


def bare_flood(wire, data):
    wire.raw.recv(65536)
    while True:
        wire.raw.sendall(data)


for name_, text_ in BARE_FLOODS.items():
    way("tls", name_, data=text_)(bare_flood)


def server_hello_cut(wire, at, end):
    """The real answer to the ClientHello, up to a byte."""
    wire.feed()
    try:
        wire.tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    wire.raw.sendall(wire.out.read()[:at])
    cut(wire, end)


for end_ in ("fin", "reset", "stall"):
    for at_ in (1, 5, 50, 127, 500):
        way("tls", f"server_hello_{end_}_at_{at_}", at=at_, end=end_)(server_hello_cut)


def after_handshake(wire, data):
    wire.handshake()
    wire.raw.sendall(data)
    wire.drop()


way("tls", "renegotiation", data=record(22, b"\0\0\0\0"))(after_handshake)
way("tls", "plain_text_after_the_handshake", data=b"HTTP/1.1 200 OK\r\n\r\n")(after_handshake)
way("tls", "record_that_does_not_decrypt", data=record(23, bytes(100)))(after_handshake)
way("tls", "record_too_long_after_the_handshake", data=record(23, bytes(40000)))(after_handshake)
way("tls", "unencrypted_alert_after_the_handshake", data=record(21, b"\2\x28"))(after_handshake)


def goodbye(wire, then):
    wire.handshake()
    try:
        wire.tls.unwrap()
    except ssl.SSLError:
        pass
    wire.flush()
    then(wire)


way("tls", "close_notify_and_stays", then=Wire.drop)(goodbye)
way("tls", "close_notify_and_fin", then=lambda wire: None)(goodbye)
way("tls", "bytes_after_close_notify", then=lambda wire: (wire.raw.sendall(b"late bytes"), wire.drop()))(goodbye)


@way("tls")
def flood_after_close_notify(wire):
    def on_and_on(_):
        while True:
            wire.raw.sendall(bytes(65536))

    goodbye(wire, on_and_on)


@way("tls")
def fin_without_close_notify(wire):
    wire.handshake()


@way("tls")
def reset_after_the_handshake(wire):
    wire.handshake()
    cut(wire, "reset")


@way("tls")
def fin_in_a_record(wire):
    wire.handshake()
    wire.tls.write(b"x" * 1000)
    wire.raw.sendall(wire.out.read()[:500])


@way("tls")
def silent_after_the_handshake(wire):
    wire.handshake()
    wire.drop()


# --- playing ---

def play(connection, tls, layer, behave):
    wire = Wire(connection, tls)
    try:
        if tls and layer in ("http", "ws"):
            wire.handshake()
        behave(wire)
    except (OSError, ssl.SSLError):
        pass
    connection.close()


def serve(listener, tls, layer, behave):
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=play, args=(connection, tls, layer, behave), daemon=True).start()


def main(name, port, tls_port=None, certificate=None, key=None):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    layer, behave = WAYS[name]
    listeners = [(socket.create_server(("127.0.0.1", int(port)), backlog=128), None)]
    if tls_port:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listeners.append((socket.create_server(("127.0.0.1", int(tls_port)), backlog=128), context))
    if name != "never_accepts":
        for listener, tls in listeners:
            threading.Thread(target=serve, args=(listener, tls, layer, behave), daemon=True).start()
    print("ready", flush=True)
    while True:
        signal.pause()


if sys.argv[1] == "--list":
    for name_, (layer_, _) in WAYS.items():
        print(layer_, name_)
else:
    main(*sys.argv[1:])
