const assert = require('assert');
const { execFileSync, spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { count, fibonacci, mask, serve, unmask } = require('../dist/index.js');

describe('the project', () => {
  it('was installed with its own script', () => {
    assert.strictEqual(fs.readFileSync('installed', 'utf8'), process.version + '\n');
  });

  it('has the native program that esbuild brings', () => {
    assert.strictEqual(execFileSync('node_modules/.bin/esbuild', ['--version'], { encoding: 'utf8' }), '0.21.5\n');
  });

  it('counts words', () => {
    assert.deepStrictEqual(count('The cat and the dog'), [
      { word: 'the', count: 2 }, { word: 'and', count: 1 }, { word: 'cat', count: 1 }, { word: 'dog', count: 1 },
    ]);
  });

  it('calls native code', () => {
    const data = Buffer.from('some text that is long enough');
    const key = Buffer.from([1, 2, 3, 4]);
    const masked = mask(data, key);
    assert.notDeepStrictEqual(masked, data);
    assert.deepStrictEqual(unmask(masked, key), data);
  });

  it('starts threads', async () => {
    assert.deepStrictEqual(await Promise.all([fibonacci(20), fibonacci(25)]), [6765, 75025]);
  });

  it('serves on the loopback', async () => {
    const server = serve().listen(0, 'localhost');
    await new Promise((done) => server.on('listening', done));
    const answer = await fetch(`http://localhost:${server.address().port}/`, { method: 'POST', body: 'a b a', headers: { connection: 'close' } });
    assert.deepStrictEqual(await answer.json(), [{ word: 'a', count: 2 }, { word: 'b', count: 1 }]);
    server.closeAllConnections(); // Node 18 would wait for fetch to let go of its own
    await new Promise((done) => server.close(done));
  });

  it('watches files', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'watch-'));
    const seen = new Promise((done) => {
      const watcher = fs.watch(dir, (event, name) => { watcher.close(); done(name); });
    });
    fs.writeFileSync(path.join(dir, 'new'), '');
    assert.strictEqual(await seen, 'new');
    fs.rmSync(dir, { recursive: true });
  });

  it('kills what it started', async () => {
    const child = spawn('sleep', ['60']);
    const ended = new Promise((done) => child.on('exit', (code, signal) => done(signal)));
    child.kill();
    assert.strictEqual(await ended, 'SIGTERM');
  });

  it('cannot reach the network', async () => {
    await assert.rejects(fetch('http://192.0.2.1/'));
  });
});
