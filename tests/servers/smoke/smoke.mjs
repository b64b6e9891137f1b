// What a Node program may notice of its surroundings: signals, children, clusters, worker threads, sockets, files and
// timers. Run by node:test; each case must end the same way below a tracer as without one.
import assert from 'node:assert';
import { execFile, execSync, fork, spawn, spawnSync } from 'node:child_process';
import cluster from 'node:cluster';
import { pbkdf2 } from 'node:crypto';
import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gzipSync, gunzip } from 'node:zlib';

const self = fileURLToPath(import.meta.url);
const role = process.env.SMOKE_ROLE;

const node = (code, options = {}) => spawn(process.execPath, ['-e', code], options);
const ended = async (child) => {
  const [code, signal] = await once(child, 'exit');
  return { code, signal };
};
const said = async (stream) => {
  let all = '';
  for await (const piece of stream) all += piece;
  return all;
};
// Sends itself a signal and waits until its handler has run.
const taken = async (signal) => {
  const alive = setInterval(() => {}, 1000);  // a handler alone lets the program end
  const came = once(process, signal);
  process.kill(process.pid, signal);
  await came;
  clearInterval(alive);
};
const temporary = (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'smoke-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
};
const listening = async (t, server, ...where) => {
  server.listen(...where);
  await once(server, 'listening');
  t.after(() => server.close());
  return server.address();
};
const LOOPBACK = '127.0.0.1';
const READY = 'process.stdout.write("ready\\n");';
const started = async (code, options) => {
  const child = node(code + READY, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  await once(child.stdout, 'data');
  return child;
};

if (role === 'worker of a cluster') {
  http.createServer((_, answer) => answer.end(String(process.pid))).listen(0, LOOPBACK);
  process.on('SIGTERM', () => process.exit(7));
} else if (role === 'echo') {
  process.on('message', (message) => process.send(message));
} else {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2', 'SIGWINCH', 'SIGCONT', 'SIGPIPE', 'SIGCHLD'])
    test(`${signal} reaches its handler`, () => taken(signal));

  test('a thousand signals, one after the other, are all taken', async () => {
    for (let i = 0; i < 1000; ++i) await taken('SIGUSR2');
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP', 'SIGUSR2', 'SIGABRT', 'SIGSEGV', 'SIGQUIT'])
    test(`a child ends by ${signal}`, async () => {
      const child = await started('setInterval(() => {}, 1000);');
      child.kill(signal);
      assert.deepStrictEqual(await ended(child), { code: null, signal });
    });

  test('a handler decides the exit code', async () => {
    const child = await started('process.on("SIGTERM", () => process.exit(5)); setInterval(() => {}, 1000);');
    child.kill('SIGTERM');
    assert.deepStrictEqual(await ended(child), { code: 5, signal: null });
  });

  test('a child that raises its signal again ends by it', async () => {
    const child = await started('process.once("SIGTERM", () => process.kill(process.pid, "SIGTERM")); setInterval(() => {}, 1000);');
    child.kill('SIGTERM');
    assert.deepStrictEqual(await ended(child), { code: null, signal: 'SIGTERM' });
  });

  test('a stopped child stands still until SIGCONT', async () => {
    const child = await started('setInterval(() => process.stdout.write("."), 5);');
    const state = () => fs.readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1][0];
    child.kill('SIGSTOP');
    while (!'Tt'.includes(state())) await sleep(5);
    let heard = 0;
    child.stdout.on('data', (data) => (heard += data.length));
    await sleep(50);  // what it wrote before
    heard = 0;
    await sleep(100);
    assert.strictEqual(heard, 0);
    child.kill('SIGCONT');
    while (heard === 0) await sleep(5);
    child.kill('SIGKILL');
    await ended(child);
  });

  test('a signal to a process group reaches all in it', async () => {
    const child = await started(`require("child_process").spawn("sleep", ["100"], { stdio: "inherit" }); setInterval(() => {}, 1000);`,
      { detached: true });
    const closed = once(child, 'close');  // the pipe, too: nobody is left
    process.kill(-child.pid, 'SIGTERM');
    assert.deepStrictEqual(await closed, [null, 'SIGTERM']);
  });

  test('a child that was waited for is gone', async () => {
    const child = node('');
    await ended(child);
    assert.throws(() => process.kill(child.pid, 0), { code: 'ESRCH' });
  });

  for (const [what, code, exit] of [['process.exit', 'process.exit(3)', 3], ['exitCode', 'process.exitCode = 4', 4],
    ['an uncaught exception', 'throw new Error("wanted")', 1], ['a rejection', 'Promise.reject(new Error("wanted"))', 1],
    ['a listener of exit', 'process.on("exit", () => { process.exitCode = 9 })', 9],
    ['a syntax error', '][', 1]])
    test(`the exit code of ${what}`, async () => {
      assert.deepStrictEqual(await ended(node(code, { stdio: 'ignore' })), { code: exit, signal: null });
    });

  test('process.abort() ends by SIGABRT', async () => {
    assert.deepStrictEqual(await ended(node('process.abort()', { stdio: 'ignore' })), { code: null, signal: 'SIGABRT' });
  });

  test('what cannot be executed is an error of spawn', async () => {
    const [problem] = await once(spawn('/nonexistent'), 'error');
    assert.strictEqual(problem.code, 'ENOENT');
  });

  test('spawnSync with input, and a time limit', () => {
    assert.strictEqual(spawnSync('cat', { input: 'words' }).stdout.toString(), 'words');
    const late = spawnSync('sleep', ['10'], { timeout: 50 });
    assert.strictEqual(late.error.code, 'ETIMEDOUT');
    assert.strictEqual(late.signal, 'SIGTERM');
  });

  test('a shell gives back 128 and the signal', () => {
    assert.throws(() => execSync('sh -c "kill -9 \\$\\$"; exit $?'), { status: 137 });
  });

  test('a megabyte through the pipes of a child', async () => {
    const child = spawn('cat');
    child.stdin.end(Buffer.alloc(1 << 20, 'x'));
    assert.strictEqual((await said(child.stdout)).length, 1 << 20);
  });

  test('fifty children at once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => promisify(execFile)('sh', ['-c', `echo ${i}; exit 0`])));
    assert.deepStrictEqual(all.map((one) => Number(one.stdout)), Array.from({ length: 50 }, (_, i) => i));
  });

  test('an AbortController ends a child', async () => {
    const control = new AbortController();
    const child = spawn('sleep', ['10'], { signal: control.signal });
    const problem = once(child, 'error');
    control.abort();
    assert.strictEqual((await problem)[0].name, 'AbortError');
  });

  test('messages to a forked child and back', async () => {
    const child = fork(self, { env: { ...process.env, SMOKE_ROLE: 'echo' }, execArgv: [] });
    for (let i = 0; i < 100; ++i) {
      child.send({ i });
      assert.deepStrictEqual((await once(child, 'message'))[0], { i });
    }
    child.disconnect();
    assert.deepStrictEqual(await ended(child), { code: 0, signal: null });
  });

  test('a cluster answers, and its workers end as they say', async () => {
    cluster.setupPrimary({ exec: self, execArgv: [] });
    const workers = [1, 2].map(() => cluster.fork({ SMOKE_ROLE: 'worker of a cluster' }));
    const addresses = await Promise.all(workers.map((one) => once(one, 'listening')));
    const answered = new Set();
    for (const [address] of [...addresses, ...addresses])
      answered.add(await (await fetch(`http://${LOOPBACK}:${address.port}`)).text());
    for (const pid of answered) assert(workers.some((one) => String(one.process.pid) === pid));
    for (const one of workers) {
      const end = once(one, 'exit');
      one.process.kill('SIGTERM');
      assert.deepStrictEqual(await end, [7, null]);
    }
  });

  test('a server drains: close() waits for the answer', async (t) => {
    const server = http.createServer((_, answer) => setTimeout(() => answer.end('late'), 50));
    const { port } = await listening(t, server, 0, LOOPBACK);
    const answer = fetch(`http://${LOOPBACK}:${port}`, { headers: { connection: 'close' } });
    await once(server, 'request');
    const closed = new Promise((done) => server.close(done));
    assert.strictEqual(await (await answer).text(), 'late');
    assert.strictEqual(await closed, undefined);
  });

  test('two hundred requests at once', async (t) => {
    const server = http.createServer((request, answer) => answer.end(request.url));
    const { port } = await listening(t, server, 0, LOOPBACK);
    const all = await Promise.all(Array.from({ length: 200 }, async (_, i) => (await fetch(`http://${LOOPBACK}:${port}/${i}`)).text()));
    assert.deepStrictEqual(all, Array.from({ length: 200 }, (_, i) => `/${i}`));
    server.closeAllConnections();
  });

  test('who connects to a port that is closed is refused', async (t) => {
    const server = net.createServer();
    server.listen(0, LOOPBACK);
    await once(server, 'listening');
    const { port } = server.address();
    await new Promise((done) => server.close(done));
    const [problem] = await once(net.connect(port, LOOPBACK), 'error');
    assert.strictEqual(problem.code, 'ECONNREFUSED');
  });

  test('a port is not given twice', async (t) => {
    const { port } = await listening(t, net.createServer(), 0, LOOPBACK);
    const [problem] = await once(net.createServer().listen(port, LOOPBACK), 'error');
    assert.strictEqual(problem.code, 'EADDRINUSE');
  });

  test('a reset is a reset, and an end an end', async (t) => {
    const server = net.createServer((socket) => socket.once('data', (data) =>
      String(data) === 'reset' ? socket.resetAndDestroy() : socket.end()));
    const { port } = await listening(t, server, 0, LOOPBACK);
    const reset = net.connect(port, LOOPBACK).on('connect', function () { this.write('reset'); });
    assert.strictEqual((await once(reset, 'error'))[0].code, 'ECONNRESET');
    const end = net.connect(port, LOOPBACK).on('connect', function () { this.write('end'); }).resume();
    await once(end, 'end');
  });

  test('a Unix socket', async (t) => {
    const where = path.join(temporary(t), 's');
    await listening(t, net.createServer((socket) => socket.end('words')), where);
    assert.strictEqual(await said(net.connect(where)), 'words');
  });

  test('a datagram', async (t) => {
    const receiver = dgram.createSocket('udp4').bind(0, LOOPBACK);
    await once(receiver, 'listening');
    t.after(() => receiver.close());
    const sender = dgram.createSocket('udp4');
    sender.send('words', receiver.address().port, LOOPBACK, () => sender.close());
    assert.strictEqual(String((await once(receiver, 'message'))[0]), 'words');
  });

  test('worker threads answer, end and are terminated', async () => {
    const code = 'const { parentPort } = require("worker_threads"); parentPort.once("message", (m) => parentPort.postMessage(m + 1));';
    const workers = Array.from({ length: 8 }, () => new Worker(code, { eval: true }));
    for (const [i, one] of workers.entries()) one.postMessage(i);
    const answers = await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0]));
    assert.deepStrictEqual(answers, workers.map((_, i) => i + 1));
    assert.deepStrictEqual(await once(new Worker('process.exit(6)', { eval: true }), 'exit'), [6]);
    const endless = new Worker('for (;;);', { eval: true });
    await once(endless, 'online');
    assert.strictEqual(await endless.terminate(), 1);
  });

  test('Atomics.wait ends at its time and at a notification', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    assert.strictEqual(Atomics.wait(shared, 0, 0, 20), 'timed-out');
    const worker = new Worker('const { workerData, parentPort } = require("worker_threads"); parentPort.postMessage("waits");'
      + 'parentPort.postMessage(Atomics.wait(workerData, 0, 0, 10000));', { eval: true, workerData: shared });
    await once(worker, 'message');
    const woken = once(worker, 'message');
    while (Atomics.notify(shared, 0) === 0) await sleep(1);
    assert.deepStrictEqual(await woken, ['ok']);
  });

  test('timers fire in order and not early', async () => {
    const fired = [];
    const began = performance.now();
    await Promise.all([30, 10, 20].map((ms) => sleep(ms).then(() => fired.push(ms))));
    assert.deepStrictEqual(fired, [10, 20, 30]);
    assert(performance.now() - began >= 29);
  });

  test('files: written, renamed, watched, locked out', async (t) => {
    const folder = temporary(t);
    const watcher = fs.watch(folder);
    const change = once(watcher, 'change');
    fs.writeFileSync(`${folder}/a`, 'words');
    await change;
    watcher.close();
    fs.renameSync(`${folder}/a`, `${folder}/b`);
    assert.strictEqual(fs.readFileSync(`${folder}/b`, 'utf8'), 'words');
    assert.throws(() => fs.openSync(`${folder}/b`, 'wx'), { code: 'EEXIST' });
    assert.throws(() => fs.openSync(`${folder}/a`), { code: 'ENOENT' });
  });

  test('descriptors that are closed are given again', (t) => {
    const first = fs.openSync(self);
    fs.closeSync(first);
    assert.throws(() => fs.closeSync(first), { code: 'EBADF' });
    const second = fs.openSync(self);
    fs.closeSync(second);
    assert.strictEqual(first, second);
  });

  test('its pool of threads', async () => {
    const hash = promisify(pbkdf2);
    const [one, other] = await Promise.all([hash('a', 'b', 10000, 16, 'sha256'), hash('a', 'b', 10000, 16, 'sha256')]);
    assert.deepStrictEqual(one, other);
    assert.strictEqual(String(await promisify(gunzip)(gzipSync('words'))), 'words');
    assert.strictEqual((await lookup('127.0.0.1')).address, LOOPBACK);
  });
}
