// Breaks in the way its argument names.
const { EventEmitter } = require('node:events');
const { Worker, isMainThread } = require('node:worker_threads');

const kinds = {
  'uncaught-exception'() { throw new Error('boom'); },
  'type-error'() { const session = undefined; session.close(); },
  'thrown-string'() { throw 'no more sockets'; },
  'thrown-object'() { throw { code: 7 }; },
  'error-with-properties'() { require('node:fs').readFileSync('/srv/app/none'); },
  'error-with-cause'() { throw new Error('cannot stop', { cause: new Error('pool is gone') }); },
  'in-timer'() { setTimeout(() => { throw new RangeError('late'); }, 5); },
  'unhandled-rejection'() { Promise.reject(new Error('nobody waits')); },
  'unhandled-rejection-value'() { Promise.reject('nobody waits'); },
  'unhandled-rejection-warning'() { Promise.reject(new Error('nobody waits')); },
  'unhandled-error-event'() { new EventEmitter().emit('error', new Error('socket broke')); },
  'address-in-use'() {
    const net = require('node:net');
    const first = net.createServer().listen(0, '127.0.0.1', () => net.createServer().listen(first.address().port, '127.0.0.1'));
  },
  'worker'() { new Worker(__filename, { argv: ['uncaught-exception'] }); },
  'assert'() { require('node:assert').strictEqual(1, 2); },
  'out-of-memory'() { const all = []; for (;;) all.push(new Array(1000).fill('x')); },
  'stack-overflow'() { const f = () => f() + 1; f(); },
  'abort'() { process.abort(); },
};
kinds[process.argv[2]]();
