// Worker threads, child processes, files and their watching, sockets, WebAssembly.
const { Worker } = require('worker_threads');
const { execFileSync, fork } = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const zlib = require('zlib');
const crypto = require('crypto');

if (process.argv[2] === 'child') {
  process.on('message', (n) => process.send(n + 1, () => process.exit(0)));
} else {
  main();
}

async function main() {
  const squares = await Promise.all([1, 2, 3].map((n) => new Promise((done, failed) => {
    const text = 'const w=require("worker_threads");w.parentPort.postMessage(w.workerData**2)';
    new Worker(text, { eval: true, workerData: n }).on('message', done).on('error', failed);
  })));
  console.log('workers', squares.join(' '));

  console.log('execFile', execFileSync('tr', ['a-z', 'A-Z'], { input: 'abc' }).toString());
  const child = fork(__filename, ['child']);
  child.send(41);
  console.log('fork', await new Promise((done) => child.on('message', done)));

  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'work-'));
  const seen = new Promise((done) => {
    const watcher = fs.watch(dir, (event, name) => { watcher.close(); done(name); });
  });
  fs.writeFileSync(path.join(dir, 'a'), zlib.gzipSync('text'));
  console.log('watch', await seen);
  fs.renameSync(path.join(dir, 'a'), path.join(dir, 'b'));
  fs.symlinkSync('b', path.join(dir, 'c'));
  console.log('files', fs.readdirSync(dir).join(' '), zlib.gunzipSync(fs.readFileSync(path.join(dir, 'c'))).toString());
  fs.rmSync(dir, { recursive: true });

  const server = http.createServer((request, answer) => answer.end(request.url)).listen(0, 'localhost');
  await new Promise((done) => server.on('listening', done));
  const answer = await new Promise((done) => http.get({ port: server.address().port, host: 'localhost', path: '/x' }, (r) => {
    r.on('data', (d) => done(d.toString()));
  }));
  server.close();
  console.log('http', answer);

  const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11]);
  console.log('wasm', (await WebAssembly.instantiate(wasm)).instance.exports.f());
  console.log('scrypt', await new Promise((done, failed) => crypto.scrypt('a', 'b', 8, (err, key) => err ? failed(err) : done(key.toString('hex')))));
}
