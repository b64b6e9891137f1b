"""What clients can be told to send: lengths that framed protocols need, and headers."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario

OFF = "".join(f'{name} = {{ judge = false, why = "it just exits" }}\n'
              for name in ("in-flight-finished", "close-handshake"))
STOP = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 10 }\n'
# Of each request another length.
MESSAGES = ("<{id}>", "<{dir} {id}>", "<é{id}>")


class Lengths(LastcallTest):
    def framed(self, frames, message, faults=STOP):
        command = [PYTHON, "{here}/servers/framed.py", "--port", "{port}", "--frames", frames]
        texts = ", ".join("'" + message.replace("MESSAGE", text) + "'" for text in MESSAGES)
        clients = ('[[clients]]\nurl = "tcp://127.0.0.1:{port}"\ncount = 2\npace = "1ms"\nack = \'{id}>\\n\'\n'
                   f"message = [{texts}]\n")
        return self.run_scenario(scenario(command, clients=clients, faults=faults, properties=OFF))

    def test_are_what_each_protocol_counts(self):
        for frames, message in (("netstring", "{length}:{body}MESSAGE{end},"), ("be32", "{length.be32}MESSAGE"),
                                ("http", "POST / HTTP/1.1\\r\\nContent-Length: {length}\\r\\nA: b\\r\\n\\r\\nMESSAGE")):
            with self.subTest(frames=frames):
                run = self.framed(frames, message)
                self.assert_exit(0, run)
                self.assertEqual("pass", run.verdict("serves")["outcome"])

    def test_that_are_wrong_are_seen(self):
        run = self.framed("netstring", "{length}:{body}x{end}MESSAGE,",
                          faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }\n')
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("serves")["outcome"])


if __name__ == "__main__":
    unittest.main()
